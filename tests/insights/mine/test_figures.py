"""One's own figures: what they count, that nobody else sees them, and the quiet word about pace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from approvals.attention import pace, reading
from approvals.attention.pace import TimedDecision
from approvals.deciding import reopen as reopening
from approvals.models import Check, Decision, Look
from approvals.vigilance import forget
from audit.models import Event
from insights.mine.figures import figures_of
from suggestions.models import Proposal, SecondReview
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of, suggestion_body
from tests.pages import in_one_line


def refund(amount: float, order: str = "") -> list[dict[str, Any]]:
    return [suggestion_body(arguments={"order_id": order or f"#{amount}", "amount": amount})]


def look_at(proposal: Any, person: Any, seconds: int) -> None:
    Look.objects.create(proposal=proposal, user=person, until=Now(), seconds=seconds)


def test_figures_count_what_one_decided_oneself(propose: Any, ana: Any, ben: Any) -> None:
    for n in range(3):
        proposal = propose(suggestions=refund(n + 1))
        look_at(proposal, ana, 4)
        approve(proposal, ana)
    rejected = propose(suggestions=refund(9))
    look_at(rejected, ana, 100)
    reject(rejected, ana)
    reopening.reopen(rejected.pk, reviewer=ben, actor=actor_of(ben))
    reject(propose(suggestions=refund(10)), ben)

    mine = figures_of(ana, 7)

    assert mine.decided == 4
    assert (mine.approved.count, mine.approved.of) == (3, 4)
    assert (mine.first_ranked.count, mine.first_ranked.of) == (3, 3)
    assert (mine.overturned.count, mine.overturned.of) == (1, 4)
    assert mine.pace is not None
    assert (mine.pace.known, mine.pace.took, mine.pace.hasty) == (4, 4, 0)
    assert figures_of(ben, 7).decided == 1


def test_checks_and_second_looks_of_others_are_not_mine(propose: Any, ana: Any, ben: Any, olga: Any) -> None:
    results = ["caught", "caught", "missed", "right", "false_alarm", "passed_on"]
    for person, result in [*((ana, one) for one in results), (ben, "missed")]:
        kind = "good" if result in ("right", "false_alarm") else "bad"
        proposal = propose(suggestions=refund(5))
        fields = {"team_id": "operations", "kind": kind, "why": "x", "result": result, "reviewer": person}
        Check.objects.create(proposal=proposal, ended_at=Now(), **fields)
    for status, first, second in [("agreed", ana, ben), ("differed", ben, ana), ("agreed", ben, olga)]:
        SecondReview.objects.create(
            proposal=propose(suggestions=refund(6)),
            team_id="operations",
            first=first,
            second=second,
            status=status,
            verdict="reject",
            share=1,
            deadline=Now(),
            ended_at=Now(),
        )
    mine = figures_of(ana, 30)
    assert (mine.caught.count, mine.caught.of) == (2, 3)
    assert (mine.false_alarms.count, mine.false_alarms.of) == (1, 2)
    assert (mine.agreed.count, mine.agreed.of, mine.passed_on) == (1, 2, 1)


def test_what_is_older_than_the_span_is_left_out(propose: Any, ana: Any) -> None:
    reject(propose(), ana)
    Decision.objects.update(at=Now() - timedelta(days=8))
    assert figures_of(ana, 7).decided == 0
    assert figures_of(ana, 30).decided == 1


def test_as_many_questions_for_many_decisions_as_for_one(propose: Any, ana: Any) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            figures_of(ana, 30)
        return len(queries)

    reject(propose(suggestions=refund(1)), ana)
    before = asked()
    for n in range(5):
        reject(propose(suggestions=refund(n + 2)), ana)
    assert asked() == before <= 5


def test_the_page_is_of_whoever_asks_and_nobody_elses(propose: Any, ana: Any, ben: Any, client: Any) -> None:
    reject(propose(), ana)
    client.force_login(ana)
    assert "0 of 1" in client.get("/figures/?days=7").content.decode()
    assert "1</b> decided" in in_one_line(client.get("/figures/strip/").content.decode())
    client.force_login(ben)
    for query in ("", "?user=ana", f"?user={ana.pk}", "?days=7&reviewer=1", "?days=x"):
        assert "Nothing decided in" in client.get(f"/figures/{query}").content.decode()
    assert client.get("/figures/strip/").content.decode().strip() == ""


# --- Pace -------------------------------------------------------------------------------------------


def told(*seconds: int | None, verdict: str = "approve") -> list[TimedDecision]:
    return [TimedDecision(uuid4(), verdict, one, 60) for one in seconds]


@pytest.mark.parametrize(
    ("decisions", "count"),
    [
        (told(4, 4, 4, 4, 4), 5),
        (told(4, 4, 4, 4), 0),
        (told(4, 4, 20, 4, 4), 0),
        (told(20, 4, 4, 4, 4, 4), 0),
        (told(4, 4, 4, 4, None), 0),
        ([*told(4, 4), *told(4, verdict="reject"), *told(4, 4)], 0),
        (told(*[3] * 9, 50), 9),
        ([], 0),
    ],
)
def test_a_run_is_of_approvals_one_after_the_other(decisions: list[TimedDecision], count: int) -> None:
    run = pace.run_of(decisions, least=5)
    assert (run.count if run else 0) == count
    if run:
        assert run.began_with == decisions[count - 1].id
        assert run.holds == 60


def test_runs_are_counted_once_each_and_not_at_all_where_that_is_off() -> None:
    decisions = told(*[3] * 7, 50, *[3] * 4, 50, *[3] * 5)
    assert pace.runs_in(decisions, least=5) == 2
    assert pace.runs_in(decisions, least=0) == 0
    assert pace.run_of(decisions, least=0) is None


def hurry(propose: Any, person: Any, times: int) -> None:
    for n in range(times):
        proposal = propose(suggestions=refund(n + 1), summary="word " * 200)
        look_at(proposal, person, 3)
        approve(proposal, person)


def test_the_desk_says_it_once_in_a_run_and_never_stands_in_the_way(
    propose: Any, ana: Any, client: Any
) -> None:
    hurry(propose, ana, 5)
    open_now = propose(suggestions=refund(99))
    client.force_login(ana)
    text = client.get(f"/queue/{open_now.pk}/").content.decode()
    assert "The last 5 took 3 s each; they hold about" in text
    word = text[text.index("The last 5 took") - 500 : text.index("they hold about")]
    assert 'class="pace ' in word
    assert 'role="alert"' not in word
    began = text.split('name="run" value="')[1][:36]

    assert client.post("/queue/pace/", {"run": began}).status_code == 302
    assert "took 3 s each" not in client.get(f"/queue/{open_now.pk}/").content.decode()
    look_at(open_now, ana, 1)
    approve(open_now, ana)
    assert "took" not in client.get("/queue/").content.decode().split('class="pace')[-1][:60]
    assert Event.objects.filter(type__contains="pace").count() == 0


@pytest.mark.parametrize("off", [{"PACE_RUN": 0}, {"MEASURE_PACE": False}])
def test_it_can_be_turned_off(
    propose: Any, ana: Any, client: Any, settings: Any, off: dict[str, Any]
) -> None:
    for name, value in off.items():
        setattr(settings, name, value)
    hurry(propose, ana, 5)
    client.force_login(ana)
    assert "took 3 s each" not in client.get("/queue/").content.decode()
    if "MEASURE_PACE" in off:
        assert Decision.objects.filter(looked_seconds__isnull=False).count() == 0
        assert figures_of(ana, 7).pace is None
        assert not any("looked_seconds" in body for body in Event.objects.values_list("body", flat=True))


# --- Reading ----------------------------------------------------------------------------------------


def test_reading_takes_longer_the_more_there_is(propose: Any) -> None:
    def seconds(**changes: Any) -> int:
        proposal = propose(**changes)
        return reading.seconds_for(proposal, proposal.suggestions.all(), chosen=None)

    short = seconds()
    long = seconds(summary="word " * 238)
    assert 58 <= long - short <= 62
    more = [suggestion_body(arguments={"order_id": "#W1", "amount": 1, "note": "x"})]
    assert seconds(suggestions=more) > seconds(suggestions=refund(1, "#W1"))


@pytest.mark.parametrize(
    ("text", "words"), [("", 0), ("two words", 2), ("order #W123", 3), ("お茶を一杯", 2.5), ("it's fine.", 2)]
)
def test_words_are_counted_as_they_are_read(text: str, words: float) -> None:
    assert reading.words(text) == words


def test_nothing_grows_without_bound() -> None:
    body = Proposal(title="x", context={"a": ["word " * 1_000_000]})
    assert reading.seconds_for(body, [], chosen=None) == reading.MOST_SECONDS


# --- Forgetting -------------------------------------------------------------------------------------


def test_what_is_kept_for_a_while_is_forgotten_then(propose: Any, ana: Any, ben: Any) -> None:
    old, new = propose(suggestions=refund(1)), propose(suggestions=refund(2))
    for proposal in (old, new):
        look_at(proposal, ana, 30)
        reject(proposal, ana)
    assert forget.forget_figures() == {"looks": 0, "times": 0, "second_reviews": 0, "checks": 0}
    Look.objects.filter(proposal=old).update(until=F("until") - timedelta(days=91))
    check = Proposal.objects.get(pk=propose(suggestions=refund(3)).pk)
    Check.objects.create(
        proposal=check,
        team_id="operations",
        kind="bad",
        why="x",
        result="expired",
        ended_at=Now() - timedelta(days=91),
    )

    forgotten = forget.forget_figures()

    assert forgotten["looks"] == 1
    assert Look.objects.get().proposal == new
    assert Decision.objects.filter(looked_seconds=30).count() == 2
    assert Event.objects.filter(type="figures.forgotten").count() == 1
