"""What a schema says of one place in the arguments, as far as a form can show it.

Only hints: what may be approved is for the whole schema to say (`governance.actions.catalogue`). So nothing
here is stricter than the schema, and what it does not understand it leaves to the server's check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from approvals.showing.changes import parts, same
from governance.showing.names import skeleton

Kind = Literal["text", "number", "truth", "nothing", "choice", "list", "group"]
Schema = dict[str, Any]

KINDS: dict[str, Kind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "truth",
    "null": "nothing",
    "array": "list",
    "object": "group",
}
LABELS: dict[Kind, str] = {
    "text": "Text",
    "number": "Number",
    "truth": "Yes or no",
    "nothing": "Nothing (null)",
    "choice": "One of a list",
    "list": "List",
    "group": "Group",
}
MOST_SHAPES, DEEPEST = 12, 12
_HINTS: dict[str, Sequence[str]] = {  # words that make sense for one type alone
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength", "pattern", "format"),
}
_GREATEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_LEAST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


@dataclass(frozen=True)
class Option:
    """One of the values that a choice allows."""

    value: Any
    title: str


@dataclass(frozen=True)
class Shape:
    """One form that the value in a place may take."""

    kind: Kind
    schema: Schema
    label: str
    options: tuple[Option, ...] = ()

    def fits(self, value: Any) -> int:
        """How well a value that is there goes with it; below 0: not at all."""
        if self.kind == "choice":
            return 50 if any(same(option.value, value) for option in self.options) else -1
        if kind_of(value) != self.kind:
            return -1
        return _likeness(self.schema, value) if self.kind == "group" else 1


def kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "group" if isinstance(value, dict) else "nothing"


def shapes(root: Any, part: Any) -> list[Shape]:
    """The forms that a value may take where this part of the schema holds, at least one."""
    found: list[Shape] = []
    for shape in _shapes(root, merged(root, part), 0):
        if len(found) < MOST_SHAPES:
            found.append(shape)
    return _told_apart(found) or [Shape(kind, {}, LABELS[kind]) for kind in LABELS if kind != "choice"]


def merged(root: Any, part: Any, *, _on_the_way: tuple[int, ...] = ()) -> Schema:
    """The part with what it refers to and all of `allOf` in one object."""
    if not isinstance(part, dict) or id(part) in _on_the_way or len(_on_the_way) > DEEPEST:
        return {}
    way = (*_on_the_way, id(part))
    result: Schema = {}
    pieces = [_target(root, part["$ref"])] if isinstance(part.get("$ref"), str) else []
    pieces += part.get("allOf", [])
    for piece in pieces:
        _add(result, merged(root, piece, _on_the_way=way))
    _add(result, {word: said for word, said in part.items() if word not in ("$ref", "allOf")})
    return result


def of_property(schema: Schema, name: str) -> Any:
    """What holds for a property of this name."""
    properties = _object(schema.get("properties"))
    return properties[name] if name in properties else schema.get("additionalProperties")


def of_item(schema: Schema, index: int) -> Any:
    """What holds for the item in this place."""
    first = schema.get("prefixItems")
    if isinstance(first, list) and index < len(first):
        return first[index]
    return schema.get("items")


def required(schema: Schema) -> list[str]:
    said = schema.get("required")
    return [name for name in said if isinstance(name, str)] if isinstance(said, list) else []


def known(schema: Schema) -> list[str]:
    """The names of the properties, in their order."""
    return list(_object(schema.get("properties")))


def takes_others(schema: Schema) -> bool:
    """May an object have properties that are not named?"""
    return (
        schema.get("additionalProperties") is not False and schema.get("unevaluatedProperties") is not False
    )


# --- How ------------------------------------------------------------------------------------------


def _shapes(root: Any, schema: Schema, depth: int) -> Iterator[Shape]:
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(alternatives, list) and depth < 4:
        rest = {word: said for word, said in schema.items() if word not in ("anyOf", "oneOf")}
        several = [_joined(rest, merged(root, one)) for one in alternatives]
        if constants := [one for one in several if "const" in one]:
            yield _choice(rest, [(one["const"], one) for one in constants])
        for one in several:
            if "const" not in one:
                yield from _shapes(root, one, depth + 1)
    elif "const" in schema:
        yield _choice(schema, [(schema["const"], schema)])
    elif isinstance(schema.get("enum"), list):
        yield _choice(schema, [(value, {}) for value in schema["enum"]])
    else:
        for kind in _kinds(schema):
            yield Shape(kind, schema, "")


def _joined(rest: Schema, one: Schema) -> Schema:
    result = dict(rest)
    _add(result, one)
    return result


def _choice(schema: Schema, values: Sequence[tuple[Any, Schema]]) -> Shape:
    titles = [str(said.get("title") or "") for _, said in values]
    distinct = len(values) == 1 or len(set(titles)) > 1  # all alike: the title of the whole
    options = tuple(
        Option(value, title if distinct else "") for (value, _), title in zip(values, titles, strict=True)
    )
    return Shape("choice", schema, "", options)


def _kinds(schema: Schema) -> list[Kind]:
    said = schema.get("type")
    if isinstance(said, str | list):
        names = [said] if isinstance(said, str) else said
        return list(dict.fromkeys(KINDS[name] for name in names if name in KINDS))
    hinted = [KINDS[name] for name, words in _HINTS.items() if any(word in schema for word in words)]
    return list(dict.fromkeys([*hinted, *(kind for kind in LABELS if kind != "choice")]))


def _told_apart(found: Sequence[Shape]) -> list[Shape]:
    """With labels to choose by: their titles where they have any of their own, else their kinds."""
    titles = [str(shape.schema.get("title") or "") for shape in found]
    looks = [skeleton(title) for title in titles]
    own = len(set(looks)) == len(found) > 1
    result = []
    for index, (shape, title) in enumerate(zip(found, titles, strict=True), start=1):
        alike = sum(other.kind == shape.kind for other in found) > 1
        which = title if title and looks.count(skeleton(title)) == 1 else f"{title} {index}".strip()
        label = title if own and title else LABELS[shape.kind] + (f" ({which})" if alike else "")
        result.append(Shape(shape.kind, shape.schema, label, shape.options))
    return result


def _likeness(schema: Schema, value: dict[str, Any]) -> int:
    """Of several objects that could be meant: constants that agree tell most, then names."""
    properties = _object(schema.get("properties"))
    score = 1
    for name, part in properties.items():
        fixed = part.get("const") if isinstance(part, dict) else None
        if fixed is not None and name in value:
            score += 20 if same(fixed, value[name]) else -20
        score += name in value
    return max(0, score + 20 - 2 * sum(name not in value for name in required(schema)))


def _add(result: Schema, more: Schema) -> None:
    """Let `more` hold as well; of two hints the stricter, of two titles the later."""
    for word, said in more.items():
        before = result.get(word)
        if before is None:
            result[word] = said
        elif word == "properties":
            both = {name: {"allOf": [before[name], said[name]]} for name in said if name in before}
            result[word] = {**before, **said, **both}
        elif word == "required":
            result[word] = list(dict.fromkeys([*before, *said]))
        elif word == "type":
            result[word] = _types(before, said)
        elif word in _GREATEST:
            result[word] = max(before, said)
        elif word in _LEAST:
            result[word] = min(before, said)
        elif word == "additionalProperties" and before is False:
            continue
        elif word == "items":
            result[word] = {"allOf": [before, said]}
        elif word in ("enum", "anyOf", "oneOf"):
            continue  # both hold: the server says so
        else:
            result[word] = said


def _types(one: Any, other: Any) -> Any:
    names = [one] if isinstance(one, str) else one
    others = [other] if isinstance(other, str) else other
    both = [name for name in names if name in others]
    if "integer" in [*names, *others] and "number" in [*names, *others] and "integer" not in both:
        both = [*both, "integer"]
    return both or other


def _target(root: Any, reference: str) -> Any:
    """What a reference within the schema leads to; nothing where it is no pointer."""
    if not reference.startswith("#"):
        return {}
    fragment = unquote(reference[1:])
    target: Any = root
    for step in parts(fragment) if fragment.startswith("/") else []:
        if isinstance(target, list) and step.isdecimal() and int(step) < len(target):
            target = target[int(step)]
        elif isinstance(target, dict) and step in target:
            target = target[step]
        else:
            return {}
    return target if not fragment or fragment.startswith("/") else {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
