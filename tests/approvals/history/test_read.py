"""What was decided: who sees it, by which filters, in pages and as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from approvals.deciding import decide
from approvals.history import read
from approvals.history.read import Filters, Position
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.models import Agent
from suggestions.answering.withdraw import withdraw
from suggestions.models import Proposal, Resolution
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser
from tests.approvals.vigilance.test_checks import check, plan, template
from tests.conftest import actor_of, suggestion_body

__all__ = ["check", "plan", "template"]
Propose = Callable[..., Any]


def ids(reader: Any, **filters: str) -> list[Any]:
    return read.page(read.ready(Filters(**filters), reader)).ids


def cells(reader: Any, **filters: str) -> list[dict[str, str]]:
    asked = Filters(**filters)
    text = b"".join(read.export(asked, reader, actor=actor_of(reader))).decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def decided(propose: Propose, agent: Agent, ana: Any, ben: Any) -> dict[str, Any]:
    """One of each end, oldest first; and one that waits."""
    found = {name: propose(subject={"type": "customer", "id": name}) for name in ("no", "gone", "waits")}
    second = suggestion_body(rank=2, arguments={"order_id": "#W2", "amount": 70})
    found["edited"] = propose(suggestions=[suggestion_body(), second])
    reject(found["no"], ben)
    withdraw(found["gone"].pk, agent=agent)
    option = found["edited"].suggestions.get(rank=2)
    decide.approve(
        option,
        reviewer=ana,
        actor=actor_of(ana),
        shown_digest=option.action_digest,
        arguments={"order_id": "#W2", "amount": 60, "note": "less"},
        reason="=too much",
    )
    return found


def test_it_lists_what_ended_newest_first(decided: dict[str, Any], ana: Any) -> None:
    assert ids(ana) == [decided[name].pk for name in ("edited", "gone", "no")]


def test_nobody_reads_what_is_not_theirs(decided: dict[str, Any], cyd: Any, dora: Any, olga: Any) -> None:
    assert ids(cyd) == []
    assert cells(cyd) == []
    assert len(ids(dora)) == len(ids(olga)) == len(cells(dora)) == 3


def test_a_team_that_has_to_agree_besides_reads_it_too(decided: dict[str, Any], cyd: Any) -> None:
    Proposal.objects.filter(pk=decided["no"].pk).update(also_teams=["finance"])

    assert ids(cyd) == [decided["no"].pk]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"outcome": "rejected"}, ["no"]),
        ({"by": "human"}, ["edited", "no"]),
        ({"reviewer": "ana"}, ["edited"]),
        ({"agent": "support-bot"}, ["edited", "gone", "no"]),
        ({"action": "refund_payment"}, ["edited", "gone", "no"]),
        ({"action": "other"}, []),
        ({"team": "operations"}, ["edited", "gone", "no"]),
        ({"team": "finance"}, []),
        ({"risk": "critical"}, []),
        ({"since": "2020-01-01T00:00"}, ["edited", "gone", "no"]),
        ({"until": "2020-01-01T00:00"}, []),
        ({"q": "no"}, ["no"]),
        ({"q": "customer no"}, ["no"]),
        ({"q": "order no"}, []),
        ({"q": "waits"}, []),
        ({"q": "no", "outcome": "approved"}, []),
        ({"reviewer": "ana", "outcome": "approved", "agent": "support-bot"}, ["edited"]),
    ],
)
def test_filters(decided: dict[str, Any], dora: Any, filters: dict[str, str], names: list[str]) -> None:
    wanted = [decided[name].pk for name in names]
    assert ids(dora, **filters) == wanted
    assert [row["proposal"] for row in cells(dora, **filters)] == [str(pk) for pk in wanted]


def test_a_proposal_is_found_by_its_identifier(decided: dict[str, Any], ana: Any, cyd: Any) -> None:
    assert ids(ana, q=str(decided["gone"].pk)) == [decided["gone"].pk]
    assert ids(ana, q=str(decided["waits"].pk)) == []
    assert ids(cyd, q=str(decided["gone"].pk)) == []


@pytest.mark.parametrize("name", ["outcome", "by", "reviewer", "agent", "risk", "since", "until"])
def test_a_filter_that_means_nothing_is_named(ana: Any, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        ids(ana, **{name: "x'; --"})
    assert [error["pointer"] for error in refused.value.errors] == [f"?{name}"]
    answer = browser(ana).get("/queue/history/", {name: "x'; --"})
    assert (answer.status_code, b'role="alert"' in answer.content) == (400, True)
    assert browser(ana).get("/queue/history/export/", {name: "x"}).status_code == 400


def test_each_row_tells_how_it_came_to_its_end(decided: dict[str, Any], dora: Any) -> None:
    Resolution.objects.filter(proposal=decided["edited"]).update(at=F("at") + timedelta(hours=3))

    edited, gone, no = cells(dora)

    assert edited["outcome"] == "approved"
    assert (edited["chosen_rank"], edited["suggestions"], edited["edited"]) == ("2", "2", "amount, note")
    assert (edited["decided_by"], edited["execution"]) == ("Ana", "handed_back")
    assert int(edited["seconds_to_decide"]) // 60 == 180
    assert (gone["by"], gone["chosen_rank"], gone["edited"]) == ("agent", "", "")
    assert (no["subject"], no["decided_by"]) == ("no", "Ben")
    html = browser(dora).get("/queue/history/").content.decode()
    assert "2 of 2" in html
    assert "edited: Amount 70 → 60; Note to customer added: less" in html
    assert ">3 h<" in html


def test_no_cell_begins_a_formula(decided: dict[str, Any], dora: Any) -> None:
    Proposal.objects.filter(pk=decided["no"].pk).update(subject_id="=HYPERLINK(1)", sentence="@SUM(1)")

    edited, _, no = cells(dora)

    assert edited["reason"] == "'=too much"
    assert (no["subject"], no["what"]) == ("'=HYPERLINK(1)", "'@SUM(1)")


def test_an_export_is_an_event_that_tells_no_subject(decided: dict[str, Any], ana: Any) -> None:
    answer = browser(ana).get("/queue/history/export/", {"q": "customer no", "outcome": "rejected"})

    assert answer["Content-Type"].startswith("text/csv")
    assert 'filename="history.csv"' in answer["Content-Disposition"]
    assert len(b"".join(answer).splitlines()) == 2
    event = json.loads(Event.objects.get(type="history.exported").body)
    assert event["data"] == {"format": "csv", "filters": {"q": "given", "outcome": "rejected"}}


def test_pages_follow_each_other_without_a_gap(propose: Propose, ana: Any, monkeypatch: Any) -> None:
    made = [propose() for _ in range(7)]
    for one in made:
        approve(one, ana)
    Resolution.objects.update(at="2026-01-01T00:00:00Z")  # all in the same moment

    for look_at in (3_000, 2):  # also where a page looks at fewer than it has room for
        monkeypatch.setattr(read, "LOOK_AT", look_at)
        assert list(walk(ana, outcome="approved")) == sorted((one.pk for one in made), reverse=True)


def walk(reader: Any, **filters: str) -> Iterator[Any]:
    asked, place = read.ready(Filters(**filters), reader), None
    for _ in range(20):
        page = read.page(asked, before=place, size=3)
        yield from page.ids
        place = page.next
        if place is None:
            return
        assert Position.read(place.as_cursor()) == place


def test_a_page_costs_the_same_for_one_and_for_twelve(propose: Propose, ana: Any) -> None:
    counts = []
    for more in (1, 11):
        for _ in range(more):
            approve(propose(), ana)
        with CaptureQueriesContext(connection) as queries:
            browser(ana).get("/queue/history/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_cursor_can_be_anything(ana: Any) -> None:
    for cursor in ("x", "=", "%25", Position.read.__name__):
        assert browser(ana).get("/queue/history/", {"cursor": cursor}).status_code == 400


def test_a_check_is_not_in_it(check: Any, ana: Any, dora: Any) -> None:
    approve(check.proposal, ana)

    for reader in (ana, dora):
        assert ids(reader) == ids(reader, q=str(check.proposal_id)) == cells(reader) == []
