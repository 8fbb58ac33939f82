"""What an attempt asked, as pages show it: a line for each part."""

from __future__ import annotations

import json
from typing import Any

from audit.ground.unseen import Piece, pieces
from execution.desk.asked import Sent

LONGEST = 20_000  # characters of one part; the API tells all of it
_NAMES = {
    "url": "Address",
    "headers": "Headers",
    "certificate": "Certificate",
    "tool": "Tool",
    "callable": "Function",
    "arguments": "Arguments",
    "context": "Besides",
    "broker": "Broker",
    "exchange": "Exchange",
    "routing_key": "Key",
    "task": "Task",
    "id": "Task id",
    "body": "Body",
}


def lines_of(sent: Sent) -> list[tuple[str, list[Piece]]]:
    """The parts of a request, by name."""
    told = {name: sent.call[name] for name in _NAMES if sent.call.get(name) not in (None, "")}
    if method := sent.call.get("method"):
        told["url"] = f"{method} {told['url']}"
    return [(_NAMES[name], pieces(_short(_text(name, value)))) for name, value in told.items()]


def _text(name: str, value: Any) -> str:
    if name == "headers":
        return "\n".join(f"{header}: {said}" for header, said in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _short(text: str) -> str:
    more = len(text) - LONGEST
    return f"{text[:LONGEST]}\n… and {more:,} characters more: the API tells all of it" if more > 0 else text


def title_of(sent: Sent) -> str:
    return "What was asked" if sent.was_sent else "What would have been asked"
