"""A workflow as people write it: in YAML, its words in the order in which one thinks of them."""

from __future__ import annotations

import re
from typing import Any

import yaml
from django.conf import settings

from governance.models import ActionType, WorkflowText
from governance.schemas.data_classes import object_in

_FIRST = (
    *(
        "name",
        "if",
        "kind",
        "to",
        "signal",
        "attempts",
        "base",
        "cap",
        "route",
        "currency",
        "budget",
        "within",
    ),
    *("compensate", "attend", "look", "preview", "require", "stale_when", "steps"),
    *("method", "url", "tool", "callable"),
    *("broker", "exchange", "routing_key", "task", "with", "headers", "sign", "client_certificate", "oauth2"),
    *("body", "arguments", "team", "title", "form", "routes", "timeout", "cached", "show", "says"),
    *("idempotent", "cost", "errors", "retry", "success_when", "verify", "expect", "await", "undo"),
)
_ORDER = {word: place for place, word in enumerate(_FIRST)}
_FREE = {"body", "arguments", "with", "headers", "show", "form"}  # whose members are not ours
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE_HOST = "service.example:443"


def text_of(workflow: Any) -> str:
    """The workflow in YAML; of none, nothing."""
    if workflow is None:
        return ""
    return yaml.safe_dump(
        _arranged(workflow), sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
    )


def as_written(action_type: ActionType) -> str:
    """The workflow of a version as somebody wrote it, or in YAML where it came in another way."""
    written = WorkflowText.objects.filter(action_type=action_type).first()
    return written.text if written else text_of(action_type.workflow)


def beginning(action_type: ActionType) -> str:
    """A workflow to begin with, made from the arguments of this type: one call, then the agent is asked."""
    properties = object_in(action_type.schema_as_written, "properties")
    required = action_type.schema.get("required", [])
    step: dict[str, Any] = {
        "name": re.sub(r"[^A-Za-z0-9_.-]", "-", action_type.name).lstrip("_.-")[:64],
        "routes": [
            {
                "kind": "http",
                "method": "POST",
                "url": f"{_service()}/{re.sub('[^a-z0-9-]+', '-', action_type.name.lower())}",
                "body": {name: _expression(name, needed=name in required) for name in properties},
                "timeout": "10s",
            },
            {"kind": "handback", "to": "agent", "within": "4h"},
        ],
        "retry": {"attempts": 5, "base": "500ms", "cap": "60s", "within": "10m"},
        "success_when": "response.status < 300",
    }
    if not properties:
        del step["routes"][0]["body"]
    return text_of({"steps": [step]})


def _service() -> str:
    """The first host that workers may call, or one that shows where its name belongs."""
    place = next(iter(settings.EGRESS_ALLOW), _EXAMPLE_HOST).strip().lower()
    host, _, port = place.rpartition(":")
    if port == "443":
        return f"https://{host}"
    return f"http://{host}" if port == "80" else f"http://{place}"


def _expression(argument: str, *, needed: bool) -> str:
    """Its value; of one that may be left out null where it is."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    value = f"args.{argument}" if _VARIABLE.fullmatch(argument) else f'args["{escaped}"]'
    return f"={value}" if needed else f'="{escaped}" in args ? {value} : null'


def _arranged(value: Any, *, free: bool = False) -> Any:
    if isinstance(value, list):
        return [_arranged(item, free=free) for item in value]
    if not isinstance(value, dict):
        return value
    names = sorted(value, key=lambda name: (0 if free else _ORDER.get(name, len(_ORDER)), name))
    return {name: _arranged(value[name], free=free or name in _FREE) for name in names}
