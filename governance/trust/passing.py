"""When an action may pass without a person: what speaks against it, in sentences.

A rule's `auto_approve` is a wish. It comes true only where nothing here speaks against it, and
nothing here rests on what an agent says about itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from governance.models import ActionType, Autonomy, Risk
from governance.schemas.data_classes import Marks

HARMLESS_CLASSES = frozenset({"public"})


@dataclass(frozen=True)
class Circumstances:
    """How things stand at the moment of a proposal, as the system knows it.

    `deployment` is the label of the agent's active deployment, empty without one; `halts` are the
    kill switches that are on for the agent: `everything`, `agent`, `action:NAME`.
    """

    deployment: str = ""
    halts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"deployment": self.deployment, "halts": list(self.halts)}

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> Circumstances:
        """As they were when a proposal was judged; nothing known where that was not kept."""
        return cls(known.get("deployment", ""), tuple(known.get("halts", ())))

    def halted(self, action: str) -> bool:
        return bool({"everything", "agent", f"action:{action}"}.intersection(self.halts))


NOTHING_KNOWN = Circumstances()


def speaks_against(
    action_type: ActionType,
    *,
    risk: Risk,
    stage: int,
    stated_deployment: str,
    circumstances: Circumstances,
    may_pass: Collection[str],
) -> list[str]:
    """Why a rule may not let this action pass; empty when it may."""
    name = action_type.name
    against = []
    if circumstances.halted(name):
        against.append("A kill switch is on.")
    if stage < Autonomy.Stage.CONTROLLED:
        against.append(f"The agent has not earned to let {name} pass: it is at stage {stage}.")
    elif stage < Autonomy.Stage.STRATEGIC and risk > Risk.LOW:
        against.append(
            f"At stage {stage} only actions of low risk pass, and this one is of {risk.label} risk."
        )
    if not circumstances.deployment or stated_deployment != circumstances.deployment:
        against.append("The proposal does not come from the agent's active, registered deployment.")
    return against + unnamed_hazards(action_type, may_pass)


def unnamed_hazards(action_type: ActionType, may_pass: Collection[str]) -> list[str]:
    """What speaks against passing whoever asks, and however far it is trusted."""
    hazard = hazard_of(action_type)
    if not hazard or action_type.name in may_pass:
        return []
    return [f"{action_type.name} {hazard}, and the policy does not name it under may_pass."]


def hazard_of(action_type: ActionType) -> str:
    """Why this kind of action passes only if the policy names it; empty if it needs no naming."""
    if action_type.reversibility == ActionType.Reversibility.IRREVERSIBLE:
        return "can't be undone"
    # Whatever it may be given counts, so that no argument left out opens the way.
    touched = sorted(Marks(action_type.schema).classes.union(action_type.data_classes) - HARMLESS_CLASSES)
    return f"touches {', '.join(touched)} data" if touched else ""
