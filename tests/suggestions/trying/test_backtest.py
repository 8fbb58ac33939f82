"""A policy put before recorded proposals, beside what people decided."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from approvals.deciding import decide
from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.ground.wilson import share
from audit.models import Event
from governance.models import Agent, PolicyVersion
from governance.policies import lifecycle
from suggestions.models import Backtest, BacktestChunk, Disagreement, Proposal, Sample
from suggestions.trying import backtest
from suggestions.trying.rejudge import Chosen
from suggestions.trying.tally import ANSWERS, sentences
from tests.conftest import DEPLOYED, actor_of, in_force, suggestion_body

CANDIDATE = """
version: 1
may_pass: [refund_payment]
defaults: {verdict: review, team: operations, approvals: 1, decide_within: 4h}
rules:
  - name: small
    when: args.amount < 100.0
    then: {verdict: auto_approve}
  - name: huge
    when: args.amount > 1000.0
    then: {verdict: block, reason: "Too much"}
  - name: two-people
    when: args.amount > 500.0
    then: {verdict: review, approvals: 2, decide_within: 30m}
"""


@pytest.fixture
def candidate(olga: Any, ana: Any) -> PolicyVersion:
    return lifecycle.draft(CANDIDATE, author=olga)[0]


@pytest.fixture
def decided(propose: Callable[..., Any], ana: Any) -> Callable[..., Proposal]:
    """`decided(amount, answer)`: a proposal about so much, and what ana said of it."""

    def make(amount: float, answer: str = "", **changes: Any) -> Proposal:
        arguments = {"order_id": "#W1", "amount": amount}
        changes = {"subject": {"type": "customer", "id": uuid.uuid4().hex}, **changes}
        proposal: Proposal = propose(suggestions=[suggestion_body(arguments=arguments)], **changes)
        who = {"reviewer": ana, "actor": actor_of(ana)}
        suggestion = proposal.suggestions.get()
        if answer in ("approved", "edited"):
            edited = {**arguments, "amount": amount + 1} if answer == "edited" else None
            decide.approve(suggestion, shown_digest=suggestion.action_digest, arguments=edited, **who)
        elif answer == "rejected":
            decide.reject(proposal.pk, reason="no", **who)
        elif answer == "returned":
            decide.give_back(proposal.pk, reason="how so?", **who)
        return proposal

    return make


def run(version: PolicyVersion, by: Any = None, **chosen: Any) -> Backtest:
    """Asked for and worked off at once, as the command does it."""
    asked = backtest.ask(version, chosen=Chosen(**chosen), by=by, actor=SYSTEM, alone=True)
    return backtest.work_until_done(asked.pk, lambda *_: None)


def test_a_small_history_is_counted_exactly(candidate, decided, olga):
    for amount, answer in [
        *[(10.0, "approved")] * 5,
        *[(20.0, "edited")] * 2,
        (30.0, "rejected"),
        (40.0, "returned"),
        (50.0, ""),
        *[(200.0, "approved")] * 3,
        (300.0, "rejected"),
        (600.0, "approved"),
        (2000.0, "approved"),
        *[(3000.0, "rejected")] * 2,
    ]:
        decided(amount, answer)

    done = run(candidate, by=olga)

    assert (done.status, done.total, backtest.done(done)) == ("done", 18, 18)
    told = done.result
    assert (told["proposals"], told["decided"], told["errors"]) == (18, 17, 0)
    passed = told["passed"]
    assert passed["share"] == share(10, 18).as_json()
    assert passed["decided"] == 9
    assert passed["approved"] == share(5, 9).as_json()
    assert passed["edited"] == share(2, 9).as_json()
    assert passed["rejected"] == share(1, 9).as_json()
    assert passed["returned"] == share(1, 9).as_json()
    assert passed["nobody"] == 1
    assert told["reviewed"]["share"]["count"] == 5
    assert (told["blocked"]["share"]["count"], told["blocked"]["approved"]["count"]) == (3, 1)
    assert sentences(told) == [
        "Would have auto-approved 10 of 18; humans rejected 1 of them and edited 2.",
        "Would have blocked 3; humans approved 1 of them.",
        "Of 5 reviewed both times it asks for more approvals 1 times, for fewer 0, for other teams 0, "
        "for an earlier answer 1, for a later one 0.",
    ]
    rules = {rule["name"]: (rule["share"]["count"], rule["approved"]["count"]) for rule in told["rules"]}
    assert rules == {"": (4, 3), "small": (10, 5), "huge": (3, 1), "two-people": (4, 2)}
    [action] = told["actions"]
    assert (action["name"], action["proposals"], action["passed"]["rejected"]["count"]) == (
        "refund_payment",
        18,
        1,
    )
    kinds = list(Disagreement.objects.order_by("kind").values_list("kind", flat=True))
    assert kinds == [1, 2, 3, 3, 6]
    assert told["disagreements"] == {
        "passed_rejected": 1,
        "passed_returned": 1,
        "passed_edited": 2,
        "passed_other": 0,
        "passed_blocked": 0,
        "blocked_approved": 1,
        "no_answer": 0,
    }


def test_a_finished_backtest_makes_a_draft_validated_and_is_its_score(candidate, decided, olga):
    decided(10.0, "approved")
    decided(20.0, "rejected")

    done = run(candidate, by=olga)

    candidate.refresh_from_db()
    assert candidate.status == "validated"
    assert candidate.score["backtest"] == str(done.pk)
    assert candidate.score["passed"] == share(2, 2).as_json()
    assert candidate.score["passed_rejected"] == share(1, 2).as_json()
    events = Event.objects.filter(type__startswith="backtest.").order_by("id")
    assert list(events.values_list("type", flat=True)) == ["backtest.asked", "backtest.finished"]
    assert Event.objects.filter(type="policy.validated").count() == 1
    assert not BacktestChunk.objects.exists()


def test_nothing_recorded_is_a_backtest_too(candidate, olga):
    done = run(candidate, by=olga)

    assert (done.status, done.total, done.result["proposals"]) == ("done", 0, 0)
    assert done.result["passed"]["share"] == share(0, 0).as_json()


def test_only_what_was_chosen_is_judged(candidate, decided, olga, action_type):
    other = Agent.objects.create(name="other-bot", owner=olga)
    old, _, new = (decided(10.0), decided(20.0, by=other), decided(30.0))
    Proposal.objects.filter(pk=old.pk).update(created_at=F("created_at") - timedelta(hours=5))
    since = new.created_at - timedelta(hours=1)

    def judged(**chosen: Any) -> int:
        return run(candidate, by=olga, **chosen).result["proposals"]

    assert judged() == 3
    assert judged(since=since) == 2
    assert judged(until=since) == 1
    assert judged(agent="other-bot") == 1
    assert judged(action="refund_payment") == 3
    assert judged(action="send_money") == 0
    assert judged(newest=2) == 2
    with pytest.raises(Invalid):
        run(candidate, by=olga, agent="nobody")


def test_a_rule_that_gives_no_answer_asks_for_review_and_is_told(olga, ana, decided):
    version, _ = lifecycle.draft(
        CANDIDATE
        + """
  - name: broken
    when: args.recipient == "x"
    then: {verdict: auto_approve}
