"""The page of one's own figures, at its edges."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models import F

from approvals.attention.pace import Run, TimedDecision, run_of, runs_in
from approvals.attention.reading import is_faster_than_reading
from approvals.models import Decision
from insights.mine import figures
from insights.mine.figures import SPANS, figures_of
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser
from tests.conftest import suggestion_body
from tests.queries import same_queries_at


def refund(n: int) -> list[dict[str, Any]]:
    return [suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})]


def html_of(person: Any, address: str = "/figures/") -> str:
    answer = browser(person).get(address)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("", 30),
        ("?days=7", 7),
        ("?days=90", 90),
        ("?days=8", 30),
        ("?days=", 30),
        ("?days=-7", 30),
        ("?days=07", 30),
        ("?days=٧", 30),
        ("?days=" + "9" * 400, 30),
        ("?user=1&days=7", 7),
    ],
)
def test_only_three_spans_are_asked_for(ana: Any, query: str, days: int) -> None:
    html = html_of(ana, f"/figures/{query}")
    assert f"Nothing decided in {days} days" in html
    assert re.findall(r'href="\?days=(\d+)" aria-current="page"', html) == [str(days)]


@pytest.mark.parametrize("address", ["/figures/", "/figures/strip/"])
def test_it_can_only_be_read(ana: Any, dora: Any, olga: Any, address: str) -> None:
    assert browser(ana).post(address).status_code == 405
    assert browser(ana).head(address).status_code == 200
    for person in (dora, olga):
        assert browser(person).get(address).status_code == 403


def test_figures_cost_the_same_for_twelve_as_for_one(propose: Any, ana: Any) -> None:
    def ask() -> int:
        html = html_of(ana, "/figures/?days=7")
        html_of(ana, "/figures/strip/")
        return int(re.findall(r"Decided</th>.*?>(\d+)</span>", html, re.S)[0])

    same_queries_at(1, 12, lambda n: reject(propose(suggestions=refund(n)), ana), ask)


def test_a_share_of_few_is_a_count_alone(propose: Any, ana: Any) -> None:
    for n in range(9):
        approve(propose(suggestions=refund(n)), ana)
    nine = html_of(ana, "/figures/?days=7")
    approve(propose(suggestions=refund(9)), ana)
    ten = html_of(ana, "/figures/?days=7")

    assert "9 of 9" in nine
    assert "100%" not in re.sub(r"\d+% to 100%", "", nine)
    assert "10 of 10" in ten
    assert "100%" in re.sub(r"\d+% to 100%", "", ten)


def test_of_very_many_the_newest_are_looked_at(
    propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST", 2)
    for n in range(3):
        (approve if n else reject)(propose(suggestions=refund(n)), ana)

    mine = figures_of(ana, 7)

    assert (mine.decided, mine.more) == (2, True)
    assert (mine.approved.count, mine.approved.of) == (2, 2)
    assert "The newest 2 are looked at." in html_of(ana, "/figures/?days=7")


def test_what_was_taken_back_or_escalated_is_no_answer(propose: Any, ana: Any) -> None:
    for n in range(3):
        reject(propose(suggestions=refund(n)), ana)
    first, second, _ = Decision.objects.order_by("at", "pk")
    Decision.objects.filter(pk=first.pk).update(standing=False)
    Decision.objects.filter(pk=second.pk).update(verdict="escalate", to_team="operations")

    mine = figures_of(ana, 7)

    assert (mine.decided, mine.approved.of, mine.overturned.of) == (3, 1, 1)


@pytest.mark.parametrize("days", SPANS)
def test_what_is_older_than_the_span_does_not_count(propose: Any, ana: Any, days: int) -> None:
    reject(propose(suggestions=refund(1)), ana)
    Decision.objects.update(at=F("at") - timedelta(days=days) + timedelta(minutes=1))
    assert figures_of(ana, days).decided == 1
    Decision.objects.update(at=F("at") - timedelta(minutes=2))
    assert figures_of(ana, days).decided == 0


def test_where_pace_is_not_measured_nothing_is_said_of_it(
    propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(propose(suggestions=refund(1)), ana)
    Decision.objects.update(looked_seconds=1, reading_seconds=100)
    assert "Faster than reading" in html_of(ana, "/figures/?days=7")

    monkeypatch.setattr(settings, "MEASURE_PACE", False)

    assert figures_of(ana, 7).pace is None
    assert "Faster than reading" not in html_of(ana, "/figures/?days=7")


# --- Runs -----------------------------------------------------------------------------------------------


def timed(marks: str) -> list[TimedDecision]:
    """Newest first: `h` a hasty approval, `s` a slow one, `r` a hasty rejection, `?` of unknown time."""
    kinds = {
        "h": ("approve", 1, 100),
        "s": ("approve", 99, 100),
        "r": ("reject", 1, 100),
        "?": ("approve", None, 100),
    }
    return [TimedDecision(n, *kinds[mark]) for n, mark in enumerate(marks)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("marks", "least", "count", "runs"),
    [
        ("", 3, 0, 0),
        ("hh", 3, 0, 0),
        ("hhh", 3, 3, 1),
        ("hhhhhh", 3, 6, 1),
        ("shhh", 3, 0, 1),
        ("hhhshhh", 3, 3, 2),
        ("rhhh", 3, 0, 1),
        ("hh?hh", 3, 0, 0),
        ("hhh?hhh", 3, 3, 2),
        ("hhh", 0, 0, 0),
        ("h", 1, 1, 1),
        ("hshsh", 1, 1, 3),
    ],
)
def test_a_run_is_what_one_is_in_the_middle_of(marks: str, least: int, count: int, runs: int) -> None:
    found = run_of(timed(marks), least=least)

    assert runs_in(timed(marks), least=least) == runs
    if not count:
        assert found is None
        return
    assert found == Run(began_with=count - 1, count=count, took=1, holds=100)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("looked", "reading", "faster"),
    [
        (0, 1, True),
        (24, 100, True),
        (25, 100, False),
        (0, 0, False),
        (None, 100, False),
        (1, None, False),
        (None, None, False),
    ],
)
def test_less_than_a_quarter_of_the_reading_is_faster_than_reading(
    looked: int | None, reading: int | None, faster: bool
) -> None:
    assert is_faster_than_reading(looked, reading) is faster
