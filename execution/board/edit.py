"""Edit and retry: other arguments go back through approval before anything more is tried."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from execution.desk import attend
from execution.desk.attend import LONGEST_TEXT, MayHaveHappened, NotWaiting
from execution.desk.read import whole_story
from execution.holding.returning import back_to_reviewers, deciders
from execution.models import Attempt, Execution, FormerExecution, IncidentExecution, Step
from governance.actions import catalogue
from governance.models import User
from suggestions.answering.obligations import asked_now
from suggestions.answering.resolve import lock
from suggestions.intake.draft import action_digest
from suggestions.models import Proposal
from suggestions.past.locks import lock_history

STATUS = Execution.Status


class CarriedOutAlready(Refusal):
    """A step of it took effect with the arguments that were approved."""


class TooLateToEdit(Refusal):
    """Its agent wanted an answer before now, so nobody can give one any more."""


class NoReasonGiven(Invalid):
    def __init__(self) -> None:
        said = "Say why: those who approve it read that."
        super().__init__([{"pointer": "/reason", "detail": said}], said)


@transaction.atomic
def edit_and_retry(
    execution: Execution,
    *,
    by: User,
    arguments: dict[str, Any],
    reason: str = "",
    checked: bool = False,
    seen: int | None = None,
    actor: Actor | None = None,
) -> FormerExecution | None:
    """Put other arguments before the reviewers, in the place of what they approved and nobody carried out.

    The execution is taken away and kept as a former one, and its proposal waits for people again. Once they
    approve, another execution begins, with steps and keys of its own. What was approved is tried again as it
    is where nothing is changed: then None is returned. With other arguments no key and no proof keeps a
    doubtful attempt from having happened besides: a person has to have `checked`, whatever the route is.

    Raises `NotWaiting`, `InTheMiddle`, `CarriedOutAlready`, `MayHaveHappened`, `TooLateToEdit`,
    `NoReasonGiven`, and as an edit on the desk `Invalid`, `EditOutOfBounds`, `EditBlocked`.
    """
    actor = actor or by.as_actor()
    lock_history(execution.proposal)
    locked = attend.at_rest(execution)  # before its proposal, as all do who attend it
    if seen not in (None, locked.round):
        raise NotWaiting
    if action_digest(catalogue.entry(locked.suggestion.action_type), arguments) == locked.action_digest:
        attend.retry(locked, by=by, reason=reason, checked=checked, actor=actor)
        return None
    reason = reason.strip()[:LONGEST_TEXT]
    unknown = is_in_doubt(locked)
    _check(locked, reason, unknown=unknown and not checked)
    proposal = lock(locked.proposal_id)
    _check_time(proposal)
    digest = deciders().admit(proposal, locked.suggestion, arguments)
    former = _keep(locked, proposal, arguments, digest, by=by, reason=reason)
    _record(former, proposal, actor, although_unknown=unknown)
    told = {"execution": str(former.pk), "reason": reason, "edited_digest": digest}
    back_to_reviewers(proposal, locked, actor=actor, event="proposal.returned_edited", told=told)
    return former


def why_not(execution: Execution) -> Refusal | None:
    """Why the arguments of an execution can't be changed, whatever they are; None where they can."""
    if execution.status == STATUS.HANDED_BACK:
        return NotWaiting("It is handed back: whoever was asked may be carrying it out.")
    if execution.status != STATUS.NEEDS_ATTENTION:
        return NotWaiting()
    if execution.undoing:
        return NotWaiting("What was done is being undone: nothing else is carried out.")
    if getattr(execution.proposal, "resolution", None) is None:
        return NotWaiting("There is no approval for this that could be edited.")
    done = execution.steps.filter(status=Step.Status.COMPLETED).values_list("name", flat=True)
    return CarriedOutAlready(_carried_out(list(done))) if done else None


def edit_url(execution: Execution, reader: User) -> str:
    """Where this person may suggest other arguments; empty where they may not, or it can't be."""
    attends = reader.has_perm("execution.attend_execution")
    may = attends and execution.status == STATUS.NEEDS_ATTENTION and why_not(execution) is None
    return reverse("approvals:edit-execution", args=[execution.proposal_id]) if may else ""


def is_in_doubt(execution: Execution) -> bool:
    """Whether any attempt at it may have taken effect, of whichever round."""
    maybe = [Attempt.Outcome.UNKNOWN, Attempt.Outcome.OPEN]
    tried = Attempt.objects.filter(step__execution=execution, outcome__in=maybe)
    return tried.exclude(step__status=Step.Status.COMPLETED).exists()


def _check(execution: Execution, reason: str, *, unknown: bool) -> None:
    if refusal := why_not(execution):
        raise refusal
    if not reason:
        raise NoReasonGiven
    if unknown:
        raise MayHaveHappened


def _carried_out(names: list[str]) -> str:
    steps = f"Step {names[0]} was" if len(names) == 1 else f"Steps {', '.join(names)} were"
    instead = (
        "Undo what was done where that is offered, skip the step that it stands at, or have it proposed anew"
    )
    return f"{steps} carried out with the arguments as approved, so these stay. {instead}."


def _check_time(proposal: Proposal) -> None:
    over = Proposal.objects.filter(pk=proposal.pk, expires_at__lte=Now()).exists()
    if over and proposal.expires_at:
        raise TooLateToEdit(
            f"Its agent wanted an answer by {proposal.expires_at:%-d %b %H:%M} UTC, so nobody can approve "
            "anything else any more. It can propose it anew."
        )


def _keep(
    execution: Execution,
    proposal: Proposal,
    arguments: dict[str, Any],
    digest: str,
    *,
    by: User,
    reason: str,
) -> FormerExecution:
    former = FormerExecution.objects.create(
        id=execution.pk,
        proposal=proposal,
        suggestion=execution.suggestion,
        approved=proposal.resolution.arguments,
        action_digest=execution.action_digest,
        arguments=arguments,
        edited_digest=digest,
        story=json.loads(whole_story(execution).as_text()),
        by=by,
        reason=reason,
    )
    IncidentExecution.objects.filter(execution=execution).update(execution=None, former=former)
    return former


def _record(former: FormerExecution, proposal: Proposal, actor: Actor, *, although_unknown: bool) -> None:
    """The words stay with the proposal's salt: the log holds a commitment to them."""
    data = {
        "execution": str(former.pk),
        "action_digest": former.action_digest,
        "edited_digest": former.edited_digest,
        "said": commitment(bytes(proposal.salt), former.reason),
        "although_unknown": although_unknown,
        "asks": asked_now(proposal),
    }
    record("execution.returned", actor=actor, proposal=proposal.pk, data=data)
