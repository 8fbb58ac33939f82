"""How far agents are trusted: raised by a person's signature, lost at once.

Every move takes a lock of the agent's. What passes by itself holds the same lock, shared, until it is
committed (`hold`): so an approval is either committed before a demotion, or sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.models import ActionType, Agent, Autonomy, Incident, StageChange, User
from governance.trust import standing
from governance.trust.incidents import LONGEST_REASON, OwnersWord, open_incident, tidy

GUARD = Actor("system", "autonomy", "Autonomy")
MAY_RAISE = "governance.change_autonomy"
Kind = Incident.Kind


class UnknownAction(Refusal):
    detail = "There is no such action type."


class UnknownAgent(Refusal):
    detail = "There is no such agent."


class UnknownStage(Refusal):
    detail = "A stage is one of 1 to 4."


class NotAnOperator(Refusal):
    detail = "Only an operator may raise a stage."


# --- How it stands --------------------------------------------------------------------------------


# Not a lock on rows: of those that are shared a busy agent holds one at every moment, and a demotion
# would wait for ever. Here whoever waits is served before those who come later.
_LOCK = "SELECT pg_advisory_xact_lock{}(hashtextextended('autonomy of ' || %s, 0))"
_STAGES = "SELECT action, stage FROM governance_autonomy WHERE agent_id = %s AND action = ANY (%s)"


def hold(agent_id: UUID, actions: Collection[str]) -> dict[str, int]:
    """The stages for these actions, held as they are until the transaction ends.

    A demotion waits for it, and one that was committed before is seen.
    """
    execute(_LOCK.format("_shared"), [str(agent_id)])
    # A statement of its own: one that waits for a lock still reads what was before.
    found: dict[str, int] = dict([*execute(_STAGES, [agent_id, list(actions)])])
    return {action: found.get(action, Autonomy.Stage.GUIDED) for action in actions}


def lock(agent: Agent, action: str) -> Autonomy:
    """Its row, safe from every other move until the transaction ends."""
    execute(_LOCK.format(""), [str(agent.pk)])
    # It has been at this stage since there is the agent, not since it is written down.
    since = {"since": lambda: agent.created_at}
    return Autonomy.objects.get_or_create(agent=agent, action=action, defaults=since)[0]


def _lock_all(agent: Agent, actions: Collection[str] | None = None) -> list[Autonomy]:
    execute(_LOCK.format(""), [str(agent.pk)])
    rows = Autonomy.objects.filter(agent=agent).order_by("action")
    return list(rows if actions is None else rows.filter(action__in=actions))


# --- Raised and lowered by people -----------------------------------------------------------------


@transaction.atomic
def raise_stage(
    agent: Agent,
    action: str,
    stage: int,
    *,
    by: User,
    actor: Actor,
    reason: str,
    measures: dict[str, Any] | None = None,
    gates_passed: bool = False,
) -> StageChange | None:
    """Trust an agent further, by the word of an operator who does not own it; None if it is so far already.

    `measures` are the gates as they stand, kept with the change. Without `gates_passed` it is
    recorded as granted past them. Raises `UnknownStage`, `UnknownAction`, `NotAnOperator`,
    `OwnersWord`, `Invalid`.
    """
    _check(action, stage)
    reason = tidy(reason)
    check_voucher(agent, by)
    autonomy = lock(agent, action)
    if stage <= autonomy.stage:
        return None
    kind = StageChange.Kind.PROMOTED if gates_passed else StageChange.Kind.GRANTED
    return _move(autonomy, agent, stage, kind, reason=reason, by=by, actor=actor, measures=measures)


@transaction.atomic
def lower_stage(
    agent: Agent,
    action: str,
    stage: int,
    *,
    actor: Actor,
    reason: str,
    by: User | None = None,
    measures: dict[str, Any] | None = None,
) -> StageChange | None:
    """Trust an agent less from now on; None if it is trusted no further already. Raises `UnknownStage`."""
    _check(action, stage)
    reason = tidy(reason)
    autonomy = lock(agent, action)
    if stage >= autonomy.stage:
        return None
    kind = StageChange.Kind.LOWERED
    return _move(autonomy, agent, stage, kind, reason=reason, by=by, actor=actor, measures=measures)


def check_voucher(agent: Agent, by: User) -> None:
    """Raises `NotAnOperator`, `OwnersWord`."""
    if not by.is_active or not by.has_perm(MAY_RAISE):
        raise NotAnOperator
    if agent.owner_id == by.pk:
        raise OwnersWord


def _check(action: str, stage: int) -> None:
    if stage not in Autonomy.Stage.values:
        raise UnknownStage(f"A stage is one of 1 to 4, not {stage}.")
    check_action(action)


def check_action(action: str) -> None:
    """Raises `UnknownAction`."""
    if not ActionType.objects.current().filter(name=action).exists():
        raise UnknownAction(f"There is no action type {action[:100]}.")


def _move(
    autonomy: Autonomy,
    agent: Agent,
    stage: int,
    kind: StageChange.Kind,
    *,
    reason: str,
    actor: Actor,
    by: User | None = None,
    measures: dict[str, Any] | None = None,
    incident: Incident | None = None,
) -> StageChange:
    before = autonomy.stage
    change = StageChange.objects.create(
        agent=agent,
        action=autonomy.action,
        kind=kind,
        before=before,
        stage=stage,
        reason=reason,
        by=by,
        by_name=actor.name,
        measures=measures,
        incident=incident,
    )
    autonomy.stage = stage
    autonomy.reason = reason
    autonomy.since = Now()
    autonomy.save(update_fields=["stage", "reason", "since"])
    data = {
        "agent": str(agent.pk),
        "agent_name": agent.name,
        "action": autonomy.action,
        "before": before,
        "stage": stage,
        "change": str(change.pk),
        "reason": commitment(bytes(change.salt), reason),
        "measures": measures,
        "incident": str(incident.pk) if incident else None,
    }
    record(f"autonomy.{kind}", actor=actor, data={k: v for k, v in data.items() if v is not None})
    if stage < before:
        why = f"The agent was put back from stage {before} to {stage} for {autonomy.action}."
        standing.end_all_of(agent, autonomy.action, actor=actor, reason=why)
    return change


# --- Lost at once ---------------------------------------------------------------------------------


@transaction.atomic
def demote(
    agent: Agent,
    action: str,
    kind: Incident.Kind,
    detail: str,
    actor: Actor,
    *,
    proposal: UUID | None = None,
    by: User | None = None,
    measures: dict[str, Any] | None = None,
) -> Incident:
    """Open an incident, and let nothing of this agent and action pass by itself any more.

    Call it in the transaction of its cause. Stages 3 and 4 become 2, lower ones stay; an empty
    `action` means every action of the agent. What is being approved at this moment is waited for;
    what comes later sees the demotion. `measures` are kept with it.
    """
    locked = [lock(agent, action)] if action else _lock_all(agent)
    return _demote(agent, action, locked, kind, detail, actor, proposal=proposal, by=by, measures=measures)


def _demote(
    agent: Agent,
    action: str,
    locked: Sequence[Autonomy],
    kind: Incident.Kind,
    detail: str,
    actor: Actor,
    *,
    proposal: UUID | None = None,
    by: User | None = None,
    measures: dict[str, Any] | None = None,
) -> Incident:
    trusted = [autonomy for autonomy in locked if autonomy.stage > Autonomy.Stage.GUIDED]
    incident = open_incident(
        kind,
        detail,
        actor=actor,
        agent=agent,
        action=action,
        proposal=proposal,
        by=by,
        demoted=[autonomy.action for autonomy in trusted],
    ).incident
    for autonomy in trusted:
        _move(
            autonomy,
            agent,
            Autonomy.Stage.GUIDED,
            StageChange.Kind.DEMOTED,
            reason=f"{incident.get_kind_display().capitalize()}: {incident.detail}"[:LONGEST_REASON],
            actor=actor,
            incident=incident,
            measures=measures,
        )
    return incident


# Says that a person switched it off; slows down whoever heeds `Retry-After`. Neither says that the
# agent tried what it may not do.
NOT_HELD_AGAINST = frozenset({"enabled", "rate"})
OF_THE_WHOLE_AGENT = frozenset({"action_types"})  # the pair that was tried has nothing to lose


@transaction.atomic
def boundary_hit(agent: Agent, actions: Collection[str], boundary: str) -> list[Incident]:
    """An agent ran into one of its boundaries with a proposal of these actions, and was refused.

    Whichever of them it was trusted with at stage 3 or 4 goes back to stage 2, each with an
    incident; nothing happens where there is none. Leaving its action types counts against all, and so
    does what was refused before anybody looked at the actions.
    """
    trusted_at_all = Autonomy.objects.filter(agent=agent, stage__gt=Autonomy.Stage.GUIDED)
    if boundary in NOT_HELD_AGAINST or not trusted_at_all.exists():
        return []
    of_the_whole = boundary in OF_THE_WHOLE_AGENT or not actions
    locked = _lock_all(agent, None if of_the_whole else actions)
    said = f"It ran into its boundary {boundary}."
    trusted = [autonomy for autonomy in locked if autonomy.stage > Autonomy.Stage.GUIDED]
    hit = {"boundary": boundary, "actions": sorted(set(actions))[:10]}
    return [_demote(agent, a.action, [a], Kind.BOUNDARY, said, GUARD, measures=hit) for a in trusted]


def raise_alarm(
    agent: Agent,
    action: str,
    detail: str,
    *,
    actor: Actor,
    kind: Incident.Kind = Kind.DRIFT,
    by: User | None = None,
) -> Incident:
    """Say that something is wrong with an agent, for one action or (empty) for all, and demote it.

    For people and for whatever watches agents. Raises `UnknownAction`, `Invalid`.
    """
    if action:
        check_action(action)
    return demote(agent, action, kind, tidy(detail, "/detail"), actor, by=by)
