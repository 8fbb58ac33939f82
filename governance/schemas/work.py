"""How much there is to do to check arguments by a schema: known before it is done, so that it has an end.

One unit is one schema looked at for one value, or some letters put before a pattern; a million units take
well under a tenth of a second. Nothing here is run by the agent's or the schema's author's leave: a schema
that can't be bounded is refused on saving, and arguments that would take too long are refused unread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jsonschema_rs

from governance.schemas.data_classes import Marks

MOST = 20_000_000  # units for one set of arguments
MOST_AT_ONE_PLACE = 20_000  # schemas that one value may be put before
MOST_TO_EXPLAIN = 20_000  # units, up to which every mistake is told and not only that there is one
MOST_PLACES = 2_000
MOST_STEPS = 100  # from reference to reference
DEEPEST = 32
BODY = 256 * 1024

TEXT_FOR_HEAVY = 1_000  # characters that may be put before a pattern that is no simple one
BACKTRACKS = 10_000
PATTERN_BYTES = 2 * 1024 * 1024
_LIGHT_BYTES, _TINY_BYTES = 128 * 1024, 16 * 1024
_IN_PLACE = ("allOf", "anyOf", "oneOf")
_ANOTHER = "\0another"  # any name that no schema names
_COUNTED = ("enum", "required", "properties", "dependentRequired", "patternProperties")

Load = Counter[int]  # id of a part of the schema → how often it is looked at in one place


class TooMuch(ValueError):
    """The schema has no end that can be vouched for: where, and why."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


@lru_cache(maxsize=2_000)
def pattern_weight(pattern: str) -> str:
    """`tiny`, `light`, `heavy` (look-around and the like), or "" where it can't be tried within bounds."""
    part = {"pattern": pattern}
    tries: list[tuple[str, Any]] = [
        ("tiny", jsonschema_rs.RegexOptions(size_limit=_TINY_BYTES)),
        ("light", jsonschema_rs.RegexOptions(size_limit=_LIGHT_BYTES)),
        ("heavy", PATTERNS),
    ]
    for weight, options in tries:
        try:
            jsonschema_rs.validator_for(part, pattern_options=options)
        except (jsonschema_rs.ValidationError, ValueError):
            continue
        return weight
    return ""


PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS, size_limit=PATTERN_BYTES)
_PER_LETTER = {"tiny": 4, "light": 40, "heavy": 400}


@dataclass
class _Place:
    """A place in arguments: the schemas that hold there, how often each, and what that takes."""

    load: Load
    each: int  # units for a value here
    per_letter: int  # quarters of a unit for a letter of a text
    per_name: int  # units for a letter of a name
    names: frozenset[str]
    first: int  # items that have schemas of their own
    inside: dict[str | int, _Place] = field(default_factory=dict)


