"""The arguments of an action as a table: what will be done, by the schema's own titles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from approvals.pieces import Piece, pieces, shown
from governance.data_classes import Marks

LONG = 600  # characters, from which on a value opens at a click
MANY_LINES = 8
_IDENTIFIER = re.compile(r"(?=.*\d)[#@]?[\w.:/+-]{3,}")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument; `before` is what the agent says is there now, None where it says nothing."""

    name: str
    title: str
    description: str
    shown: list[Piece]
    kind: str
    before: list[Piece] | None = None
    long: bool = False
    length: str = ""
    sensitive: bool = False


def table(schema: Any, arguments: dict[str, Any], before: dict[str, Any]) -> list[Argument]:
    """All arguments: required ones in the schema's order, then the others that it names, then the rest."""
    schema = schema if isinstance(schema, dict) else {}
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    # An object's order is lost in the database; the list of what is required has kept its own.
    first = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    order = [name for name in dict.fromkeys([*first, *properties, *arguments]) if name in arguments]
    found = Marks(schema).of(arguments)
    return [
        _argument(
            name,
            properties.get(name),
            arguments[name],
            before.get(name, _MISSING),
            sensitive=found.is_sensitive(name) or any(place[:1] == (name,) for place in found.sensitive),
        )
        for name in order
    ]


def edited(schema: Any, proposed: dict[str, Any], approved: dict[str, Any]) -> Iterator[Argument]:
    """What a reviewer changed before approving, each with what had been proposed."""
    changed = {name: value for name, value in approved.items() if proposed.get(name, _MISSING) != value}
    for argument in table(schema, changed, {}):
        yield Argument(
            argument.name,
            f"{argument.title}, as approved",
            argument.description,
            argument.shown,
            argument.kind,
            long=argument.long,
            length=argument.length,
            sensitive=argument.sensitive,
        )
    for name in proposed.keys() - approved.keys():
        yield Argument(shown(name), f"{shown(name)}, as approved", "", [Piece("left out")], "string")


def _argument(name: str, described: Any, value: Any, before: Any, *, sensitive: bool) -> Argument:
    described = described if isinstance(described, dict) else {}
    text = as_text(value)
    long = len(text) > LONG or text.count("\n") >= MANY_LINES
    return Argument(
        name=shown(name),
        title=shown(str(described.get("title") or _words(name))),
        description=shown(str(described.get("description") or "")),
        shown=pieces(text),
        kind=_kind(value, described),
        before=None if before is _MISSING else pieces(as_text(before)),
        long=long,
        length=f"{len(text):,}" if long else "",
        sensitive=sensitive,
    )


def as_text(value: Any) -> str:
    """A value as it is, nothing left out: text bare, everything else as JSON."""
    if isinstance(value, str):
        return value if value.strip() else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, indent=2)
    # 612.0 and 612 are one number, in the digest too.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if whole else value, ensure_ascii=False)


def _words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize() or "(no name)"


def _kind(value: Any, described: dict[str, Any]) -> str:
    if isinstance(value, bool) or value is None:
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    named = described.get("format") in ("uuid", "uri", "email") or "enum" in described
    return "identifier" if named or _IDENTIFIER.fullmatch(value) else "string"
