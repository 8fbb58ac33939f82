"""What the parts of an action's arguments are called: by the schema's own titles, and never two alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from audit.ground.unseen import pieces, shown
from governance.schemas.data_classes import Marks
from governance.showing.names import readable, skeleton

Schema = dict[str, Any]


def labels(parts: Sequence[Schema], names: Iterable[str] = ()) -> dict[str, str]:
    """A label for each property of an object that these schemas hold for, and for these names besides.

    A property's own title counts, one that comes through a reference does not: it is the title of
    what several may refer to. Where two would read alike, the name stands beside each.
    """
    known = list(dict.fromkeys([*_known(parts), *names]))
    found = {name: own_title(parts, name) or readable(name) for name in known}
    for looks in (skeleton, shown):  # a title may pretend to have a name beside it already
        seen = {name: looks(label) for name, label in found.items()}
        often = Counter(seen.values())
        alike = [name for name in known if often[seen[name]] > 1]
        found |= {name: f"{found[name]} ({_exactly(name)})" for name in alike}
    return {name: shown(label) for name, label in found.items()}


def own_title(parts: Sequence[Schema], name: str) -> str:
    """The title that the schema gives this very property; empty where it has none, or several."""
    said = [_title(properties[name]) for properties in map(_properties, parts) if name in properties]
    titles = list(dict.fromkeys(title for title in said if title))
    return titles[0] if len(titles) == 1 else ""


def _title(part: Any) -> str:
    if not isinstance(part, dict):
        return ""
    title = part.get("title")
    if isinstance(title, str) and shown(title):
        return title
    both = part.get("allOf")
    return next((said for one in both if (said := _title(one))), "") if isinstance(both, list) else ""


def _properties(part: Schema) -> Schema:
    found = part.get("properties")
    return found if isinstance(found, dict) else {}


def _known(parts: Sequence[Schema]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in _properties(part)))


def _exactly(name: str) -> str:
    """A name to the letter: what can't be seen of it is written as an escape."""
    seen = name and name == " ".join(name.split()) and not any(piece.mark for piece in pieces(name))
    return name if seen else json.dumps(name)


def ordered(parts: Sequence[Schema], names: Iterable[str], *, as_written: bool = False) -> list[str]:
    """These names as the schema has them, what is required first unless it is wanted `as_written`; then
    those that it does not name.

    The order in which they came does not count: one digest, one order.
    """
    there = set(names)
    needed = set() if as_written else {name for part in parts for name in _required(part)}
    known = [name for name in _known(parts) if name in there]
    first = [name for name in known if name in needed]
    then = [name for name in known if name not in needed]
    return [*first, *then, *sorted(there.difference(known))]


def _required(part: Schema) -> list[str]:
    said = part.get("required")
    return [name for name in said if isinstance(name, str)] if isinstance(said, list) else []


def alternatives(marks: Marks, part: Schema) -> bool:
    """Does it depend on the value which schemas hold for it?"""
    words = ("anyOf", "oneOf", "then", "else", "dependentSchemas")
    return any(word in one for one in [part, *marks.inside_of(part)] for word in words)


# --- Which of several forms is meant --------------------------------------------------------------


def holding(marks: Marks, schemas: Sequence[Any], value: Any) -> list[Schema]:
    """The schemas that hold for this value; of alternatives those that it contradicts drop out."""
    found: dict[int, Schema] = {}
    waiting = [part for part in schemas if isinstance(part, dict)]
    while waiting:
        part = waiting.pop(0)
        if id(part) in found:
            continue
        found[id(part)] = part
        waiting += marks.inside_of(part)
        for word in ("anyOf", "oneOf"):
            branches = part.get(word)
            if isinstance(branches, list):
                waiting += _possible(marks, branches, value)
        waiting += [part[word] for word in ("then", "else") if isinstance(part.get(word), dict)]
        waiting += [one for one in part.get("dependentSchemas", {}).values() if isinstance(one, dict)]
    return list(found.values())


def _possible(marks: Marks, branches: Sequence[Any], value: Any) -> list[Schema]:
    fitting = [one for one in branches if isinstance(one, dict) and not _contradicts(marks, one, value)]
    return fitting or [one for one in branches if isinstance(one, dict)]


def _contradicts(marks: Marks, branch: Schema, value: Any) -> bool:
    if "const" in branch and branch["const"] != value:
        return True
    return isinstance(value, dict) and any(
        _denies(part, value) for part in [branch, *marks.inside_of(branch)]
    )


def _denies(part: Schema, value: Schema) -> bool:
    if any(name not in value for name in _required(part)):
        return True
    for name, said in _properties(part).items():
        if name not in value or not isinstance(said, dict):
            continue
        if "const" in said and said["const"] != value[name]:
            return True
        if isinstance(said.get("enum"), list) and value[name] not in said["enum"]:
            return True
    closed = part.get("additionalProperties") is False
    return closed and any(name not in _properties(part) for name in value)


# --- Left out -------------------------------------------------------------------------------------


def left_out(marks: Marks, parts: Sequence[Schema], value: Schema) -> dict[str, Any]:
    """What the value does not say although the schema has a default for it, with that."""
    found: dict[str, Any] = {}
    for part in parts:
        for name, said in _properties(part).items():
            if name in value or name in found:
                continue
            for one in [said, *marks.inside_of(said)] if isinstance(said, dict) else ():
                if "default" in one:
                    found[name] = one["default"]
                    break
    return found
