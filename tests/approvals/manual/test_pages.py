"""The pages of what teams carry out by hand: without a script, as a browser sends them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from execution.manual import tasks
from execution.models import Execution, ManualTask
from execution.running.run import run
from tests.execution.conftest import approved, step, workflow
from tests.queries import spent

__all__ = ["approved"]
FORM = {
    "type": "object",
    "properties": {
        "receipt": {"type": "string", "title": "Number of the receipt", "minLength": 1},
        "amount": {"type": "number", "minimum": 0},
        "items": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["receipt", "amount"],
    "additionalProperties": False,
}
HERE = reverse("approvals:by-hand")


def hand(approved: Callable[..., Any], *, title: str = "Pay it back", form: Any = FORM) -> ManualTask:
    to = {"team": "finance", "title": title, **({"form": form} if form else {})}
    execution = approved(workflow(step({"kind": "handback", "to": to})))
    run(execution.pk)
    return ManualTask.objects.get(execution=execution)


@pytest.fixture(autouse=True)
def _no_messages(monkeypatch: Any) -> None:
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)


def as_(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def sent_by(page: str) -> dict[str, str]:
    """The fields of the form as they stand in a page, which a browser would send."""
    form = page[page.index('class="second-form"') :]
    found = re.findall(r'<input[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', form, re.S)
    return {name: value.replace("&quot;", '"') for name, value in found if name != "do"}


def test_a_task_is_claimed_filled_in_and_done(approved: Callable[..., Any], cyd: Any) -> None:
    task, client = hand(approved), as_(cyd)
    listed = client.get(HERE).content.decode()
    assert "Pay it back" in listed
    assert "nobody" in listed

    client.post(f"{HERE}{task.pk}/claim/")
    page = client.get(f"{HERE}{task.pk}/").content.decode()
    assert "You are on it." in page
    assert "What was approved, exactly" in page
    assert str(task.execution.proposal.resolution.arguments["order_id"]) in page
    assert "Number of the receipt" in page

    sent = {**sent_by(page), "v.r-0": "R-1", "v.r-1": "54.04", "comment": "Paid."}
    wrong = client.post(f"{HERE}{task.pk}/", {**sent, "v.r-1": "-1", "do": "done"})
    assert (wrong.status_code, 'value="R-1"' in wrong.content.decode()) == (422, True)
    assert "Put right what is marked below." in wrong.content.decode()
    more = client.post(f"{HERE}{task.pk}/", {**sent, "p.r": '"items"', "do": "add r"}).content.decode()
    assert ("No items" in more, 'value="R-1"' in more) == (True, True)

    done = client.post(f"{HERE}{task.pk}/", {**sent, "do": "done"}, follow=True).content.decode()
    assert "It is done. What comes next goes on." in done
    assert ("R-1" in done, "Paid." in done, 'name="do"' in done) == (True, True, False)
    assert "Number of the receipt" in done
    assert ManualTask.objects.get().answer == {"receipt": "R-1", "amount": 54.04}
    assert "Nothing to do by hand" in client.get(HERE).content.decode()
    assert cyd.printed_name in client.get(f"{HERE}?show=ended").content.decode()


def test_what_could_not_be_done_needs_a_reason_and_no_form(approved: Callable[..., Any], cyd: Any) -> None:
    task, client = hand(approved), as_(cyd)
    refused = client.post(f"{HERE}{task.pk}/", {"do": "give_up", "comment": " "})
    assert (refused.status_code, "Say why it could not be done" in refused.content.decode()) == (422, True)
    client.post(f"{HERE}{task.pk}/", {"do": "give_up", "comment": "The account is closed."})
    assert ManualTask.objects.get().status == "not_done"


def test_who_comes_too_late_is_told(approved: Callable[..., Any], cyd: Any, olga: Any) -> None:
    task, client = hand(approved, form=None), as_(cyd)
    tasks.report_done(task, by=cyd, answer=None, comment="Paid.")
    late = client.post(f"{HERE}{task.pk}/", {"do": "done", "comment": "Paid again."})
    assert (late.status_code, ManualTask.objects.get().comment) == (409, "Paid.")


def test_what_nobody_stands_behind_any_more_is_not_shown(approved: Callable[..., Any], cyd: Any) -> None:
    task = hand(approved)
    Execution.objects.filter(pk=task.execution_id).update(action_digest=f"sha256:{'0' * 64}")
    page = as_(cyd).get(f"{HERE}{task.pk}/").content.decode()
    assert "Do nothing." in page
    assert 'name="do"' not in page


def test_the_queue_says_how_many_wait(approved: Callable[..., Any], cyd: Any, ana: Any) -> None:
    hand(approved)
    assert "To do by hand" in as_(cyd).get(reverse("approvals:queue")).content.decode()
    assert "To do by hand" not in as_(ana).get(reverse("approvals:queue")).content.decode()


def test_the_list_asks_as_often_for_many_as_for_one(approved: Callable[..., Any], cyd: Any) -> None:
    tasks_ = [hand(approved) for _ in range(3)]
    client = as_(cyd)
    client.get(HERE)
    with spent() as three:
        client.get(HERE)
    ManualTask.objects.exclude(pk=tasks_[0].pk).delete()
    with spent() as one:
        client.get(HERE)
    assert len(three.statements) == len(one.statements)
