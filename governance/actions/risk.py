"""The risk that counts: never below what the kind of action brings with it."""

from __future__ import annotations

from governance.models import ActionType, Risk

_BY_REVERSIBILITY = {
    ActionType.Reversibility.READ_ONLY: Risk.LOW,
    ActionType.Reversibility.REVERSIBLE: Risk.LOW,
    ActionType.Reversibility.EXTERNALLY_REVERSIBLE: Risk.MEDIUM,
    ActionType.Reversibility.IRREVERSIBLE: Risk.MEDIUM,
}


def floor_of(action_type: ActionType) -> Risk:
    """The least risk of an action of this type, from its hazards alone.

    What can't be taken back is of medium risk, and of high risk if it also destroys and
    reaches the open world; a read is of low risk whatever else is said of it.
    """
    if action_type.read_only_hint:
        return Risk.LOW
    base = _BY_REVERSIBILITY[ActionType.Reversibility(action_type.reversibility)]
    worst = action_type.destructive_hint and action_type.open_world_hint
    if worst and action_type.reversibility == ActionType.Reversibility.IRREVERSIBLE:
        return Risk.HIGH
    return Risk.MEDIUM if action_type.destructive_hint else base


def counting(claimed: Risk | None, action_type: ActionType) -> Risk:
    """What an agent claims can only raise the risk."""
    return max(claimed or Risk.LOW, floor_of(action_type))
