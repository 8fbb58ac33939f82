"""The only way a proposal stops being pending."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from audit.ground.actors import Actor
from audit.ground.canonical import commitment, new_salt
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.prepared import Rows, execute
from audit.statements.writes import store, write
from governance.models import User
from governance.showing.sentences import wording
from suggestions.answering import callbacks, news
from suggestions.answering.answers import ResolutionAnswer
from suggestions.models import Proposal, Resolution, Suggestion
from suggestions.past import numbers, rollups


class AlreadyResolved(Refusal):
    """Somebody or something else answered first; `facts` says who, how and when."""

    def __init__(self, resolution: Resolution) -> None:
        super().__init__(
            f"This proposal was already {resolution.status}, by {resolution.actor_name}.",
            winner={
                "status": resolution.status,
                "by": resolution.actor_name,
                "at": resolution.at.isoformat(),
            },
        )
        self.resolution = resolution


_LOCKED = Rows(Proposal, "agent", where="t.id = %s FOR UPDATE OF t", also=rollups.HELD)


def lock(proposal_id: UUID) -> Proposal:
    """Lock a proposal, and keep the sums of the past from passing over what is changed of it.

    Raises `Proposal.DoesNotExist`.
    """
    found = _LOCKED([proposal_id])
    if not found:
        raise Proposal.DoesNotExist
    return found[0]


def lock_pending(proposal_id: UUID) -> Proposal:
    """`lock` one that is still open.

    The lock makes the second of two simultaneous reviewers wait here and then read what the
    first one did. Raises `AlreadyResolved`, `Proposal.DoesNotExist`.
    """
    proposal = lock(proposal_id)
    if proposal.status != Proposal.Status.PENDING:
        raise AlreadyResolved(proposal.resolution)
    return proposal


def resolve(
    proposal: Proposal,
    status: str,
    *,
    by: Resolution.By,
    actor: Actor,
    user: User | None = None,
    suggestion: Suggestion | None = None,
    arguments: dict[str, Any] | None = None,
    action_digest: str = "",
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> Resolution:
    """Write the final answer on a proposal that is pending and held by `lock`, with its event and callback.

    `arguments` and `action_digest` are of the approved action, edits included; `data` adds
    facts to the event. The second answer to one proposal is refused by the database.
    """
    if proposal.is_check:
        raise ValueError("What somebody says of a check is no answer to an agent.")
    salt = new_salt()
    resolution = Resolution(
        proposal=proposal,
        status=status,
        by=by,
        user=user,
        actor_name=actor.name,
        suggestion=suggestion,
        arguments=arguments,
        action_digest=action_digest,
        sentence=_said(suggestion, arguments),
        reason=reason,
        salt=salt,
        agent_id=proposal.agent_id,
        action=proposal.action,
    )
    store(resolution)
    proposal.status = status
    was, were = Proposal.Status.PENDING, proposal.numbers
    changed = ["status"]
    if status == Proposal.Status.APPROVED and suggestion and arguments is not None:
        proposal.numbers = numbers.approved(suggestion.action_type.name, arguments)
        changed.append("numbers")
        _set_precedent(proposal, arguments)
    if by != Resolution.By.POLICY:  # which answers in the transaction that hands it in
        rollups.correct(proposal, was=was, were=were)
    news.changed(proposal, *changed)
    told = {"by": by, "policy": proposal.policy_id, "action_digest": action_digest or None}
    if reason:
        told["reason"] = commitment(salt, reason)
    record(f"proposal.{status}", actor=actor, proposal=proposal.pk, data={**told, **(data or {})})
    if callbacks.is_owed(proposal):
        callbacks.owe(proposal, f"proposal.{status}", presented(resolution).as_json())
    return resolution


def _said(suggestion: Suggestion | None, arguments: dict[str, Any] | None) -> str:
    """What was approved, in words."""
    if suggestion is None or arguments is None:
        return ""
    if arguments == suggestion.arguments:
        return suggestion.sentence
    words = wording(suggestion.action_type)
    return words.sentence(arguments, found=words.marks.of(arguments))


def unresolve(
    proposal: Proposal,
    *,
    actor: Actor,
    event: str = "proposal.approval_undone",
    data: dict[str, Any] | None = None,
    told: dict[str, Any] | None = None,
) -> None:
    """Take an approval back of which nothing was carried out: the proposal waits again, as if unanswered.

    The proposal is approved and held by `lock`. Whoever calls this has made sure that nothing of it has
    begun. The agent is told of the `event`, by whom, and what is in `told`.
    """
    resolution = proposal.resolution
    _forget_precedent(proposal, resolution.arguments or {})
    resolution.delete()
    was, were = proposal.status, proposal.numbers
    proposal.status = Proposal.Status.PENDING
    proposal.numbers = numbers.asked_for(list(proposal.suggestions.select_related("action_type")))
    rollups.correct(proposal, was=was, were=were)
    news.changed(proposal, "status", "numbers")
    record(event, actor=actor, proposal=proposal.pk, data=data or {})
    callbacks.owe(proposal, event, {"actor": actor.name, **(told or {})})


_PRECEDENT = "INSERT INTO suggestions_precedent (key, mark) SELECT * FROM unnest(%s::uuid[], %s::uuid[])"


def _set_precedent(proposal: Proposal, arguments: dict[str, Any]) -> None:
    """Remember each value that was approved, of the agent and about the subject."""
    if pairs := _marks(proposal, arguments):
        write(_PRECEDENT, pairs)


def _marks(proposal: Proposal, arguments: dict[str, Any]) -> list[list[UUID]]:
    """Each value under each key that remembers it: the keys, and beside them the marks."""
    pairs = [(key, mark) for key in numbers.keys_of(proposal) for mark in numbers.marks(key, arguments)]
    return [list(column) for column in zip(*pairs, strict=True)]


def presented(resolution: Resolution) -> ResolutionAnswer:
    """The resolution as agents are told it."""
    return ResolutionAnswer(
        status=resolution.status,
        by=resolution.by,
        actor=resolution.actor_name,
        at=resolution.at,
        suggestion=resolution.suggestion_id,
        arguments=resolution.arguments,
        action_digest=resolution.action_digest or None,
        reason=resolution.reason,
    )


_FORGET = """
DELETE FROM suggestions_precedent WHERE id IN (
    SELECT DISTINCT ON (p.key, p.mark) p.id FROM suggestions_precedent p
      JOIN unnest(%s::uuid[], %s::uuid[]) AS gone (key, mark) USING (key, mark)
     ORDER BY p.key, p.mark, p.id DESC)
RETURNING 1
"""


def _forget_precedent(proposal: Proposal, arguments: dict[str, Any]) -> None:
    """One entry of each value, as many as the approval had made."""
    if pairs := _marks(proposal, arguments):
        execute(_FORGET, pairs)
