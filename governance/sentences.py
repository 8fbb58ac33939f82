"""What an action would do, as a sentence made by the server from its arguments."""

from __future__ import annotations

import json
import re
from typing import Any

from governance.data_classes import MASK, NOTHING, Found, masked
from governance.models import ActionType

LONGEST = 500
PLACE = re.compile(r"\{([^{}]+)\}")


def sentence(action_type: ActionType, arguments: dict[str, Any], *, found: Found = NOTHING) -> str:
    """The type's template filled in; without a template, the name and the first arguments.

    What is marked as sensitive (`found`) is masked: a sentence stands in lists and notices.
    """
    arguments = masked(arguments, found)
    if not isinstance(arguments, dict):
        arguments = {}
    if action_type.template:
        filled = PLACE.sub(lambda place: _said(_at(arguments, place[1])), action_type.template)
    else:
        told = ", ".join(f"{name} {_said(value)}" for name, value in list(arguments.items())[:4])
        filled = f"{action_type.name.replace('_', ' ').capitalize()}{': ' if told else ''}{told}"
    return filled if len(filled) <= LONGEST else filled[: LONGEST - 1] + "…"


def _at(arguments: dict[str, Any], path: str) -> Any:
    """The argument of that name; else, with dots, what is inside of one."""
    value: Any = arguments
    for name in [path] if path in arguments else path.split("."):
        if not isinstance(value, dict):
            # A whole part that is masked stands for everything in it.
            return value if value == MASK else None
        value = value.get(name)
    return value


def _said(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # 612.0 and 612 are one number, in the digest too
    if isinstance(value, list):
        return ", ".join(_said(item) for item in value)
    return str(value)
