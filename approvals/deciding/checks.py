"""Check items: answered like any other proposal, then revealed. Nothing ever comes of one.

Until somebody says something it is a pending proposal among others; then it counts as withdrawn,
and only `Check` knows what was said. So whatever reads decisions, answers and executions finds
nothing of it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from approvals.models import Decision
from approvals.models.checks import Check, Kind
from audit.ground.actors import TIMER, Actor
from audit.ground.canonical import commitment
from audit.log.record import record
from suggestions.answering import news
from suggestions.models import Proposal, Resolution

SLIPPED_IN = "check.slipped_in"
AT_ONCE = 200
Result = Check.Result
Verdict = Decision.Verdict


def answered(proposal: Proposal, said: Decision, *, actor: Actor) -> Check:
    """Keep what somebody said of a check that is locked and pending, and end it.

    `said` is the decision that it would have been; it is never stored.
    """
    check = Check.objects.select_for_update().get(pk=proposal.pk)
    check.result = result_of(check, said)
    check.verdict = said.verdict
    check.reviewer_id = said.reviewer_id
    check.reason = said.reason
    check.looked_seconds = said.looked_seconds
    check.reading_seconds = said.reading_seconds
    check.ended_at = Now()
    check.save()
    _end(proposal)
    data: dict[str, Any] = {"kind": check.kind, "verdict": said.verdict, "result": check.result}
    if said.looked_seconds is not None:
        data["looked_seconds"] = said.looked_seconds
    if said.action_digest:
        data["action_digest"] = said.action_digest
    if said.reason:
        data["reason"] = commitment(bytes(check.salt), said.reason)
    record("check.answered", actor=actor, proposal=proposal.pk, data=data)
    check.refresh_from_db()
    return check


def result_of(check: Check, said: Decision) -> str:
    """What this answer says of a look at it. Whoever asks others has neither caught nor missed it."""
    if said.verdict == Verdict.ESCALATE:
        return Result.PASSED_ON
    if said.verdict != Verdict.APPROVE:
        return Result.CAUGHT if check.kind == Kind.BAD else Result.FALSE_ALARM
    if check.kind == Kind.GOOD:
        return Result.RIGHT
    if said.arguments is None:
        return Result.MISSED
    if not check.planted:  # nobody knows whether the edit put right what was wrong
        return Result.PASSED_ON
    left = any(said.arguments.get(name) == value for name, value in check.planted.items())
    return Result.MISSED if left else Result.CAUGHT


def expire_overdue() -> int:
    """End what nobody answered in time, without a word to anybody; returns how many that were."""
    overdue = Proposal.objects.pending().filter(is_check=True, deadline__lte=Now()).order_by("deadline")
    return sum(_expire(proposal_id) for proposal_id in overdue.values_list("pk", flat=True)[:AT_ONCE])


@transaction.atomic
def _expire(proposal_id: UUID) -> bool:
    proposal = (
        Proposal.objects.pending()
        .filter(pk=proposal_id, is_check=True, deadline__lte=Now())
        .select_for_update(of=("self",), skip_locked=True)
        .first()
    )
    if proposal is None:
        return False
    Check.objects.filter(pk=proposal_id).update(result=Result.EXPIRED, ended_at=Now())
    _end(proposal)
    record("check.expired", actor=TIMER, proposal=proposal_id, data={})
    return True


def _end(proposal: Proposal) -> None:
    proposal.status = Proposal.Status.WITHDRAWN
    news.changed(proposal, "status")
    # For the slower of two people, who is told that it is over like with any other.
    Resolution.objects.create(
        proposal=proposal,
        status=Proposal.Status.WITHDRAWN,
        by=Resolution.By.TIMER,
        actor_name="the system",
        agent_id=None,
    )


# --- What the one who answered is told ------------------------------------------------------------


_TOLD = {
    Result.CAUGHT: "You caught it.",
    Result.MISSED: "You missed it.",
    Result.RIGHT: "You were right to approve it.",
    Result.FALSE_ALARM: "There was nothing wrong with it.",
    Result.PASSED_ON: "You left it to others, which counts neither way.",
    Result.EXPIRED: "Nobody answered in time.",
}


def told(check: Check) -> str:
    """In words: what it was, and how the answer was."""
    sentence = check.proposal.sentence
    if check.kind == Kind.GOOD:
        what = f"This was a check, and a harmless one: “{sentence}” was as it should be."
    else:
        what = f"This was a check. Nothing would have stopped “{sentence}” but you: {check.why}"
    return f"{what} {_TOLD[Result(check.result)]}"
