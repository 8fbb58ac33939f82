"""Workflows in any template: `{% workflow_picture type.workflow %}`, `{{ type.workflow|workflow_text }}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from governance.workflows.picture import picture
from governance.workflows.written import text_of

register = template.Library()


@register.inclusion_tag("governance/workflows/_picture.html")
def workflow_picture(workflow: Any, states: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`states` marks the steps of one execution, by their names."""
    return {"picture": picture(workflow, states)}


@register.filter
def workflow_text(workflow: Any) -> str:
    """The workflow as people write it."""
    return text_of(workflow)
