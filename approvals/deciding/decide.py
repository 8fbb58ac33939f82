"""What a reviewer says about a proposal, and when that is an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from approvals.attention.reading import seconds_for
from approvals.deciding import checks, due_times, edits, second, step_up
from approvals.deciding.may_decide import check_eyes, lock_open
from approvals.deciding.quorum import standing_of
from approvals.deciding.step_up import Proof
from approvals.looking.kept import kept
from approvals.models import Check, Decision
from approvals.showing.changes import changes, same
from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.writes import as_one, store
from execution.models import FormerExecution
from execution.running.schedule import schedule
from governance.door.teams import teams_of
from governance.models import Team, User
from governance.policies.deciders import may_decide
from suggestions.answering import callbacks, news
from suggestions.answering.known import suggestions_of
from suggestions.answering.obligations import ProposalObligations, asked_now, obligations_of
from suggestions.answering.resolve import lock_pending, resolve
from suggestions.intake import asking_again
from suggestions.models import Proposal, Resolution, Suggestion
from suggestions.past.locks import lock_history

Verdict = Decision.Verdict


class DigestMismatch(Refusal):
    """What would be approved is not what was shown."""

    detail = "The action is not the one that was shown. Look at it again."


class NothingToTakeBack(Refusal):
    detail = "Nothing that you said of this proposal stands."


@dataclass(frozen=True)
class Decided:
    """A decision, and the resolution it led to; None while more people have to agree.

    Of a check the decision is not stored, and `check` says what it was.
    """

    decision: Decision
    resolution: Resolution | None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """Said of several at once: the batch, and this one's share of the time that the table was looked at."""

    batch: UUID
    looked_seconds: int | None = None


@transaction.atomic
@as_one()
def approve(
    suggestion: Suggestion,
    *,
    reviewer: User,
    actor: Actor,
    shown_digest: str,
    arguments: dict[str, Any] | None = None,
    reason: str = "",
    together: Together | None = None,
    proof: Proof | None = None,
    shown: Sequence[UUID] = (),
) -> Decided:
    """Let this suggestion run, once enough distinct people of every required team have said so of
    the same digest.

    `shown_digest` is the digest of what the reviewer saw: the suggestion's own, or that of what
    somebody else made of it, with whom they then agree, be it an operator who suggests other
    arguments. `arguments` are the reviewer's edits of what the agent suggested, checked against the
    schema and digested anew; where four eyes are asked for, whoever edited first does not count. What
    is critical wants `proof` of who they are and that they looked. `shown` are the looks at what is
    there now that the reviewer had before them: before anything is carried out it is compared with
    them. Raises `AlreadyResolved`, `TooLate`, `NotInTeam`, `DigestMismatch`, `OwnAgent`,
    `AlreadyDecided`, `StepUpNeeded`, `LookGone`, `Invalid`.
    """
    if arguments is not None:
        lock_history(suggestion.proposal)
    proposal, for_user, looked, assisted = lock_open(suggestion.proposal_id, reviewer)
    check_eyes(proposal, reviewer, for_user, obligations_of(proposal))
    digest, approved = _shown(suggestion, shown_digest, arguments)
    if digest is None:
        digest = edits.admit(proposal, suggestion, approved)
    asked = obligations_of(proposal)
    proved = {}
    if asked.step_up:
        figure = step_up.key_figure(suggestion, proposal, approved, digest)
        proved = step_up.check(figure, reviewer=reviewer, proof=proof)
    decision = _decide(
        proposal,
        Verdict.APPROVE,
        reviewer=reviewer,
        actor=actor,
        suggestion=suggestion,
        arguments=approved if digest != suggestion.action_digest else None,
        action_digest=digest,
        reason=reason,
        for_user=for_user,
        looked=looked,
        together=together,
        proved=proved,
        shown=shown,
    )
    if proposal.is_check:
        return _was_a_check(proposal, decision, actor)
    agreed = _enough(proposal, digest, decision, asked)
    if not agreed:
        return _waits_for_others(proposal, decision)
    resolution = resolve(
        proposal,
        Proposal.Status.APPROVED,
        by=Resolution.By.HUMAN,
        actor=actor,
        user=reviewer,
        suggestion=suggestion,
        arguments=approved,
        action_digest=digest,
        reason=reason,
        data={
            "rank": suggestion.rank,
            "edited": digest != suggestion.action_digest,
            "agreed": [str(one) for one in agreed],
            "asked": {
                "approvals": asked.approvals,
                "four_eyes": asked.four_eyes,
                "teams": proposal.teams,
            },
        },
    )
    schedule(resolution, grace_seconds=asked.grace, assisted=suggestion.action_type.name in assisted)
    second.choose(resolution, actor=actor)
    return Decided(decision, resolution)


