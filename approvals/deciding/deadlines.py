"""Before the time is over: people are reminded, and a silent team's place goes to the next.

What is due stands in columns of the proposal. Many sweepers may run at once: each row is taken by one,
and what a killed one had not committed is due for the next.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from approvals.deciding.decide import hand_over
from approvals.models import Decision
from audit.ground.actors import TIMER
from audit.log.record import record
from governance.models import Team
from governance.policies.deciders import may_decide
from suggestions.answering import callbacks, news
from suggestions.models import Proposal

AT_ONCE = 200


def remind_due() -> int:
    """Remind of everything whose time ends soon by its policy; returns of how many."""
    return _all(Q(remind_at__lte=Now()), "remind_at", _remind)


def escalate_silent() -> int:
    """Hand on what a team was silent about for as long as its policy allows; returns how many were due."""
    return _all(Q(escalate_at__lte=Now()), "escalate_at", _escalate)


def _all(due: Q, by: str, act: Callable[[Proposal], None]) -> int:
    count = 0
    while some := _some(due, by, act):
        count += some
    return count


@transaction.atomic
def _some(due: Q, by: str, act: Callable[[Proposal], None]) -> int:
    # What is overdue expires; nobody is reminded of it, and nobody else asked.
    waiting = Proposal.objects.pending().filter(due, deadline__gt=Now()).select_related("agent")
    proposals = list(waiting.select_for_update(of=("self",), skip_locked=True).order_by(by)[:AT_ONCE])
    for proposal in proposals:
        act(proposal)
    return len(proposals)


def _remind(proposal: Proposal) -> None:
    proposal.remind_at, proposal.reminded_at = None, Now()
    news.changed(proposal, "remind_at", "reminded_at")
    due = {"deadline": proposal.deadline.isoformat()}
    record("proposal.reminded", actor=TIMER, proposal=proposal.pk, data={**due, "teams": proposal.teams})
    callbacks.owe(proposal, "proposal.reminded", due)


def _escalate(proposal: Proposal) -> None:
    to = Team.objects.filter(pk=proposal.verdict.get("escalate_to")).first()
    why = _why_not(proposal, to)
    if why or to is None:
        _skip(proposal, why)
    else:
        hand_over(proposal, proposal.team_id, to, actor=TIMER)


def _why_not(proposal: Proposal, to: Team | None) -> str:
    """Why it stays where it is; empty when it goes on."""
    if to is None:
        return "the team is no more"
    if to.pk in proposal.teams:
        return "the team is asked already"
    if _has_spoken(proposal):
        return "somebody has decided"
    return "" if may_decide(to.pk) else "nobody there may decide"


def _has_spoken(proposal: Proposal) -> bool:
    """Has anybody of the first team said yes or no? A claim or a comment is no answer."""
    said = Decision.objects.filter(proposal=proposal, standing=True, verdict__in=["approve", "reject"])
    team = Q(reviewer__teams=proposal.team_id) | Q(for_user__teams=proposal.team_id)
    return said.filter(team).exists()


def _skip(proposal: Proposal, why: str) -> None:
    proposal.escalate_at = None
    news.changed(proposal, "escalate_at")
    told = {"from": proposal.team_id, "to": proposal.verdict.get("escalate_to"), "why": why}
    record("proposal.escalation_skipped", actor=TIMER, proposal=proposal.pk, data=told)
