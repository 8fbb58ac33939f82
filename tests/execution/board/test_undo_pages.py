"""The offer to undo on pages: the exact calls, escaped, and the two answers with the digest in the form."""

from __future__ import annotations

import re
from typing import Any

import pytest

from execution.models import Compensation, Execution
from suggestions.models import Proposal
from tests.execution.conftest import run_to_rest, step, workflow
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def half_done(approved: Any, shop: Any) -> Any:
    """The refund was made, the mail was refused; undoing repeats what the shop answered."""
    shop.will("/refunds", (201, {"id": "<b>\u202er-7"}, {}))
    shop.will("/mail", 422)
    back = {"kind": "http", "url": f"{shop.url}/back", "body": {"id": "=steps.refund.json.id"}}
    first = step(f"{shop.url}/refunds", undo={"routes": [back]})
    return run_to_rest(approved(workflow(first, step(f"{shop.url}/mail", name="mail"))))


def test_the_case_shows_the_exact_calls_and_takes_the_approval(
    half_done: Any, shop: Any, client: Any, ana: Any
) -> None:
    client.force_login(ana)
    case = f"/queue/{half_done.proposal_id}/"
    page = client.get(case).content.decode()
    assert f"{shop.url}/back" in page
    assert "&lt;b&gt;" in page
    assert "<b>\u202e" not in page
    assert "\u202er-7" not in page
    assert "One person has to approve it." in in_one_line(page)
    digest = re.search(r'name="digest" value="(sha256:\w+)"', page)[1]

    client.post(f"/executions/{half_done.pk}/undo/approve/", {"digest": "sha256:0", "reason": "x"})
    assert Compensation.objects.get().status == "offered"
    client.post(f"/executions/{half_done.pk}/undo/approve/", {"digest": digest, "reason": "He left."})

    assert run_to_rest(half_done).status == "cancelled"
    assert shop.asked("/back")[0][1] == {"id": "<b>\u202er-7"}
    assert "undo/approve" not in client.get(case).content.decode()


def test_of_two_that_have_to_agree_the_first_is_named_and_asked_no_more(
    half_done: Any, client: Any, ana: Any
) -> None:
    Compensation.objects.update(approvals_needed=2)
    client.force_login(ana)
    form = {"digest": Compensation.objects.get().digest, "reason": "He left."}
    client.post(f"/executions/{half_done.pk}/undo/approve/", form)

    page = in_one_line(client.get(f"/queue/{half_done.proposal_id}/").content.decode())

    assert "1 of 2 people that it needs have approved it." in page
    assert "You have approved it; somebody else has to." in page
    assert "undo/approve" not in page
    assert Execution.objects.get().status == "needs_attention"


def test_what_is_left_as_it_is_is_offered_no_more(half_done: Any, client: Any, olga: Any) -> None:
    client.force_login(olga)
    assert "Undoing what was done is offered" in client.get("/executions/").content.decode()
    form = {"digest": Compensation.objects.get().digest, "reason": "The mail can wait."}

    client.post(f"/executions/{half_done.pk}/undo/decline/", form)

    offer = Compensation.objects.get()
    assert (offer.status, offer.reason) == ("declined", "The mail can wait.")
    assert "Undoing what was done is offered" not in client.get("/executions/").content.decode()


def test_who_only_looks_sees_the_calls_without_the_answers(
    half_done: Any, shop: Any, client: Any, dora: Any
) -> None:
    client.force_login(dora)
    page = in_one_line(client.get(f"/queue/{half_done.proposal_id}/").content.decode())
    assert f"{shop.url}/back" in page
    assert "Those who could decide on the action, or operators, approve it" in page
    assert "undo/approve" not in page
    for verb in ("approve", "decline"):
        assert client.post(f"/executions/{half_done.pk}/undo/{verb}/").status_code == 403
    assert Proposal.objects.get().execution.status == "needs_attention"


def test_the_owner_of_the_agent_may_leave_it_as_it_is_but_not_approve(
    half_done: Any, client: Any, olga: Any
) -> None:
    client.force_login(olga)
    page = client.get(f"/executions/{half_done.pk}/").content.decode()
    assert "You own this agent, so somebody else has to approve it." in page
    assert ("undo/approve" in page, "undo/decline" in page) == (False, True)
    form = {"digest": Compensation.objects.get().digest, "reason": "He left."}

    assert client.post(f"/executions/{half_done.pk}/undo/approve/", form).status_code == 403
    assert Compensation.objects.get().status == "offered"
