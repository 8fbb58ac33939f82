"""The only way a proposal comes into being."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import OperationalError, transaction

from audit.ground.actors import Actor
from audit.ground.announce import announce
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.writes import FirstFailed
from governance.door import recalled
from governance.door.authentication import Stands
from governance.models import Agent
from governance.trust import halts, standing
from governance.trust.autonomy import hold
from governance.trust.passing import Circumstances
from suggestions.allowance import budgets
from suggestions.answering.resolve import resolve
from suggestions.intake import asking_again, samples, shadow
from suggestions.intake.prepare import Prepared
from suggestions.intake.store import insert
from suggestions.intake.submitted import event_of
from suggestions.models import Proposal, Resolution, Suggestion
from suggestions.past import looks
from suggestions.past.answers import Past


class KeyReused(Refusal):
    """An idempotency key came again with another body."""

    detail = "This Idempotency-Key was used before with another body. Use a new key for a new proposal."


class StillInFlight(Refusal):
    """The first request with this key has not been answered yet."""

    detail = "A request with this Idempotency-Key is still being answered. Try again shortly."


@dataclass(frozen=True)
class Submitted:
    """A stored proposal; `replayed` when an earlier request with the same key made it."""

    proposal: Proposal
    suggestions: list[Suggestion]
    replayed: bool


def submit(agent: Agent, prepared: Sequence[Prepared], *, stands: Stands | None = None) -> list[Submitted]:
    """Store proposals, all or none, each at most once per idempotency key.

    A key that was used before gives back the proposal it made then. Raises `KeyReused` when
    its body was another one, `StillInFlight` when that request is not finished, `BudgetSpent` when too
    little is left of a budget, `AlreadyRejected` when one asks again for what was rejected, `Outdated`
    when the agent does not stand as `stands` has it.
    """
    try:
        with _transaction_where_needed(prepared):
            _stop_what_is_halted(agent, prepared)
            _hold_to_their_stage(agent, prepared)
            used = _use_standing_approvals(prepared)
            new = insert(agent, prepared, stands)
            if len(new) < len(prepared):
                recalled.check(stands)
            shadow.keep([(p.proposal.pk, p.beside) for p in prepared if p.proposal.pk in new])
            looks.keep([look for p in prepared if p.proposal.pk in new for look in p.looks])
            _settle_uses(used, new)
            _resolve_at_once([p for p in prepared if p.proposal.pk in new])
    except FirstFailed:
        raise
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise StillInFlight from error
        raise
    if new:
        transaction.on_commit(partial(announce, *new), robust=True)
        _have_looks_at([p for p in prepared if p.proposal.pk in new])
    earlier = {p.proposal.pk: _earlier(agent, p) for p in prepared if p.proposal.pk not in new}
    if refused := [p for p in prepared if earlier.get(p.proposal.pk, p) is None]:
        budgets.check_room([d for p in refused for d in p.draws], past=Past(agent.pk))
        if refusal := asking_again.refusal(refused):
            raise refusal
        return submit(agent, prepared, stands=stands)
    return [
        earlier.get(p.proposal.pk) or Submitted(p.proposal, p.suggestions, replayed=False) for p in prepared
    ]


def _transaction_where_needed(prepared: Sequence[Prepared]) -> Any:
    """One statement is a transaction by itself; what the policy answers at once takes several.

    So does what the policy in the shadow says otherwise, and what services said.
    """
    several = any(p.proposal.verdict["verdict"] != "review" or p.beside or p.looks for p in prepared)
    return transaction.atomic() if several else nullcontext()


def _stop_what_is_halted(agent: Agent, prepared: Sequence[Prepared]) -> None:
    """What would pass is reviewed where a kill switch was thrown since the policy was asked."""
    passing = [p for p in prepared if p.proposal.verdict["verdict"] == "auto_approve"]
    if not passing:
        return
    halts.keep_out()
    on = Circumstances(halts=halts.marks_for(agent))
    for one in passing:
        if any(on.halted(s.action_type.name) for s in one.suggestions):
            _withhold(one, "A kill switch is on.")


def _withhold(prepared: Prepared, sentence: str) -> None:
    """Let people review what was going to pass: what spoke for it does not hold any more."""
    verdict = prepared.proposal.verdict
    notes = [*verdict["notes"], f"A rule would let this pass. {sentence}"]
    prepared.proposal.verdict = {**verdict, "verdict": "review", "notes": notes}
    prepared.event = event_of(prepared.proposal, prepared.suggestions)


def _hold_to_their_stage(agent: Agent, prepared: Sequence[Prepared]) -> None:
    """What passes by the agent's stage passes only while that stage holds, up to the commit."""
    passing = [p for p in prepared if p.proposal.verdict["verdict"] == "auto_approve"]
    if not passing:
        return
    now = hold(agent.pk, {s.action_type.name for p in passing for s in p.suggestions})
    for one in passing:
        for suggestion, judged_at in zip(
            one.suggestions, one.proposal.verdict["known"]["stages"], strict=True
        ):
            action = suggestion.action_type.name
            if now[action] < judged_at:
                _withhold(one, f"The agent is at stage {now[action]} for {action} by now.")
                break