@transaction.atomic
@as_one()
def reject(
    proposal_id: UUID,
    *,
    reviewer: User,
    actor: Actor,
    reason: str,
    together: Together | None = None,
    shown: Sequence[UUID] = (),
) -> Decided:
    """Say no to all of it, and for a while to being asked again.

    One rejection ends a proposal, unless the policy wants several. Raises `AlreadyResolved`,
    `TooLate`, `NotInTeam`, `AlreadyDecided`, `LookGone`, `Invalid`.
    """
    proposal, decision = _say(proposal_id, Verdict.REJECT, reviewer, actor, reason, together, shown)
    if proposal.is_check:
        return _was_a_check(proposal, decision, actor)
    rejections = obligations_of(proposal).rejections
    if rejections > 1:
        saying_no = Decision.objects.filter(proposal=proposal, standing=True, verdict=Verdict.REJECT)
        if saying_no.count() < rejections:
            return _waits_for_others(proposal, decision)
    resolution = _end(proposal, Proposal.Status.REJECTED, reviewer, actor, reason)
    asking_again.remember(proposal)
    return Decided(decision, resolution)


@transaction.atomic
@as_one()
def give_back(
    proposal_id: UUID,
    *,
    reviewer: User,
    actor: Actor,
    reason: str,
    together: Together | None = None,
    shown: Sequence[UUID] = (),
) -> Decided:
    """Return it to the agent with feedback; its next proposal says that it revises this one.

    Raises as `reject`.
    """
    proposal, decision = _say(proposal_id, Verdict.RETURN, reviewer, actor, reason, together, shown)
    if proposal.is_check:
        return _was_a_check(proposal, decision, actor)
    return Decided(decision, _end(proposal, Proposal.Status.RETURNED, reviewer, actor, reason))


@transaction.atomic
@as_one()
def escalate(
    proposal_id: UUID,
    *,
    to: Team,
    reviewer: User,
    actor: Actor,
    reason: str,
    shown: Sequence[UUID] = (),
) -> Decided:
    """Hand the place of the reviewer's team to another team, which is asked from now on.

    It gives away what the reviewer could have said and nothing more: whoever else is asked for
    still is, and so is the number of people. The agent is told. Raises as `reject`.
    """
    if not may_decide(to.pk):
        raise Invalid.field("/team", f"Nobody in {to.name} may decide.")
    proposal, for_user, looked, _ = lock_open(proposal_id, reviewer)
    own = set(teams_of(reviewer).values_list("pk", flat=True))
    place = next((team for team in proposal.teams if team in own), proposal.team_id)
    if to.pk in proposal.teams:
        raise Invalid.field("/team", f"{to.name} is asked already.")
    decision = _decide(
        proposal,
        Verdict.ESCALATE,
        reviewer=reviewer,
        actor=actor,
        reason=_stated(reason),
        for_user=for_user,
        looked=looked,
        to_team=to,
        shown=shown,
    )
    if proposal.is_check:
        return _was_a_check(proposal, decision, actor)
    hand_over(proposal, place, to, actor=actor, reason=reason)
    return Decided(decision, None)


