"""The workflow of an action type, made ready to run; its shape stands in `governance.actions.workflow`."""

from __future__ import annotations

import json
from functools import lru_cache

from governance.actions.route_kinds import HandBack
from governance.actions.workflow import InvalidWorkflow, Workflow, WorkflowStep, parse
from governance.models import ActionType

__all__ = ["HandBack", "InvalidWorkflow", "Workflow", "WorkflowStep", "label", "workflow_of"]


def workflow_of(action_type: ActionType) -> Workflow | None:
    """The workflow; None where the agent carries the action out itself. Raises `InvalidWorkflow`."""
    return None if action_type.workflow is None else _ready(json.dumps(action_type.workflow))


@lru_cache(maxsize=256)
def _ready(text: str) -> Workflow:
    return parse(json.loads(text))


def label(step: WorkflowStep, index: int) -> str:
    """What an attempt calls its route: the same for all attempts over it, different for every route."""
    return f"{index + 1}. {step.routes[index]}"[:300]
