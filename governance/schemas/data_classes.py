"""What a schema says of the parts of an action's arguments: data classes, and what is sensitive.

`x-data-class` names the class of data that a property holds (or a list of them), `x-sensitive:
true` that its value is not shown in lists. Marks are read along the arguments and to the safe
side: of `anyOf`, `if` and their like every branch counts, whichever the arguments fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any
from urllib.parse import unquote

DATA_CLASS, SENSITIVE, KEY_FIGURE = "x-data-class", "x-sensitive", "x-key-figure"
MASK = "•••"
CLASS_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")

Place = tuple[str | int, ...]  # where in the arguments: names and indexes

_ONE = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_REFERENCES = ("$ref", "$dynamicRef")
_LOOK_ALIKE = re.compile(r"x[-_]?(data|sensitive)", re.IGNORECASE)


class BadMark(ValueError):
    """A mark that says nothing: where in the schema it stands, and what would be right."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True)
class SensitivePlaces:
    """What the marks say of some arguments."""

    classes: frozenset[str] = frozenset()
    sensitive: frozenset[Place] = frozenset()

    def is_sensitive(self, *place: str | int) -> bool:
        """Whether this part, or what it is a part of, is marked."""
        return bool(self.sensitive) and any(
            place[:depth] in self.sensitive for depth in range(len(place) + 1)
        )


NOTHING = SensitivePlaces()


class Marks:
    """The marks of one schema. Made once for a schema and asked for many arguments."""

    def __init__(self, schema: Any) -> None:
        self.root = schema
        self.parts = list(schemas_in(schema))
        self.classes = frozenset(name for _, part in self.parts for name in classes_named(part))
        self.any = bool(self.classes) or any(part.get(SENSITIVE) is True for _, part in self.parts)

    def of(self, arguments: Any) -> SensitivePlaces:
        """The classes of what is present in the arguments, and the places that are sensitive."""
        if not self.any:
            return NOTHING
        classes: set[str] = set()
        sensitive: set[Place] = set()
        waiting: list[tuple[Place, Any, Sequence[Any]]] = [((), arguments, [self.root])]
        while waiting:
            place, value, schemas = waiting.pop()
            applying = self.applying(schemas)
            for part in applying:
                classes.update(classes_named(part))
                if part.get(SENSITIVE) is True:
                    sensitive.add(place)
            waiting += [(*rest, inside(applying, rest[0][-1])) for rest in _items(place, value)]
        return SensitivePlaces(frozenset(classes), frozenset(sensitive))

    def names(self, path: tuple[str, ...]) -> bool:
        """Whether some schema here names such a property, each inside of the one before."""
        schemas: list[Any] = [self.root]
        for name in path:
            named = [object_in(part, "properties").get(name) for part in self.applying(schemas)]
            schemas = [schema for schema in named if schema is not None]
        return bool(schemas)

    def check(self) -> None:
        """Refuse marks that say nothing, and references that could hide one. Raises `BadMark`."""
        for path, part in self.parts:
            _check(path, part)
        if not self.any:
            return
        for path, part in self.parts:
            if path and "$id" in part:
                raise BadMark(f"{path}.$id", f"must not stand here in a schema with {DATA_CLASS}")
            for word in _REFERENCES:
                if word in part and not self.targets(part[word]):
                    raise BadMark(f"{path}.{word}".lstrip("."), "leads to no part of this schema")

    def applying(self, schemas: Sequence[Any]) -> list[dict[str, Any]]:
        """These and all that may hold for the same value, each once."""
        found: dict[int, dict[str, Any]] = {}
        waiting = list(schemas)
        while waiting:
            part = waiting.pop()
            if not isinstance(part, dict) or id(part) in found:
                continue
            found[id(part)] = part
            for word in _REFERENCES:
                waiting += self.targets(part.get(word))
            for word in ("allOf", "anyOf", "oneOf"):
                waiting += list_in(part, word)
            waiting += [part.get(word) for word in ("if", "then", "else")]
            waiting += object_in(part, "dependentSchemas").values()
        return list(found.values())

    def inside_of(self, part: dict[str, Any]) -> list[dict[str, Any]]:
        """What holds wherever this part of the schema does: what it refers to, and all of its `allOf`."""
        found: dict[int, dict[str, Any]] = {}
        waiting: list[Any] = [part]
        while waiting:
            one = waiting.pop(0)
            if not isinstance(one, dict) or id(one) in found:
                continue
            found[id(one)] = one
            for word in _REFERENCES:
                waiting += self.targets(one.get(word))
            both = one.get("allOf")
            waiting += both if isinstance(both, list) else []
        return list(found.values())[1:]

    def targets(self, reference: Any) -> list[Any]:
        """What a reference within the schema leads to."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return []
        fragment = unquote(reference[1:])
        if fragment and not fragment.startswith("/"):
            return self._anchors.get(fragment, [])
        target = self.root
        for escaped in fragment.split("/")[1:]:
            step = escaped.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and step.isdecimal() and int(step) < len(target):
                target = target[int(step)]
            elif isinstance(target, dict) and step in target:
                target = target[step]
            else:
                return []
        return [target]

    @cached_property
    def _anchors(self) -> dict[str, list[Any]]:
        anchors: dict[str, list[Any]] = {}
        for _, part in self.parts:
            for word in ("$anchor", "$dynamicAnchor"):
                if isinstance(part.get(word), str):
                    anchors.setdefault(part[word], []).append(part)
        return anchors


def object_in(part: dict[str, Any], word: str) -> dict[str, Any]:
    """What stands there, if it is an object: a schema may be looked into before it is known to be one."""
    found = part.get(word)
    return found if isinstance(found, dict) else {}


def list_in(part: dict[str, Any], word: str) -> list[Any]:
    found = part.get(word)
    return found if isinstance(found, list) else []


def masked(value: Any, found: SensitivePlaces, place: Place = ()) -> Any:
    """The value with a mark in the place of everything that is sensitive."""
    if not found.sensitive:
        return value
    if place in found.sensitive:
        return MASK
    if isinstance(value, dict):
        return {name: masked(item, found, (*place, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item, found, (*place, index)) for index, item in enumerate(value)]
    return value


def classes_named(part: dict[str, Any]) -> list[str]:
    said = part.get(DATA_CLASS, [])
    named = said if isinstance(said, list) else [said]
    return [name for name in named if isinstance(name, str)]


def _check(path: str, part: dict[str, Any]) -> None:
    for word in part:
        if _looks_alike(word):
            raise BadMark(f"{path}.{word}".lstrip("."), f"is unknown; known are {DATA_CLASS}, {SENSITIVE}")
    if not isinstance(part.get(SENSITIVE, True), bool):
        raise BadMark(f"{path}.{SENSITIVE}".lstrip("."), "must be true or false")
    if not isinstance(part.get(KEY_FIGURE, True), bool):
        raise BadMark(f"{path}.{KEY_FIGURE}".lstrip("."), "must be true or false")
    if DATA_CLASS in part:
        said, named = part[DATA_CLASS], classes_named(part)
        whole = len(named) == (len(said) if isinstance(said, list) else 1)
        if not named or not whole or not all(CLASS_NAME.fullmatch(name) for name in named):
            problem = 'must be a short name such as "personal", or a list of such'
            raise BadMark(f"{path}.{DATA_CLASS}".lstrip("."), problem)


def _looks_alike(word: str) -> bool:
    """A mark that is misspelt hides what it should tell; x-data-source is somebody else's word."""
    if word in (DATA_CLASS, SENSITIVE) or not _LOOK_ALIKE.match(word):
        return False
    return bool(get_close_matches(word.lower().replace("_", "-"), (DATA_CLASS, SENSITIVE), cutoff=0.8))