@transaction.atomic
def take_back(proposal_id: UUID, *, reviewer: User, actor: Actor) -> Decision:
    """Let what one said stand no longer, while the proposal still waits for others; then say it anew.

    What was escalated stays where it is. Raises `AlreadyResolved`, `NothingToTakeBack`.
    """
    proposal = lock_pending(proposal_id)
    decision = Decision.objects.filter(
        proposal=proposal, reviewer=reviewer, standing=True, verdict__in=[Verdict.APPROVE, Verdict.REJECT]
    ).first()
    if decision is None:
        raise NothingToTakeBack
    decision.standing = False
    decision.save(update_fields=["standing"])
    data = {"decision": str(decision.pk), "verdict": decision.verdict}
    record("decision.taken_back", actor=actor, proposal=proposal.pk, data=data)
    news.changed(proposal)
    return decision


def hand_over(proposal: Proposal, place: str, to: Team, *, actor: Actor, reason: str = "") -> None:
    """Ask another team in the place of one, on a locked proposal, with its event and the agent told.

    The policy may give it time of its own: see `approvals.deciding.due_times`.
    """
    teams = [to.pk if team == place else team for team in proposal.teams]
    proposal.team_id, proposal.also_teams = teams[0], teams[1:]
    due_times.renew(proposal, to)
    news.changed(proposal, "team", "also_teams")
    told = {"reason": commitment(bytes(proposal.salt), reason)} if reason else {}
    due = {"deadline": proposal.deadline.isoformat()}
    data = {"from": place, "to": to.pk, "version": proposal.version, **due, **told}
    record("proposal.escalated", actor=actor, proposal=proposal.pk, data=data)
    callbacks.owe(proposal, "proposal.escalated", {"actor": actor.name, "from": place, "to": to.pk, **due})


# --- What holds for every verdict -----------------------------------------------------------------


def _shown(
    suggestion: Suggestion, digest: str, arguments: dict[str, Any] | None
) -> tuple[str | None, dict[str, Any]]:
    """What is approved and its digest; no digest where it was edited just now. Raises `DigestMismatch`."""
    if digest != suggestion.action_digest:
        version = _version(suggestion, digest)
        if version is None or (arguments is not None and not same(arguments, version)):
            raise DigestMismatch
        return digest, version
    if arguments is None or same(arguments, suggestion.arguments):
        return digest, suggestion.arguments
    return None, arguments


def _version(suggestion: Suggestion, digest: str) -> dict[str, Any] | None:
    """What a reviewer made of it and stands behind, or an operator put before them, by its digest."""
    decided = Decision.objects.filter(
        proposal_id=suggestion.proposal_id, suggestion=suggestion, action_digest=digest, standing=True
    ).first()
    if decided is not None and decided.arguments is not None:
        return decided.arguments  # type: ignore[no-any-return]
    former = FormerExecution.objects.newest_of(suggestion.proposal_id)
    theirs = former and (former.suggestion_id, former.edited_digest) == (suggestion.pk, digest)
    return former.arguments if former and theirs else None


def _stated(reason: str) -> str:
    if not reason.strip():
        raise Invalid.field("/reason", "Say why: the others and the log need a reason.")
    return reason


def _say(
    proposal_id: UUID,
    verdict: str,
    reviewer: User,
    actor: Actor,
    reason: str,
    together: Together | None,
    shown: Sequence[UUID],
) -> tuple[Proposal, Decision]:
    if not reason.strip():
        raise Invalid.field("/reason", "Say why: the agent and the log need a reason.")
    proposal, for_user, looked, _ = lock_open(proposal_id, reviewer)
    decision = _decide(
        proposal,
        verdict,
        reviewer=reviewer,
        actor=actor,
        reason=reason,
        for_user=for_user,
        looked=looked,
        together=together,
        shown=shown,
    )
    return proposal, decision


def _end(proposal: Proposal, status: str, reviewer: User, actor: Actor, reason: str) -> Resolution:
    resolution = resolve(proposal, status, by=Resolution.By.HUMAN, actor=actor, user=reviewer, reason=reason)
    second.choose(resolution, actor=actor)
    return resolution