class Work:
    """The work that a schema asks for. Made once for a schema; raises `TooMuch` where there is no bound."""

    def __init__(self, schema: Any, marks: Marks) -> None:
        self.marks = marks
        self._parts = {id(part): part for _, part in marks.parts}
        self._paths = {id(part): path for path, part in marks.parts}
        self._closures: dict[int, Load] = {}
        for part in list(self._parts.values()):
            self._closure(part, ())
        self.has_alternatives = any("anyOf" in part or "oneOf" in part for part in self._parts.values())
        self._places = 0
        self._root = self._place(Counter({id(schema): 1}))
        self.is_cheap = self._heaviest() * BODY <= MOST

    def of(self, arguments: Any) -> int:
        """The units that these arguments take; counting stops above `MOST`."""
        done, waiting = 0, [(arguments, self._root)]
        while waiting and done <= MOST:
            value, place = waiting.pop()
            done += place.each
            if isinstance(value, str):
                done += len(value) * place.per_letter // 4
            elif isinstance(value, dict):
                done += sum(map(len, value)) * place.per_name
                waiting += [(item, self._step(place, name)) for name, item in value.items()]
            elif isinstance(value, list):
                waiting += [(item, self._step(place, index)) for index, item in enumerate(value)]
        return done

    def _step(self, place: _Place, name: str | int) -> _Place:
        """The place of that name, or of that number, within this one."""
        key: str | int = min(name, place.first) if isinstance(name, int) else name
        if isinstance(key, str) and key not in place.names:
            key = _ANOTHER
        found = place.inside.get(key)
        if found is None:
            found = self._place(self._inside(place.load, key))
            if self._places < MOST_PLACES:  # a schema that goes round has places without end
                self._places += 1
                place.inside[key] = found
        return found

    def _place(self, load: Load) -> _Place:
        whole: Load = Counter()
        for key, times in load.items():
            for inner, often in self._closure(self._parts[key], ()).items():
                whole[inner] += times * often
        parts = [(self._parts[key], times) for key, times in whole.items()]
        return _Place(
            whole,
            each=sum(times * _cost(part) for part, times in parts) or 1,
            per_letter=sum(times * _per_letter(part) for part, times in parts),
            per_name=sum(times * _of_names(part) for part, times in parts),
            names=frozenset(name for part, _ in parts for name in _object(part.get("properties"))),
            first=max((len(_list(part.get("prefixItems"))) for part, _ in parts), default=0),
        )

    def _inside(self, load: Load, name: str | int) -> Load:
        found: Load = Counter()
        for key, times in load.items():
            for schema in _within(self._parts[key], name):
                if isinstance(schema, dict):
                    self._parts.setdefault(id(schema), schema)
                    found[id(schema)] += times
        return found

    def _closure(self, part: Any, on_the_way: tuple[int, ...]) -> Load:
        """The part and all that is put before the same value for its sake, each as often as it is."""
        key = id(part)
        if key in self._closures:
            return self._closures[key]
        path = self._paths.get(key, "")
        if key in on_the_way or len(on_the_way) > MOST_STEPS:
            raise TooMuch(path, "leads back to itself without a step into the value, so it has no end")
        found: Load = Counter({key: 1})
        for other in self._beside(part):
            self._parts.setdefault(id(other), other)  # a reference may lead to what no word names
            found.update(self._closure(other, (*on_the_way, key)))
            if found.total() > MOST_AT_ONE_PLACE:
                problem = (
                    f"puts one value before more than {MOST_AT_ONE_PLACE:,} schemas: name fewer branches"
                )
                raise TooMuch(path, problem)
        self._closures[key] = found
        return found

    def _beside(self, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
        several: list[Any] = []
        for word in ("$ref", "$dynamicRef"):
            several += self.marks.targets(part.get(word))
        for word in _IN_PLACE:
            several += _list(part.get(word))
        several += [part.get(word) for word in ("if", "then", "else", "not")]
        several += _object(part.get("dependentSchemas")).values()
        yield from (one for one in several if isinstance(one, dict))

    def _heaviest(self) -> int:
        """The most units that one place takes for each of its letters, however large the arguments."""
        waiting, seen, most = [(self._root, 0)], 0, 1
        while waiting:
            place, depth = waiting.pop()
            seen += 1
            if seen > MOST_PLACES or depth > DEEPEST:
                return MOST  # it goes round: what it takes is counted for each arguments
            most = max(most, place.each + place.per_letter + place.per_name)
            for name in (*place.names, _ANOTHER, *range(place.first + 1)):
                inner = self._step(place, name)
                if inner.load:
                    waiting.append((inner, depth + 1))
        return most


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _within(part: dict[str, Any], name: str | int) -> Iterator[Any]:
    if isinstance(name, int):
        yield from _list(part.get("prefixItems"))[name : name + 1]
        yield from (part.get(word) for word in ("items", "contains", "unevaluatedItems"))
        return
    properties = _object(part.get("properties"))
    if name in properties:
        yield properties[name]
    yield from _object(part.get("patternProperties")).values()
    yield from (part.get(word) for word in ("additionalProperties", "unevaluatedProperties"))


def _cost(part: dict[str, Any]) -> int:
    return 1 + sum(len(part[word]) for word in _COUNTED if isinstance(part.get(word), list | dict)) // 8


def _per_letter(part: dict[str, Any]) -> int:
    pattern = part.get("pattern")
    return _PER_LETTER.get(pattern_weight(pattern), 400) if isinstance(pattern, str) else 0


def _of_names(part: dict[str, Any]) -> int:
    """What the patterns for names take for each letter of a name."""
    return 40 * len(_object(part.get("patternProperties"))) + (100 if "propertyNames" in part else 0)
