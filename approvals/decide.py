"""What a reviewer says about a proposal, and when that is an answer."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.models import Decision
from audit.actors import Actor
from audit.announce import announce
from audit.canonical import commitment
from audit.prepared import execute
from audit.record import record
from audit.refusals import Invalid, Refusal
from execution.schedule import schedule
from governance import boundaries, catalogue
from governance.boundaries import BoundaryHit
from governance.models import PolicyVersion, User
from governance.passing import NOTHING_KNOWN
from suggestions import asking_again, budgets
from suggestions.history import Past
from suggestions.models import Proposal, Resolution, Suggestion
from suggestions.prepare import action_digest, judged
from suggestions.resolve import lock_pending, resolve
from suggestions.turns import wait_for_turn


class DigestMismatch(Refusal):
    """What would be approved is not what was shown."""

    detail = "The action is not the one that was shown. Look at it again."


class OwnAgent(Refusal):
    """Four eyes: the owner of an agent answers for it and can't approve what it proposes."""

    detail = "You own this agent, so somebody else has to approve what it proposes."


class NotInTeam(Refusal):
    """Who may read every proposal does not thereby decide on it."""

    detail = "This proposal is for a team that you are not in."


class TooLate(Refusal):
    """The sweeper has not come by yet, but the time was over by the database's clock."""

    detail = "The time to decide is over: this proposal expires."


class AlreadyDecided(Refusal):
    """One person counts once."""

    detail = "You have decided on this proposal already; it waits for somebody else."


class EditOutOfBounds(Refusal):
    """The agent's boundaries hold for what a reviewer makes of its proposals, too."""


class EditBlocked(Refusal):
    detail = "The policy blocks the action with these arguments."


@dataclass(frozen=True)
class Decided:
    """A decision, and the resolution it led to; None while more people have to agree."""

    decision: Decision
    resolution: Resolution | None


@transaction.atomic
def approve(
    suggestion: Suggestion,
    *,
    reviewer: User,
    actor: Actor,
    shown_digest: str,
    arguments: dict[str, Any] | None = None,
    reason: str = "",
) -> Decided:
    """Let this suggestion run, once enough distinct people of every required team have said so of
    the same digest.

    `shown_digest` is the digest of what the reviewer saw; `arguments` are their edits, checked
    against the schema and digested anew. Raises `AlreadyResolved`, `TooLate`, `NotInTeam`,
    `DigestMismatch`, `OwnAgent`, `AlreadyDecided`, `Invalid`.
    """
    if arguments is not None:
        wait_for_turn(suggestion.proposal)
    proposal = _lock_open(suggestion.proposal_id, reviewer)
    _check_eyes(proposal, reviewer)
    if shown_digest != suggestion.action_digest:
        raise DigestMismatch
    edited = arguments is not None and arguments != suggestion.arguments
    digest = suggestion.action_digest
    if edited:
        digest = _admit_edit(proposal, suggestion, arguments or {})
    decision = _decide(
        proposal,
        Decision.Verdict.APPROVE,
        reviewer=reviewer,
        actor=actor,
        suggestion=suggestion,
        arguments=arguments if edited else None,
        action_digest=digest,
        reason=reason,
    )
    if not _enough(proposal, digest):
        return _waits_for_others(proposal, decision)
    resolution = resolve(
        proposal,
        Proposal.Status.APPROVED,
        by=Resolution.By.HUMAN,
        actor=actor,
        user=reviewer,
        suggestion=suggestion,
        arguments=arguments if edited else suggestion.arguments,
        action_digest=digest,
        reason=reason,
        data={"rank": suggestion.rank, "edited": edited},
    )
    schedule(resolution, grace_seconds=proposal.verdict["grace_seconds"])
    return Decided(decision, resolution)


@transaction.atomic
def reject(proposal_id: UUID, *, reviewer: User, actor: Actor, reason: str) -> Decided:
    """Say no to all of it, and for a while to being asked again. One rejection ends a proposal.

    Raises `AlreadyResolved`, `AlreadyDecided`.
    """
    return _end(proposal_id, Decision.Verdict.REJECT, Proposal.Status.REJECTED, reviewer, actor, reason)


@transaction.atomic
def give_back(proposal_id: UUID, *, reviewer: User, actor: Actor, reason: str) -> Decided:
    """Return it to the agent with feedback; its next proposal says that it revises this one."""
    return _end(proposal_id, Decision.Verdict.RETURN, Proposal.Status.RETURNED, reviewer, actor, reason)