def _decide(
    proposal: Proposal,
    verdict: str,
    *,
    reviewer: User,
    actor: Actor,
    reason: str,
    suggestion: Suggestion | None = None,
    arguments: dict[str, Any] | None = None,
    action_digest: str = "",
    to_team: Team | None = None,
    for_user: int | None = None,
    looked: int | None = None,
    together: Together | None = None,
    proved: dict[str, Any] | None = None,
    shown: Sequence[UUID] = (),
) -> Decision:
    reading = None
    if settings.MEASURE_PACE:
        ranked = suggestions_of(suggestion.proposal if suggestion else proposal)
        reading = seconds_for(proposal, ranked, chosen=suggestion)
    looked = _looked(looked, together) if settings.MEASURE_PACE else None
    changed = changes(suggestion.arguments, arguments) if suggestion and arguments is not None else []
    decision = Decision(
        proposal=proposal,
        reviewer=reviewer,
        verdict=verdict,
        suggestion=suggestion,
        arguments=arguments,
        changes=changed,
        looks=kept(proposal, shown),
        action_digest=action_digest,
        reason=reason,
        to_team=to_team,
        for_user_id=for_user,
        looked_seconds=looked,
        reading_seconds=reading,
    )
    if proposal.is_check:
        return decision  # what is said of a check stands nowhere but with the check
    store(decision)
    data: dict[str, Any] = {
        "decision": str(decision.pk),
        "verdict": verdict,
        "policy": proposal.policy_id,
        "version": proposal.version,
    }
    if suggestion:
        data |= {
            "rank": suggestion.rank,
            "action": str(suggestion.action_type),
            "action_digest": action_digest,
        }
    if changed:
        data["changes"] = {"count": len(changed), "content": commitment(bytes(decision.salt), changed)}
        data["asks"] = asked_now(proposal)
    if decision.looks:
        content = commitment(bytes(decision.salt), decision.looks)
        data["looks"] = {"ids": [one["look"] for one in decision.looks], "content": content}
    if to_team:
        data["team"] = to_team.pk
    if together:
        data["bulk"] = str(together.batch)
    if for_user:
        data["for"] = str(for_user)
    if proved:
        data["step_up"] = proved
    if looked is not None:
        data["looked_seconds"] = looked
    if reason:
        data["reason"] = commitment(bytes(decision.salt), reason)
    record("decision.made", actor=actor, proposal=proposal.pk, data=data)
    return decision


def _looked(looked: int | None, together: Together | None) -> int | None:
    """For how many seconds somebody looked at it, by itself and in the table of a batch."""
    if together and together.looked_seconds is not None:
        return (looked or 0) + together.looked_seconds
    return looked


def _was_a_check(proposal: Proposal, decision: Decision, actor: Actor) -> Decided:
    """Nothing comes of it, except that the reviewer is told."""
    return Decided(decision, None, checks.answered(proposal, decision, actor=actor))


def _enough(proposal: Proposal, digest: str, decision: Decision, asked: ProposalObligations) -> list[UUID]:
    """The decisions that count, once enough distinct people stand behind exactly this action, and
    somebody of every required team; empty until then. Whoever carries it out asks for these again."""
    if asked.approvals == 1 and not proposal.also_teams and not (asked.four_eyes and decision.arguments):
        return [decision.pk]
    agreeing = list(Decision.objects.agreeing(proposal, digest))
    is_edited = asked.four_eyes and decision.arguments is not None
    former = FormerExecution.objects.newest_of(proposal.pk) if is_edited else None
    standing = standing_of(proposal, digest, agreeing, asked, former=former)
    return [d.pk for d in agreeing if d.reviewer_id in standing.agreeing] if standing.enough else []


def _waits_for_others(proposal: Proposal, decision: Decision) -> Decided:
    news.changed(proposal)
    return Decided(decision, None)
