"""From stage to stage by record, or past it by somebody's word."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from governance.models import Agent, Autonomy, StageChange, User
from governance.trust import autonomy
from insights.trust.gates import measured_now


class GatesMissing(Refusal):
    """The record does not carry it; the answer names each gate and how much is missing."""


class NothingHigher(Refusal):
    detail = "It is at the highest stage."


@transaction.atomic
def promote(agent: Agent, action: str, *, by: User, actor: Actor, reason: str) -> StageChange:
    """To the next stage, by an operator who does not own the agent, if every gate is passed.

    Measured while its stage is locked, and kept with the change. Raises `GatesMissing`,
    `NothingHigher`, `NotAnOperator`, `OwnersWord`, `UnknownAction`, `Invalid`.
    """
    autonomy.check_voucher(agent, by)
    autonomy.check_action(action)
    locked = autonomy.lock(agent, action)
    if locked.stage >= Autonomy.Stage.STRATEGIC:
        raise NothingHigher
    measured = measured_now(agent, action)
    if measured.missing:
        raise GatesMissing(
            "Not every gate is passed: "
            + ", ".join(f"{gate.title.lower()} ({gate.said})" for gate in measured.missing)
            + ".",
            gates=[gate.told().as_json() for gate in measured.gates],
        )
    change = autonomy.raise_stage(
        agent,
        action,
        locked.stage + 1,
        by=by,
        actor=actor,
        reason=reason,
        measures=measured.as_json(),
        gates_passed=True,
    )
    if change is None:
        raise NothingHigher  # the stage is locked: this can't happen
    return change


@transaction.atomic
def set_stage(
    agent: Agent, action: str, stage: int, *, actor: Actor, by: User | None, reason: str
) -> StageChange | None:
    """To any stage: down always, up by somebody's word and recorded as granted past the gates.

    With the measures as they are; None where it is at this stage already. Raises what
    `governance.trust.autonomy.raise_stage` and `lower_stage` do.
    """
    autonomy.check_action(action)
    now = autonomy.lock(agent, action).stage
    measures: dict[str, Any] = measured_now(agent, action).as_json()
    if stage <= now:
        return autonomy.lower_stage(
            agent, action, stage, actor=actor, by=by, reason=reason, measures=measures
        )
    if by is None:
        raise autonomy.NotAnOperator("To trust an agent further, an operator has to say so.")
    return autonomy.raise_stage(agent, action, stage, by=by, actor=actor, reason=reason, measures=measures)