def _end(
    proposal_id: UUID, verdict: Decision.Verdict, status: str, reviewer: User, actor: Actor, reason: str
) -> Decided:
    if not reason.strip():
        raise Invalid.field("/reason", "Say why: the agent and the log need a reason.")
    proposal = _lock_open(proposal_id, reviewer)
    decision = _decide(proposal, verdict, reviewer=reviewer, actor=actor, reason=reason)
    resolution = resolve(proposal, status, by=Resolution.By.HUMAN, actor=actor, user=reviewer, reason=reason)
    if verdict == Decision.Verdict.REJECT:
        asking_again.remember(proposal)
    return Decided(decision, resolution)


_STANDING = """
SELECT EXISTS (SELECT FROM governance_user_teams
                WHERE user_id = %(reviewer)s AND (team_id = p.team_id OR team_id = ANY (p.also_teams))),
       p.deadline <= statement_timestamp(),
       EXISTS (SELECT FROM approvals_decision d
                WHERE d.proposal_id = p.id AND d.reviewer_id = %(reviewer)s AND d.standing)
  FROM suggestions_proposal p WHERE p.id = %(proposal)s
"""


def _lock_open(proposal_id: UUID, reviewer: User) -> Proposal:
    """Lock a proposal that this reviewer may decide on now."""
    proposal = lock_pending(proposal_id)
    [(in_team, overdue, decided)] = execute(_STANDING, {"reviewer": reviewer.pk, "proposal": proposal_id})
    if not in_team:
        raise NotInTeam
    if overdue:
        raise TooLate
    if decided:
        raise AlreadyDecided
    return proposal


def _check_eyes(proposal: Proposal, reviewer: User) -> None:
    if proposal.agent.owner_id == reviewer.pk:
        raise OwnAgent


def _admit_edit(proposal: Proposal, suggestion: Suggestion, arguments: dict[str, Any]) -> str:
    """Put edited arguments before schema and policy like new ones; returns their digest.

    The policy in force now may block them or ask for more people or teams, never for fewer.
    """
    entry = catalogue.entry(suggestion.action_type)
    errors = entry.errors(arguments, "/arguments")
    if errors:
        raise Invalid(errors)
    edited = copy(suggestion)
    edited.arguments = arguments
    in_force = PolicyVersion.objects.active().values_list("pk", flat=True).first()
    past = Past.of(proposal, besides=proposal)
    try:
        boundaries.check_classes(proposal.agent, entry, arguments)
        budgets.check_edit(proposal, edited, past=past)
    except BoundaryHit as hit:
        raise EditOutOfBounds(hit.detail, boundary=hit.boundary) from hit
    verdict = judged(in_force, proposal, [edited], [entry], NOTHING_KNOWN, past=past)
    if verdict.verdict == "block":
        raise EditBlocked(rules=verdict.rules)
    more = [team for team in verdict.teams if team not in proposal.teams]
    if more or verdict.approvals > proposal.approvals_needed:
        proposal.approvals_needed = max(verdict.approvals, proposal.approvals_needed)
        proposal.also_teams = [*proposal.also_teams, *more]
        proposal.save(update_fields=["approvals_needed", "also_teams"])
    return action_digest(entry, arguments)


def _decide(
    proposal: Proposal,
    verdict: Decision.Verdict,
    *,
    reviewer: User,
    actor: Actor,
    reason: str,
    suggestion: Suggestion | None = None,
    arguments: dict[str, Any] | None = None,
    action_digest: str = "",
) -> Decision:
    decision = Decision.objects.create(
        proposal=proposal,
        reviewer=reviewer,
        verdict=verdict,
        suggestion=suggestion,
        arguments=arguments,
        action_digest=action_digest,
        reason=reason,
    )
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
    if reason:
        data["reason"] = commitment(bytes(decision.salt), reason)
    record("decision.made", actor=actor, proposal=proposal.pk, data=data)
    return decision


def _enough(proposal: Proposal, digest: str) -> bool:
    """Do enough distinct people stand behind exactly this action, and somebody of every required team?"""
    if proposal.approvals_needed == 1 and not proposal.also_teams:
        return True
    agreeing = Decision.objects.agreeing(proposal, digest).values_list("reviewer", flat=True)
    return len(agreeing) >= proposal.approvals_needed and not missing_teams(proposal, agreeing)


def missing_teams(proposal: Proposal, agreeing: Collection[int]) -> list[str]:
    """The required teams of which nobody is among these people."""
    if not proposal.also_teams:
        return [] if agreeing else [proposal.team_id]
    memberships = User.teams.through.objects.filter(user_id__in=agreeing, team_id__in=proposal.teams)
    present = set(memberships.values_list("team_id", flat=True))
    return [team for team in proposal.teams if team not in present]


def _waits_for_others(proposal: Proposal, decision: Decision) -> Decided:
    proposal.version += 1
    proposal.save(update_fields=["version"])
    transaction.on_commit(partial(announce, proposal.pk), robust=True)
    return Decided(decision, None)
