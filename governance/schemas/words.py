"""What is wrong with arguments, told to whoever has to mend them: at the very place, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from audit.ground.refusals import pointer_of
from governance.schemas import formats, pattern_example

LONGEST = 300
DEEPEST = 8
MOST_NAMED = 8
INTEGER = 2**53 - 1
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object, { … }",
}

Error = dict[str, str]


def told(error: Any, root: Any, pointer: str) -> Iterator[Error]:
    """The sentences for one error, each with its place.

    Of alternatives the nearest is taken: what is wrong there is what the sender has to mend.
    """
    for path, said in _sentences(error, root, 0):
        yield {"pointer": pointer + pointer_of(path), "detail": said[:LONGEST]}


def _sentences(error: Any, root: Any, depth: int) -> Iterator[tuple[Sequence[str | int], str]]:
    branches = _branches(error)
    if not branches or depth > DEEPEST:
        yield error.instance_path, in_words(error, root)
    elif found := _told_apart_by(branches):
        path, values = found
        yield path, f"It must be one of {_listed([_json(value) for value in values])}."
    else:
        best = min(branches, key=lambda branch: _distance(error, branch))
        if any(_is_misfit(error, one) for one in best):
            yield error.instance_path, in_words(error, root)
        else:
            for one in best[:MOST_NAMED]:
                yield from _sentences(one, root, depth + 1)


def _told_apart_by(branches: Sequence[Sequence[Any]]) -> tuple[Sequence[str | int], list[Any]] | None:
    """The place whose constant tells the alternatives apart, where it has none of theirs."""
    constants = [
        {pointer_of(one.instance_path): one for one in branch if _name(one) == "Constant"}
        for branch in branches
    ]
    for place in constants[0]:
        if place and all(place in of_branch for of_branch in constants):
            return constants[0][place].instance_path, [c[place].kind.expected_value for c in constants]
    return None


def in_words(error: Any, root: Any) -> str:
    """What it must be, in one sentence."""
    kind, part = error.kind, _part(root, error.schema_path)
    said = type(kind).__name__.partition("_")[2] or type(kind).__name__
    if teller := _TELLERS.get(said):
        return teller(kind, part, error.instance)
    return str(error.message)


def _branches(error: Any) -> list[list[Any]]:
    context = getattr(error.kind, "context", None)
    is_some = _name(error) in ("AnyOf", "OneOfNotValid")
    return [branch for branch in context if branch] if is_some and context else []


def _distance(error: Any, branch: Sequence[Any]) -> tuple[int, ...]:
    """How far a value is from what a branch asks for: another type, other constants, other names."""
    names = [_name(one) for one in branch]
    return (
        sum(_is_misfit(error, one) for one in branch),
        sum(name in ("Constant", "Enum") for name in names),
        sum(name in ("Required", "AdditionalProperties", "UnevaluatedProperties") for name in names),
        sum(name == "Type" for name in names),
        len(branch),
    )


def _is_misfit(error: Any, one: Any) -> bool:
    """Is it another kind of value altogether?"""
    return _name(one) in ("Type", "Constant", "Enum", "FalseSchema") and len(one.instance_path) == len(
        error.instance_path
    )


def _name(error: Any) -> str:
    return type(error.kind).__name__.rpartition("_")[2]


def _part(root: Any, path: Sequence[str | int]) -> dict[str, Any]:
    """The part of the schema that an error comes from."""
    part = root
    for step in list(path)[:-1]:
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return part if isinstance(part, dict) else {}


def _type(kind: Any, part: dict[str, Any], value: Any) -> str:
    names = list(kind.types)
    if names == ["string"] and isinstance(value, int | float) and not isinstance(value, bool):
        return "It must be text: put the number in quotes."
    if "integer" in names and "number" not in names and isinstance(value, str):
        text = value.strip().lstrip("+-")
        if text.isdecimal() and abs(int(text[:400])) > INTEGER:
            return too_large("It must be a whole number, and those")
    if "number" in names and "integer" in names:
        names.remove("integer")
    names.sort(key=lambda name: name == "null")
    return f"It must be {_either([_TYPES.get(name, name) for name in names])}."


def too_large(begin: str) -> str:
    """There is no way to send it: what has to change is the action type."""
    return (
        f"{begin} lie within ±(2^53−1): beyond that, programs read them differently. There is no way to "
        "send a larger one to this action type; for such ids its schema has to ask for text (type string)."
    )


def _required(kind: Any, part: dict[str, Any], value: Any) -> str:
    name = str(kind.property)
    title = _title(part, name)
    return f"{name} is missing{title}."


def _title(part: dict[str, Any], name: str) -> str:
    properties = part.get("properties")
    inner = properties.get(name) if isinstance(properties, dict) else None
    title = inner.get("title") if isinstance(inner, dict) else None
    return f" ({title})" if isinstance(title, str) and title and title != name else ""


def _unexpected(kind: Any, part: dict[str, Any], value: Any) -> str:
    names = [str(name)[:60] for name in kind.unexpected]
    properties = part.get("properties")
    known = list(properties) if isinstance(properties, dict) else []
    told = f"; known are {_listed(known)}" if known else ""
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} unknown here{told}."


def _pattern(kind: Any, part: dict[str, Any], value: Any) -> str:
    if value == "" and not isinstance(part.get("minLength"), int):
        begin = "It must not be empty: write"
    else:
        begin = "It must be"
    return f"{begin} {such_as(part, str(kind.pattern))}."


def such_as(part: dict[str, Any], pattern: str) -> str:
    """What a pattern asks for, by an example: a customer number such as customer-19129."""
    examples = part.get("examples")
    examples = examples if isinstance(examples, list) else [part.get("example"), part.get("default")]
    shown = next((one for one in examples if isinstance(one, str) and 0 < len(one) <= 60), "")
    title = part.get("title")
    thing = f"{title[:1].lower()}{title[1:]}" if isinstance(title, str) and title[1:2].islower() else "text"
    shown = shown or pattern_example.example_of(pattern)
    if not shown:
        return f"{thing} of the form that the action type asks for, {pattern[:120]}"
    return f"{_article(thing)} such as {shown}"


def _article(thing: str) -> str:
    if thing == "text":
        return thing
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _backtracks(kind: Any, part: dict[str, Any], value: Any) -> str:
    return (
        "It would take too long to see whether this text has the form that is asked for; write a simpler one."
    )


def _format(kind: Any, part: dict[str, Any], value: Any) -> str:
    name = str(kind.format)
    return f"It must be {formats.WORDS.get(name, f'of the format {name}')}."


def _shortest(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"At least {counted(kind.limit, 'character')}."


def _longest(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"At most {counted(kind.limit, 'character')}."


def _fewest(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"At least {counted(kind.limit, 'item')}."


def _most(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"At most {counted(kind.limit, 'item')}."


def _fewest_names(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"At least {counted(kind.limit, 'member')}."


def _most_names(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"At most {counted(kind.limit, 'member')}."


def counted(number: int, thing: str) -> str:
    """1 character, 2 characters."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _constant(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"It must be {_json(kind.expected_value)}."


