"""A workflow becomes a new version of its action type."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.actions import action_types
from governance.models import ActionType, WorkflowText
from governance.workflows.written import as_written

PERMISSION = "governance.change_actiontype"


class ReplacedMeanwhile(Refusal):
    """Somebody else made a newer version of the type; `facts["version"]` is its number."""


class Saved(NamedTuple):
    """The version in force, whether it is new, and whether only its words are."""

    action_type: ActionType
    is_new: bool
    is_reworded: bool = False


@transaction.atomic
def save(name: str, workflow: Any, *, version: int, actor: Actor, text: str = "") -> Saved:
    """Make a version with this workflow, or none; what says the same makes none.

    `text` is how it was written, which stays with the version, comments and all. Whoever proposed, decided or
    executes with an earlier version keeps that one. `version` is the one that was read before it was changed.
    Raises `ReplacedMeanwhile`, `InvalidActionType`.
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
    made, is_new = action_types.register(definition, actor=actor)
    if not text or text == as_written(made):
        return Saved(made, is_new)
    WorkflowText.objects.update_or_create(action_type=made, defaults={"text": text})
    if not is_new:
        record("workflow.reworded", actor=actor, data={"action": name, "version": made.version})
    return Saved(made, is_new, is_reworded=not is_new)
