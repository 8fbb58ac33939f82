"""Workflows in any template: `{% workflow_picture type.workflow %}`, `{{ type|workflow_text }}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from governance.models import ActionType
from governance.workflows.picture import picture
from governance.workflows.written import as_written

register = template.Library()


@register.inclusion_tag("governance/workflows/_picture.html")
def workflow_picture(workflow: Any, states: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`states` marks the steps of one execution, by their names."""
    return {"picture": picture(workflow, states)}


@register.filter
def workflow_text(action_type: ActionType) -> str:
    """The workflow of a version as somebody wrote it."""
    return as_written(action_type)
