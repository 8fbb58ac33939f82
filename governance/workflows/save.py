"""A workflow becomes a new version of its action type."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from governance.actions import action_types
from governance.models import ActionType

PERMISSION = "governance.change_actiontype"


class ReplacedMeanwhile(Refusal):
    """Somebody else made a newer version of the type; `facts["version"]` is its number."""


@transaction.atomic
def save(name: str, workflow: Any, *, version: int, actor: Actor) -> tuple[ActionType, bool]:
    """Make a version with this workflow, or none; what says the same makes none.

    Whoever proposed, decided or executes with an earlier version keeps that one. `version` is the one that
    was read before it was changed. Raises `ReplacedMeanwhile`, `InvalidActionType`.
    """
    action_types.lock(name)
    current = ActionType.objects.current().get(name=name)
    if current.version != version:
        told = f"{name} has version {current.version} by now; this was written on version {version}."
        raise ReplacedMeanwhile(f"{told} Nothing was stored.", version=current.version)
    definition = {
        **action_types.definition_of(current),
        "schema": current.schema_as_written,
        "workflow": workflow,
    }
    return action_types.register(definition, actor=actor)
