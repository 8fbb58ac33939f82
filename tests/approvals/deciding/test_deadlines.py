"""Reminders, escalation on silence, and how long the next team has."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from approvals.deciding import deadlines, decide, may_decide
from approvals.models import Decision
from approvals.queue.rows import drawn, rows_of
from audit.models import Event
from governance.models import Team
from suggestions.answering.resolve import AlreadyResolved
from suggestions.models import Callback, Proposal
from tests.approvals.deciding.test_decide import approve
from tests.conftest import actor_of

HOOK = "https://agent.example/hooks/review"
REMINDS = "version: 1\ndefaults: {verdict: review, team: operations, decide_within: 4h, remind: 30m}\n"
ESCALATES = (
    "version: 1\ndefaults: {verdict: review, team: operations, decide_within: 4h, "
    "escalate_to: finance, escalate_after: 1h%s}\n"
)


def reload(proposal: Any) -> Proposal:
    return Proposal.objects.select_related("agent").get(pk=proposal.pk)


def told(proposal: Any, kind: str) -> list[dict[str, Any]]:
    events = Event.objects.filter(proposal_id=proposal.pk, type=kind).order_by("id")
    return [json.loads(event.body) for event in events]


def make_due(*proposals: Any) -> None:
    """As if the time had come."""
    for field in ("remind_at", "escalate_at"):
        waiting = Proposal.objects.filter(pk__in=[p.pk for p in proposals], **{f"{field}__isnull": False})
        waiting.update(**{field: Now()})


def test_due_times_come_from_the_policy(propose: Any, policy: Any) -> None:
    policy(
        "version: 1\ndefaults: {verdict: review, team: operations, decide_within: 4h, remind: 30m, "
        "escalate_to: finance, escalate_after: 1h}\n"
    )
    proposal = propose()

    assert proposal.deadline - proposal.remind_at == timedelta(minutes=30)
    assert proposal.escalate_at - proposal.created_at == timedelta(hours=1)


def test_without_a_policy_that_says_so_nothing_is_due(proposal: Any) -> None:
    assert (proposal.remind_at, proposal.escalate_at, proposal.expires_at) == (None, None, None)


def test_what_ends_sooner_by_the_agents_own_limit_is_neither_reminded_of_nor_escalated(
    propose: Any, policy: Any
) -> None:
    policy(REMINDS.replace("remind: 30m", "remind: 30m, escalate_to: finance, escalate_after: 1h"))
    ends = timezone.now() + timedelta(minutes=20)
    proposal = propose(expires_at=ends.isoformat())

    assert (proposal.remind_at, proposal.escalate_at) == (None, None)
    assert proposal.expires_at == proposal.deadline == ends


def test_people_and_the_agent_are_reminded_once(propose: Any, policy: Any) -> None:
    policy(REMINDS)
    proposal, other = propose(callback_url=HOOK), propose()
    make_due(proposal)

    assert [deadlines.remind_due(), deadlines.remind_due()] == [1, 0]

    now = reload(proposal)
    assert (now.status, now.version, now.remind_at) == ("pending", 2, None)
    assert now.reminded_at is not None
    [event] = told(proposal, "proposal.reminded")
    assert event["actor"]["type"] == "timer"
    assert event["data"] == {"deadline": now.deadline.isoformat(), "teams": ["operations"]}
    callback = Callback.objects.get()
    assert callback.type == "proposal.reminded"
    assert callback.data == {"proposal": str(proposal.pk), "deadline": now.deadline.isoformat()}
    assert reload(other).reminded_at is None
    assert [row.ends_soon for row in rows_of([proposal.pk, other.pk])] == [True, False]
    assert "ends soon" in drawn(rows_of([proposal.pk])[0])


def test_nobody_is_reminded_of_what_is_decided_or_over(propose: Any, policy: Any, ana: Any) -> None:
    policy(REMINDS)
    decided, over = propose(), propose()
    approve(decided, ana)
    make_due(decided, over)
    Proposal.objects.filter(pk=over.pk).update(deadline=F("created_at"))

    assert deadlines.remind_due() == 0


def test_a_silent_teams_place_goes_to_the_next(propose: Any, policy: Any, ana: Any, cyd: Any) -> None:
    policy(ESCALATES % "")
    proposal = propose(callback_url=HOOK)
    make_due(proposal)

    assert [deadlines.escalate_silent(), deadlines.escalate_silent()] == [1, 0]

    now = reload(proposal)
    assert (now.teams, now.escalate_at, now.deadline) == (["finance"], None, proposal.deadline)
    [event] = told(proposal, "proposal.escalated")
    assert event["actor"]["type"] == "timer"
    due = proposal.deadline.isoformat()
    assert event["data"] == {"from": "operations", "to": "finance", "version": 2, "deadline": due}
    assert Callback.objects.get().type == "proposal.escalated"
    with pytest.raises(may_decide.NotInTeam):
        approve(proposal, ana)
    assert approve(proposal, cyd).resolution is not None


def test_the_next_team_gets_its_own_time_where_the_policy_gives_it(
    propose: Any, policy: Any, cyd: Any
) -> None:
    policy(ESCALATES % ", escalate_within: 6h, remind: 30m")
    proposal = propose()
    make_due(proposal)
    deadlines.remind_due()

    deadlines.escalate_silent()

    now = reload(proposal)
    assert timedelta(hours=5, minutes=59) < now.deadline - now.created_at < timedelta(hours=6, minutes=1)
    assert (now.deadline - now.remind_at, now.reminded_at) == (timedelta(minutes=30), None)


def test_it_is_never_more_than_the_agent_allows_nor_less_than_there_was(
    propose: Any, policy: Any, cyd: Any
) -> None:
    policy(ESCALATES % ", escalate_within: 6h")
    ends = timezone.now() + timedelta(hours=5)
    bounded = propose(expires_at=ends.isoformat())
    make_due(bounded)
    deadlines.escalate_silent()
    assert reload(bounded).deadline == ends

    policy(ESCALATES % ", escalate_within: 5m")
    short = propose()
    make_due(short)
    deadlines.escalate_silent()
    assert reload(short).deadline == short.deadline


@pytest.mark.parametrize(
    ("because", "why"),
    [
        ("decided", "somebody has decided"),
        ("nobody", "nobody there may decide"),
        ("asked", "the team is asked already"),
    ],
)
def test_it_stays_where_somebody_spoke_or_nobody_would_answer(
    propose: Any, policy: Any, ana: Any, cyd: Any, because: str, why: str
) -> None:
    policy(ESCALATES % ", approvals: 2")
    proposal = propose()
    if because == "decided":
        approve(proposal, ana)
    elif because == "nobody":
        Team.objects.get(pk="finance").members.update(is_active=False)
    else:
        Proposal.objects.filter(pk=proposal.pk).update(also_teams=["finance"])
    make_due(proposal)

    assert [deadlines.escalate_silent(), deadlines.escalate_silent()] == [1, 0]

    assert reload(proposal).team_id == "operations"
    [event] = told(proposal, "proposal.escalation_skipped")
    assert event["data"] == {"from": "operations", "to": "finance", "why": why}


def test_whom_a_person_asks_gets_as_long_as_the_first_team_had(
    propose: Any, policy: Any, ana: Any, cyd: Any
) -> None:
    policy(ESCALATES % "")
    legal = Team.objects.create(slug="legal", name="Legal")
    cyd.teams.add(legal)
    proposal = propose()
    Proposal.objects.filter(pk=proposal.pk).update(escalate_at=Now() + timedelta(seconds=5))

    decide.escalate(proposal.pk, to=legal, reviewer=ana, actor=actor_of(ana), reason="a contract")

    assert reload(proposal).escalate_at > timezone.now() + timedelta(minutes=59)


def in_threads(work: Callable[[], int], many: int = 4) -> list[int]:
    answers: list[int] = []

    def run() -> None:
        answers.append(work())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_several_sweepers_do_each_once(propose: Any, policy: Any, cyd: Any) -> None:
    policy(ESCALATES % ", remind: 30m")
    proposals = [propose() for _ in range(12)]
    make_due(*proposals)

    assert sum(in_threads(deadlines.remind_due)) == 12
    assert sum(in_threads(deadlines.escalate_silent)) == 12

    assert Event.objects.filter(type="proposal.reminded").count() == 12
    assert Event.objects.filter(type="proposal.escalated").count() == 12


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_sweeper_had_begun_is_due_again(
    propose: Any, policy: Any, cyd: Any, monkeypatch: Any
) -> None:
    policy(ESCALATES % "")
    proposals = [propose(), propose()]
    make_due(*proposals)
    real, count = deadlines.hand_over, []

    def killed(*args: Any, **how: Any) -> None:
        real(*args, **how)
        count.append(1)
        if len(count) == 2:
            raise SystemExit

    monkeypatch.setattr(deadlines, "hand_over", killed)
    with pytest.raises(SystemExit):
        deadlines.escalate_silent()
    assert Event.objects.filter(type="proposal.escalated").count() == 0

    monkeypatch.setattr(deadlines, "hand_over", real)
    assert deadlines.escalate_silent() == 2


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_deciding_just_now_is_left_alone(
    propose: Any, policy: Any, ana: Any, cyd: Any
) -> None:
    policy(ESCALATES % "")
    proposal = propose()
    make_due(proposal)

    with transaction.atomic():
        approve(proposal, ana)
        assert in_threads(deadlines.escalate_silent, many=1) == [0]

    assert in_threads(deadlines.escalate_silent, many=1) == [0]
    assert Decision.objects.get().reviewer == ana
    with pytest.raises(AlreadyResolved):
        approve(proposal, ana)