def _enum(kind: Any, part: dict[str, Any], value: Any) -> str:
    options = list(kind.options)
    if not options:
        return "Nothing is allowed here."
    return f"It must be one of {_listed([_json(option) for option in options])}."


def _unique(kind: Any, part: dict[str, Any], value: Any) -> str:
    return "No item may stand in it twice."


def _contains(kind: Any, part: dict[str, Any], value: Any) -> str:
    least, most = part.get("minContains", 1), part.get("maxContains")
    asked = [f"at least {counted(int(least), 'item')}"] if least else []
    asked += [f"at most {counted(int(most), 'item')}"] if isinstance(most, int | float) else []
    return f"It has to hold {' and '.join(asked)} of the kind that the action type asks for."


def _too_many(kind: Any, part: dict[str, Any], value: Any) -> str:
    return "It has more items than those that are allowed here."


def _false(kind: Any, part: dict[str, Any], value: Any) -> str:
    properties = part.get("properties")
    known = list(properties) if isinstance(properties, dict) else []
    names = [str(name)[:60] for name in value if name not in known] if isinstance(value, dict) else []
    if part.get("additionalProperties") is not False or not names:
        return "Nothing is allowed here."
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} unknown here."


def _names(kind: Any, part: dict[str, Any], value: Any) -> str:
    inner = in_words(kind.error, {})
    return f"A name in it is not as it must be. {inner}"


def _not(kind: Any, part: dict[str, Any], value: Any) -> str:
    return "It is just what the action type excludes here."


def _several(kind: Any, part: dict[str, Any], value: Any) -> str:
    return "It fits more than one of the forms that are allowed here; only one may fit."


def _none_of(kind: Any, part: dict[str, Any], value: Any) -> str:
    types: list[str] = []
    for branch in kind.context:
        for one in branch:
            types += list(one.kind.types) if _name(one) == "Type" else []
    asked = list(dict.fromkeys(types))
    if asked and all(any(_name(one) == "Type" for one in branch) for branch in kind.context):
        return f"It must be {_either([_TYPES.get(name, name) for name in asked])}."
    constants = [one.kind for branch in kind.context for one in branch if _name(one) == "Constant"]
    if len(constants) == len(kind.context):
        return f"It must be one of {_listed([_json(one.expected_value) for one in constants])}."
    return "It fits none of the forms that are allowed here."


def _limit(words: str) -> Any:
    def tell(kind: Any, part: dict[str, Any], value: Any) -> str:
        return f"{words} {_json(kind.limit)}."

    return tell


def _multiple(kind: Any, part: dict[str, Any], value: Any) -> str:
    return f"It must be a multiple of {_json(kind.multiple_of)}."


def _json(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (
            f"{value:g}"
            if isinstance(value, float) and value.is_integer() and abs(value) < 1e6
            else str(value)
        )
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


_TELLERS = {
    "Type": _type,
    "Required": _required,
    "AdditionalProperties": _unexpected,
    "UnevaluatedProperties": _unexpected,
    "Pattern": _pattern,
    "BacktrackLimitExceeded": _backtracks,
    "RegexEngineFailure": _backtracks,
    "Format": _format,
    "MinLength": _shortest,
    "MaxLength": _longest,
    "MinItems": _fewest,
    "MaxItems": _most,
    "MinProperties": _fewest_names,
    "MaxProperties": _most_names,
    "Constant": _constant,
    "Enum": _enum,
    "UniqueItems": _unique,
    "Contains": _contains,
    "UnevaluatedItems": _too_many,
    "FalseSchema": _false,
    "PropertyNames": _names,
    "Not": _not,
    "OneOfMultipleValid": _several,
    "OneOfNotValid": _none_of,
    "AnyOf": _none_of,
    "Minimum": _limit("At least"),
    "Maximum": _limit("At most"),
    "ExclusiveMinimum": _limit("More than"),
    "ExclusiveMaximum": _limit("Less than"),
    "MultipleOf": _multiple,
}
