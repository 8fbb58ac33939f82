"""The form of a manual task, read and checked as the schema of an action's arguments is."""

from __future__ import annotations

import json
from typing import Any

from execution.models import ManualTask
from governance.actions.catalogue import Entry, entry
from governance.models import ActionType

MOST = 64 * 1024  # bytes of an answer, as of every answer that later steps may use


def form_of(task: ManualTask) -> Entry | None:
    """What is to be filled in, ready to check; None where nothing is."""
    if task.form is None:
        return None
    return entry(ActionType(name="form", schema={**task.form, "properties": _in_order(task.form)}))


def _in_order(form: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL keeps no order of members, so what must be said comes first, as the schema lists it."""
    properties = form.get("properties", {})
    first = [name for name in form.get("required", []) if name in properties]
    return {name: properties[name] for name in dict.fromkeys([*first, *properties])}


def mistakes(task: ManualTask, answer: dict[str, Any] | None) -> list[dict[str, str]]:
    """What is wrong with what was filled in, each with its place."""
    form = form_of(task)
    if form is None:
        wrong = "There is no form to fill in." if answer else ""
    elif answer is None:
        wrong = "Fill in the form."
    else:
        wrong = "It is too long." if len(json.dumps(answer)) > MOST else ""
    if wrong:
        return [{"pointer": "/answer", "detail": wrong}]
    return form.errors(answer, "/answer") if form and answer is not None else []