class _Use(NamedTuple):
    """A proposal that passes by a standing approval, and how many uses that has left."""

    prepared: Prepared
    approval: UUID
    left: int


def _use_standing_approvals(prepared: Sequence[Prepared]) -> list[_Use]:
    """Take one use for each that passes by a standing approval, and how many are left; what gets none
    is reviewed. In one order, so that no two submissions wait for each other."""
    passing = [
        (UUID(approval), p)
        for p in prepared
        if p.proposal.verdict["verdict"] == "auto_approve"
        and (approval := p.proposal.verdict["known"].get("standing_approval"))
    ]
    used = []
    for approval_id, one in sorted(passing, key=lambda pair: pair[0]):
        left = standing.take(approval_id)
        if left is None:
            _withhold(one, "The standing approval has ended or was used up.")
        else:
            used.append(_Use(one, approval_id, left))
    return used


def _settle_uses(used: Sequence[_Use], new: set[UUID]) -> None:
    """An event for each use; what was there already has used nothing."""
    for use in used:
        prepared = use.prepared
        if prepared.proposal.pk not in new:
            standing.give_back(use.approval)
            continue
        first = prepared.suggestions[0]
        data = {
            "standing_approval": str(use.approval),
            "action": first.action_type.name,
            "action_digest": first.action_digest,
            "left": use.left,
        }
        record("standing_approval.used", actor=_policy(prepared), proposal=prepared.proposal.pk, data=data)


def _resolve_at_once(new: Sequence[Prepared]) -> None:
    """What the policy blocks or lets pass never waits for anybody."""
    for prepared in new:
        verdict = prepared.proposal.verdict["verdict"]
        if verdict == "review":
            continue
        policy = _policy(prepared)
        approved = prepared.suggestions[0] if verdict == "auto_approve" else None
        if approved:
            samples.choose(prepared.proposal, actor=policy)
        resolve(
            prepared.proposal,
            Proposal.Status.APPROVED if approved else Proposal.Status.BLOCKED,
            by=Resolution.By.POLICY,
            actor=policy,
            suggestion=approved,
            arguments=approved.arguments if approved else None,
            action_digest=approved.action_digest if approved else "",
            reason=_reason(prepared.proposal.verdict),
        )


def _have_looks_at(new: Sequence[Prepared]) -> None:
    """What people will decide on is looked at before they come."""
    for one in new:
        if one.proposal.status == Proposal.Status.PENDING:
            looks.tell(one.proposal, [s.action_type for s in one.suggestions])


def _policy(prepared: Prepared) -> Actor:
    return Actor("policy", prepared.proposal.policy_id or "default", "Policy")


def _reason(verdict: dict[str, Any]) -> str:
    reasons = [rule["reason"] for rule in verdict["rules"] if rule["reason"]]
    return "; ".join(reasons) or "So the policy says."


def _earlier(agent: Agent, prepared: Prepared) -> Submitted | None:
    """The proposal that this key made before; its present state, for `present.first_answer` to turn back."""
    earlier = (
        Proposal.objects.select_related("agent")
        .prefetch_related("suggestions__action_type")
        .filter(agent=agent, idempotency_key=prepared.proposal.idempotency_key)
        .first()
    )
    if earlier is None:
        return None
    if earlier.body_digest != prepared.proposal.body_digest:
        raise KeyReused
    return Submitted(earlier, list(earlier.suggestions.all()), replayed=True)