def schemas_in(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a schema with its path; names of properties, defaults and examples are none."""
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        path, part = waiting.pop()
        if not isinstance(part, dict):
            continue
        yield path, part
        before = f"{path}." if path else ""
        waiting += [(before + word, part[word]) for word in _ONE if word in part]
        for word in _SEVERAL:
            several = part.get(word)
            if isinstance(several, list):
                waiting += [(f"{before}{word}.{index}", item) for index, item in enumerate(several)]
        for word in _NAMED:
            named = part.get(word)
            if isinstance(named, dict):
                waiting += [(f"{before}{word}.{name}", item) for name, item in named.items()]


def _items(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    """The parts of a value, each with its place."""
    if isinstance(value, dict):
        yield from (((*place, name), item) for name, item in value.items())
    elif isinstance(value, list):
        yield from (((*place, index), item) for index, item in enumerate(value))


def inside(applying: list[dict[str, Any]], name: str | int) -> list[Any]:
    """The schemas that may hold for this part of a value."""
    found: list[Any] = []
    for part in applying:
        if isinstance(name, int):
            found += part.get("prefixItems", [])[name : name + 1]
            found += [part.get(word) for word in ("items", "contains", "unevaluatedItems")]
        else:
            # Every pattern counts: what agents send as names is not put before foreign patterns.
            found += part.get("patternProperties", {}).values()
            properties = part.get("properties", {})
            others = ("additionalProperties", "unevaluatedProperties")
            found += [properties[name]] if name in properties else [part.get(word) for word in others]
    return found
