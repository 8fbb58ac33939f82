"""The form of a table, sent as nobody's page sends it; and what a table says of odd values."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core import signing

from approvals.bulk import answer as bulk
from approvals.bulk.answer import Shown
from approvals.bulk.table import side_by_side
from approvals.bulk.views import ticket_for
from approvals.deciding.together import MOST, candidates
from approvals.models import Batch, BatchItem, Decision
from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.actions.action_types import register
from suggestions.models import Proposal
from tests.approvals.bulk.test_bulk import refund, shown
from tests.approvals.deciding.test_decide import reject
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

Propose = Callable[..., Any]
ZEROS = "sha256:" + "0" * 64


@pytest.fixture
def two(propose: Propose) -> list[Any]:
    return [refund(propose, n) for n in range(2)]


def lines(proposals: list[Any]) -> str:
    return "\n".join(f"{one.proposal}:{one.digest}" for one in shown(proposals))


def form(person: Any, proposals: list[Any], **changes: str) -> dict[str, str]:
    sent = {"ticket": ticket_for(person), "items": lines(proposals), "verdict": "approve", "reason": ""}
    return {**sent, **changes}


def nothing_happened() -> bool:
    said = Event.objects.filter(type__in=["batch.submitted", "decision.made"])
    return not (Batch.objects.exists() or Decision.objects.exists() or said.exists())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ticket": ""}, "This table is too old, or not yours."),
        ({"ticket": "a:b:c"}, "This table is too old, or not yours."),
        ({"ticket": "\u202e"}, "This table is too old, or not yours."),
        ({"verdict": ""}, "Approve, reject or return."),
        ({"verdict": "escalate"}, "Approve, reject or return."),
        ({"verdict": "APPROVE"}, "Approve, reject or return."),
        ({"verdict": "reject"}, "Say why: the agents and the log need a reason."),
        ({"verdict": "return", "reason": " \n"}, "Say why: the agents and the log need a reason."),
        ({"reason": "x" * 2_001}, "Say it in at most 2,000 characters."),
    ],
)
def test_a_form_that_is_none_decides_nothing_and_says_why(
    two: list[Any], ana: Any, changes: dict[str, str], said: str
) -> None:
    answer = browser(ana).post("/queue/bulk/", form(ana, two, **changes))

    text = html.unescape(answer.content.decode())
    assert (answer.status_code, nothing_happened()) == (422, True)
    assert said in text
    assert changes.get("reason", "").strip() in text
    assert all(str(one.pk) in text for one in two)
    assert Event.objects.filter(type="batch.refused").count() == 1


@pytest.mark.parametrize("items", ["", "nonsense", f"{UUID(int=7)}:{ZEROS}", "٣:x\n\u202e", ":" * 200])
def test_a_form_about_nothing_is_not_there(two: list[Any], ana: Any, items: str) -> None:
    assert browser(ana).post("/queue/bulk/", form(ana, two, items=items)).status_code == 404
    assert nothing_happened()


def test_a_table_that_was_left_open_over_night_is_looked_at_again(
    two: list[Any], ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = form(ana, two)
    hours = 8 * 3_600 + 60
    now = time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + hours)

    answer = browser(ana).post("/queue/bulk/", sent)

    assert (answer.status_code, nothing_happened()) == (422, True)
    assert "Look at it again." in answer.content.decode()


@pytest.mark.parametrize(
    ("digest", "said"),
    [
        ("", "The action is not the one that was shown."),
        (ZEROS, "The action is not the one that was shown."),
        ("x" * 500, "The action is not the one that was shown."),
    ],
)
@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_what_was_not_shown_is_not_decided(
    two: list[Any], ana: Any, verdict: str, digest: str, said: str
) -> None:
    sent = form(ana, two[:1], verdict=verdict, reason="no", items=f"{two[0].pk}:{digest}")

    answer = browser(ana).post("/queue/bulk/", sent, follow=True)

    item = BatchItem.objects.get()
    assert (item.outcome, item.decision) == ("refused", None)
    assert said in item.detail
    assert said in html.unescape(answer.content.decode())
    assert set(Proposal.objects.values_list("status", flat=True)) == {"pending"}


@pytest.mark.parametrize("number", [0, 2, MOST + 1])
def test_each_is_in_it_once_and_not_more_than_a_table_shows(two: list[Any], ana: Any, number: int) -> None:
    items = [Shown(uuid4(), ZEROS) for _ in range(number)] if number != 2 else shown(two)[:1] * 2
    with pytest.raises(bulk.Invalid) as refused:
        bulk.submit(uuid4(), items, verdict="approve", said="", reviewer=ana, actor=actor_of(ana))
    assert refused.value.errors[0]["pointer"] == "/item"
    assert nothing_happened()


def test_the_same_ticket_for_another_answer_leads_to_what_became_of_the_first(
    two: list[Any], ana: Any
) -> None:
    client, sent = browser(ana), form(ana, two)
    first = client.post("/queue/bulk/", sent)

    answer = client.post("/queue/bulk/", {**sent, "verdict": "reject", "reason": "no"}, follow=True)

    assert answer.redirect_chain == [(first["Location"], 302)]
    assert "These were answered already, in another way." in answer.content.decode()
    assert Batch.objects.get().verdict == "approve"
    assert Decision.objects.count() == 2


@pytest.mark.parametrize(
    ("seconds", "looked"), [("", None), ("x", None), ("-5", None), ("9" * 20, None), ("0", 0)]
)
def test_how_long_it_was_looked_at_is_a_number_or_unknown(
    two: list[Any], ana: Any, seconds: str, looked: int | None
) -> None:
    browser(ana).post("/queue/bulk/", form(ana, two, seconds=seconds))
    assert Batch.objects.get().looked_seconds == looked


def test_nothing_is_undone_twice_and_what_is_over_does_not_go_on(two: list[Any], ana: Any) -> None:
    client = browser(ana)
    address = client.post("/queue/bulk/", form(ana, two, verdict="reject", reason="no"))["Location"]

    undone = client.post(f"{address}undo/", follow=True)

    assert "There was nothing to undo." in undone.content.decode()
    Batch.objects.update(at="2026-01-01T00:00Z")
    assert client.post(f"{address}go/").status_code == 303  # nothing is left of it
    BatchItem.objects.filter(position=1).update(outcome="waiting", decision=None)
    over = client.post(f"{address}go/", follow=True)
    assert "Too much time has passed. What is left of it waits in the queue." in over.content.decode()
    assert BatchItem.objects.get(position=1).outcome == "waiting"


def test_all_that_was_decided_meanwhile_is_told_line_by_line(two: list[Any], ana: Any, ben: Any) -> None:
    sent = form(ana, two)
    for one in two:
        reject(one, ben)

    answer = browser(ana).post("/queue/bulk/", sent, follow=True)

    text = html.unescape(answer.content.decode())
    assert "2 not decided." in text
    said = "Decided meanwhile. This proposal was already rejected, by Ben."
    assert set(BatchItem.objects.values_list("detail", flat=True)) == {said}
    assert text.count(said) == 2
    assert Decision.objects.filter(reviewer=ana).count() == 0


# --- What a table says ------------------------------------------------------------------------------------


@pytest.fixture
def odd(propose: Propose) -> Callable[..., list[Any]]:
    """`odd(values)` proposes an action whose one argument may be anything, once with each value."""
    schema = {"type": "object", "properties": {"x": {}, "orderId": {}}, "additionalProperties": False}
    register({"name": "mark", "schema": schema, "template": "Mark {orderId}"}, actor=SYSTEM)

    def make(values: list[Any], name: str = "x") -> list[Any]:
        made = []
        for n, value in enumerate(values):
            arguments = {"orderId": 100 + n, **({} if value is ... else {name: value})}
            made.append(propose(suggestions=[suggestion_body(action="mark", arguments=arguments)]))
        return made

    return make


def column(proposals: list[Any], reader: Any, title: str) -> list[tuple[str, str]]:
    """The cells of a column, top to bottom: what each says, and why it stands out."""
    [table] = side_by_side(candidates([one.pk for one in proposals], reader)).tables
    by_id = {line.id: {of.title: cell for of, cell in line.in_columns} for line in table.lines}
    cells = [by_id[str(one.pk)][title] for one in proposals]
    return [("".join(p.text for p in cell.text) if cell.given else "—", cell.note) for cell in cells]


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([1, 1, 1, 1, True], ["1", "1", "1", "1", "yes!"]),
        (["a", "a", "a", "a", "b"], ["a", "a", "a", "a", "b!"]),
        (["a", "a", "a", "b"], ["a", "a", "a", "b"]),
        (["a", "a", "a", "b", "b"], ["a", "a", "a", "b", "b"]),
        (["a", "a", "a", "b", "c"], ["a", "a", "a", "b", "c"]),
        ([None, None, None, None, ""], ["nothing", "nothing", "nothing", "nothing", "(empty)!"]),
        (["a", "a", "a", "a", ...], ["a", "a", "a", "a", "—"]),
    ],
)
def test_the_one_that_differs_from_all_others_stands_out_and_no_other(
    odd: Any, ana: Any, values: list[Any], cells: list[str]
) -> None:
    found = column(odd(values), ana, "X")
    assert [text + ("!" if note else "") for text, note in found] == cells


def test_numbers_that_name_something_are_not_added_up(odd: Any, ana: Any) -> None:
    made = odd([1, 2])
    found = side_by_side(candidates([one.pk for one in made], ana))

    assert found.said == "2 × mark"  # although the sentence names the number of the order
    assert {of.title: of.total for of in found.tables[0].columns} == {"Order id": "", "X": "3"}
    assert [text for text, _ in column(made, ana, "Order id")] == ["100", "101"]


def test_nothing_side_by_side_says_nothing(ana: Any) -> None:
    found = side_by_side([])
    assert (found.tables, found.left, found.number, found.of, found.grace_seconds) == ([], [], 0, [], 0)
    assert not found.several_needed


def test_one_alone_shares_nothing_with_others(two: list[Any], ana: Any) -> None:
    alone, both = (side_by_side(candidates([one.pk for one in some], ana)) for some in (two[:1], two))
    assert alone.of == []
    assert both.of == ["Agent: support-bot", "Team: operations", "Risk: medium", "About: customer"]
    assert (alone.said, both.said) == ("1 refund, 40 in total", "2 refunds, 80 in total")
