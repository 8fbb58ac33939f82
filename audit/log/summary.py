"""One line about an event for people who look through many; the whole of it stands in the body."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST = 140
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


def summary(body: str) -> str:
    """The event's facts as `name value` pairs, identifiers left out and digests shortened."""
    data = json.loads(body).get("data", {})
    told = [(name.replace("_", " "), said(value)) for name, value in data.items() if worth_telling(value)]
    line = " · ".join(f"{name} {value}" for name, value in told)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def worth_telling(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value) and not _UUID.match(value)
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, str) for item in value)
    return value is not None and not isinstance(value, dict)


def said(value: Any) -> str:
    if isinstance(value, str):
        return value[:14] + "…" if _DIGEST.match(value) else value
    if isinstance(value, list):
        return ", ".join(value)
    return json.dumps(value)