""",
        author=olga,
    )
    proposal = decided(10.0, "approved")

    done = run(version, by=olga)

    assert done.status == "done"
    assert (done.result["errors"], done.result["passed"]["share"]["count"]) == (1, 0)
    assert {rule["name"]: rule["errors"] for rule in done.result["rules"]} == {"small": 0, "broken": 1}
    assert list(Disagreement.objects.values_list("proposal", "kind")) == [(proposal.pk, 7)]


def test_what_people_edited_or_chose_instead_is_told_apart(candidate, propose, ana, olga):
    two = [
        suggestion_body(arguments={"order_id": "#W1", "amount": 50.0}),
        suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 20.0}),
    ]
    proposal = propose(suggestions=two)
    second = proposal.suggestions.get(rank=2)
    decide.approve(second, reviewer=ana, actor=actor_of(ana), shown_digest=second.action_digest)

    told = run(candidate, by=olga).result

    assert told["passed"]["other"]["count"] == 1
    assert Disagreement.objects.get().kind == Disagreement.Kind.PASSED_OTHER


@pytest.mark.parametrize(
    ("said", "counted"), [("right", "approved"), ("wrong", "rejected"), ("open", "passed")]
)
def test_what_people_said_afterwards_of_what_passed_counts(
    candidate, decided, trusted, ana, olga, said, counted
):
    in_force("version: 1\nmay_pass: [refund_payment]\ndefaults: {verdict: auto_approve}")
    passed = decided(10.0, provenance=DEPLOYED)
    assert passed.status == "approved"
    Sample.objects.update_or_create(
        proposal=passed,
        defaults={
            "agent": trusted,
            "action": passed.action,
            "team": passed.team,
            "status": said,
            "share": 1,
            "reviewer": ana,
            "reason": "so",
            "ended_at": passed.created_at,
            "deadline": passed.created_at,
        },
    )

    told = run(candidate, by=olga).result["passed"]

    assert {answer for answer in ANSWERS if told[answer] == 1 or told[answer] == share(1, 1).as_json()} == {
        counted
    }


def test_stages_deployments_and_kill_switches_are_left_aside(candidate, decided, olga):
    """Nobody has earned anything here, and still it is told what the policy would let pass."""
    assert decided(10.0).verdict["verdict"] == "review"
    assert run(candidate, by=olga).result["passed"]["share"]["count"] == 1


def test_what_the_policy_does_not_name_does_not_pass(olga, ana, decided, action_type):
    type(action_type).objects.update(reversibility="irreversible")
    decided(10.0)
    unnamed, _ = lifecycle.draft(CANDIDATE.replace("may_pass: [refund_payment]", ""), author=olga)

    assert run(unnamed, by=olga).result["passed"]["share"]["count"] == 0


def test_the_past_is_asked_as_of_then_or_read_where_it_was_asked_then(decided, olga, ana):
    first, second, _third = (decided(10.0) for _ in range(3))
    for proposal, minutes in [(first, 180), (second, 30)]:
        Proposal.objects.filter(pk=proposal.pk).update(
            created_at=F("created_at") - timedelta(minutes=minutes)
        )
    question = 'history.agent.count("1h")'
    version, _ = lifecycle.draft(
        f"version: 1\nrules:\n  - {{name: often, when: '{question} > 0', then: {{verdict: block}}}}",
        author=olga,
    )

    assert run(version, by=olga).result["blocked"]["share"]["count"] == 1  # the third, half an hour later

    Proposal.objects.filter(pk=first.pk).update(verdict={**first.verdict, "facts": {question: 7}})
    assert run(version, by=olga).result["blocked"]["share"]["count"] == 2


def test_an_earlier_policys_word_about_risk_does_not_count(decided, olga, ana):
    in_force("version: 1\nrules:\n  - {name: grave, when: 'true', then: {risk: critical}}")
    assert decided(10.0).risk == 3
    version, _ = lifecycle.draft(
        "version: 1\nrules:\n  - {name: mild, when: 'risk.level == \"medium\"', then: {verdict: block}}",
        author=olga,
    )

    assert run(version, by=olga).result["blocked"]["share"]["count"] == 1


# --- Chunks, workers, ends ------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(backtest, "CHUNK", 2)


def test_parts_add_up_to_the_whole(candidate, decided, olga, monkeypatch):
    for amount, answer in [(10.0, "approved"), (20.0, "rejected"), (300.0, ""), (2000.0, "approved")] * 2:
        decided(amount, answer)
    whole = run(candidate, by=olga).result
    for size in (1, 3):
        monkeypatch.setattr(backtest, "CHUNK", size)
        assert run(candidate, by=olga).result == whole


def test_a_worker_that_dies_over_a_part_leaves_it_to_the_next(candidate, decided, olga, small_chunks):
    for _ in range(5):
        decided(10.0, "approved")
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    taken = backtest._take(asked.pk)  # and then it is killed
    assert backtest.work(asked.pk) is False  # its lease holds: nobody else may take its place
    assert backtest.BACKTESTS.due(lanes=1) == []

    BacktestChunk.objects.filter(pk=taken.pk).update(lease_until=F("lease_until") - timedelta(minutes=1))
    Backtest.objects.update(queued_at=F("queued_at") - timedelta(minutes=1))
    assert backtest.BACKTESTS.due(lanes=1) == [asked.pk]
    assert backtest.BACKTESTS.due(lanes=1) == []  # it was told of just now
    done = backtest.work_until_done(asked.pk, lambda *_: None)

    assert (done.status, done.result["passed"]["share"]["count"]) == ("done", 5)


def test_who_comes_too_late_counts_nothing_twice(candidate, decided, olga, small_chunks):
    for _ in range(4):
        decided(10.0, "rejected")
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    slow = backtest._take(asked.pk)
    tally, disagreements = backtest._judge(backtest.Judge(backtest.ready(slow.policy)), slow)
    BacktestChunk.objects.filter(pk=slow.pk).update(lease_until=None)
    backtest.work(asked.pk, seconds=0)  # another one judges the same part
    backtest._keep(asked.pk, slow, tally, disagreements)
    assert backtest.done(Backtest.objects.get()) == 2

    done = backtest.work_until_done(asked.pk, lambda *_: None)
    backtest._keep(asked.pk, slow, tally, disagreements)

    assert done.result["passed"]["rejected"]["count"] == 4
    assert Disagreement.objects.count() == 4


def test_what_kills_every_worker_ends_the_backtest(candidate, decided, olga):
    decided(10.0)
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    for _ in range(backtest.MOST_TRIES):
        assert backtest._take(asked.pk)
        BacktestChunk.objects.update(lease_until=None)

    failed = backtest.work_until_done(asked.pk, lambda *_: None)

    assert (failed.status, failed.error) == ("failed", "A worker died three times over the same proposals.")
    candidate.refresh_from_db()
    assert (candidate.status, candidate.score) == ("draft", None)


def test_an_error_ends_the_backtest_and_is_named(candidate, decided, olga, monkeypatch):
    decided(10.0)
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    monkeypatch.setattr(backtest, "_judge", lambda *_: 1 / 0)
    for _ in range(backtest.MOST_TRIES):
        with pytest.raises(ZeroDivisionError):
            backtest.work(asked.pk)

    assert backtest.work(asked.pk) is False
    failed = Backtest.objects.get()
    assert (failed.status, failed.error) == ("failed", "It stopped with ZeroDivisionError.")


def test_a_cancelled_backtest_ends_without_a_result(candidate, decided, olga, small_chunks):
    for _ in range(4):
        decided(10.0, "rejected")
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    backtest.work(asked.pk, seconds=0)
    late = backtest._take(asked.pk)
    tally = backtest._judge(backtest.Judge(backtest.ready(late.policy)), late)

    cancelled = backtest.cancel(asked.pk, actor=actor_of(olga))
    backtest._keep(asked.pk, late, *tally)

    assert (cancelled.status, cancelled.result, backtest.work(asked.pk)) == ("cancelled", None, False)
    assert not Disagreement.objects.exists()
    assert not BacktestChunk.objects.exists()
    with pytest.raises(backtest.BacktestOver):
        backtest.cancel(asked.pk, actor=actor_of(olga))
    candidate.refresh_from_db()
    assert candidate.status == "draft"


def test_one_backtest_of_a_version_at_a_time(candidate, olga):
    backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    with pytest.raises(backtest.BacktestRuns):
        backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    assert Backtest.objects.count() == 1


def test_only_who_may_change_policies_may_backtest_them(candidate, ana):
    with pytest.raises(lifecycle.MayNotChangePolicies):
        backtest.ask(candidate, chosen=Chosen(), by=ana, actor=SYSTEM, alone=True)


def test_of_each_kind_the_newest_are_kept_whatever_order_parts_come_in(
    candidate, decided, olga, small_chunks, monkeypatch
):
    monkeypatch.setattr(backtest, "KEPT", 3)
    newest_first = [decided(10.0, "rejected").pk for _ in range(8)][::-1]
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    first = backtest._take(asked.pk)
    judged = backtest._judge(backtest.Judge(backtest.ready(first.policy)), first)
    monkeypatch.setattr("django.conf.settings.BACKTEST_LANES", 2)
    backtest.work(asked.pk, seconds=9)  # all the others, and the newest come last
    backtest._keep(asked.pk, first, *judged)

    done = Backtest.objects.get()
    assert (done.status, done.result["disagreements"]["passed_rejected"]) == ("done", 8)
    kept = Disagreement.objects.order_by("-proposal_id").values_list("proposal_id", flat=True)
    assert list(kept) == newest_first[:3]


def test_no_more_workers_than_lanes_are_on_one_backtest(candidate, decided, olga, small_chunks, settings):
    for _ in range(8):
        decided(10.0)
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)
    settings.BACKTEST_LANES = 2
    assert all(backtest._take(asked.pk) for _ in range(2))
    assert backtest._take(asked.pk) is None


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_count_everything_once(candidate, decided, olga, monkeypatch, settings):
    for amount in (10.0, 20.0, 300.0, 2000.0) * 6:
        decided(amount, "rejected")
    whole = run(candidate, by=olga).result
    monkeypatch.setattr(backtest, "CHUNK", 1)
    settings.BACKTEST_LANES = 4
    asked = backtest.ask(candidate, chosen=Chosen(), by=olga, actor=SYSTEM, alone=True)

    def work(_: int) -> None:
        try:
            backtest.work_until_done(asked.pk, lambda *_: None)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    done = Backtest.objects.get(pk=asked.pk)
    assert (done.status, done.result) == ("done", whole)
    assert Disagreement.objects.filter(backtest=done).count() == 12
    assert Event.objects.filter(type="backtest.finished").count() == 2
