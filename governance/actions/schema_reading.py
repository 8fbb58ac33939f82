"""A schema as others write it, read as one of JSON Schema 2020-12 that can be checked within bounds.

What says the same in other words is put into ours, and the reader is told; what would be misread is a
mistake with its place. `read` changes nothing that was given to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from governance.schemas.data_classes import BadMark, Marks, schemas_in
from governance.schemas.work import TEXT_FOR_HEAVY, TooMuch, Work, pattern_weight

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTEGER = 2**53 - 1
MOST_MISTAKES = 20
_OLDER = re.compile(r"https?://json-schema\.org/(?:draft-0[4-7]|draft/2019-09|(?=schema))/?(?:schema)?#?")
_ALSO = re.compile(r"https://spec\.openapis\.org/oas/3\.[12]/dialect/.*")
_OF_OLDER = {
    "additionalItems": "has no meaning in the dialect of 2020-12; say items beside prefixItems",
    "dependencies": "is not read in the dialect of 2020-12; say dependentRequired or dependentSchemas",
    "$recursiveRef": "is not read in the dialect of 2020-12; say $dynamicRef",
}
_MAY_BE_NULL = {"default", "const"}  # words of which null is a value; of all others it means left out
_AT_LEAST = {"minimum", "exclusiveMinimum"}
_AT_MOST = {"maximum", "exclusiveMaximum"}
_COUNTS = {"maxLength", "maxItems", "maxProperties", "maxContains"}
_LEAST_COUNTS = {"minLength", "minItems", "minProperties", "minContains"}
_BESIDE_REF = {
    "$ref",
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "type",
}
_KNOWN_TYPES = {"string", "integer", "number", "boolean", "null", "array", "object"}


@dataclass
class Reading:
    """The schema as it is kept, what was made of it, and what is wrong: each mistake with its path."""

    schema: Any
    notes: list[str] = field(default_factory=list)
    mistakes: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self, path: str, problem: str) -> None:
        if len(self.mistakes) < MOST_MISTAKES and path not in dict(self.mistakes):
            self.mistakes.append((path, problem))


def read(given: Any) -> Reading:
    """The schema of an action's arguments; whatever is wrong with it is told, all of it at once."""
    if not isinstance(given, dict):
        return Reading(given, mistakes=[("", "must be a JSON Schema object")])
    reading = Reading(deepcopy(given))
    step: Callable[[Reading], None]
    for step in (_null_is_left_out, _dialect, _root, _words, _numbers, _references):
        step(reading)
    _form(reading)
    if not reading.mistakes:
        _bounds(reading)
    if not reading.mistakes:
        _patterns(reading)
    if not reading.mistakes:
        _compiles(reading)
    return reading


def join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _parts(reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from list(schemas_in(reading.schema))


def _null_is_left_out(reading: Reading) -> None:
    for _path, part in _parts(reading):
        for word in [w for w, said in part.items() if said is None and w not in _MAY_BE_NULL]:
            del part[word]
        for word in ("properties", "patternProperties", "$defs", "definitions"):
            named = part.get(word)
            if isinstance(named, dict):
                named.update({name: {} for name, said in named.items() if said is None})


def _dialect(reading: Reading) -> None:
    """Whatever dialect it names, it is read as one of 2020-12; where that would be another meaning, no."""
    older = ""
    for path, part in _parts(reading):
        said = part.get("$schema")
        if said is None:
            continue
        if not isinstance(said, str):
            reading.wrong(join(path, "$schema"), "must be the address of a dialect")
        elif said.rstrip("#") == DIALECT:
            if path:
                del part["$schema"]
        elif _OLDER.fullmatch(said) or _ALSO.fullmatch(said):
            older = said
            del part["$schema"]
        else:
            known = f"{DIALECT}, or the older drafts 2019-09, 07, 06 and 04"
            reading.wrong(join(path, "$schema"), f"is a dialect that is not read; known are {known}")
    if not older:
        return
    reading.notes.append(f"A schema names an older dialect, {older}; it is read as one of 2020-12.")
    for path, part in _parts(reading):
        for word in _OF_OLDER.keys() & part.keys():
            reading.wrong(join(path, word), f"{_OF_OLDER[word]} ({older})")
        _exclusive_limits(part)
        if "id" in part and isinstance(part["id"], str):
            del part["id"]
        if "$ref" in part and not _BESIDE_REF.issuperset(part) and "2019-09" not in older:
            reading.notes.append("Words beside a $ref hold, too, where the older dialect left them aside.")


def _exclusive_limits(part: dict[str, Any]) -> None:
    """Of draft 4: `minimum: 1, exclusiveMinimum: true` says what `exclusiveMinimum: 1` says."""
    for limit, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if part.get(word) is True and limit in part:
            part[word] = part.pop(limit)
        elif isinstance(part.get(word), bool):
            del part[word]


def _root(reading: Reading) -> None:
    schema = reading.schema
    said = schema.get("type")
    if said is None:
        schema["type"] = "object"
        reading.notes.append('A schema says no type; arguments have names, so it is read as "object".')
    elif isinstance(said, list) and "object" in said:
        schema["type"] = "object"
    elif said != "object":
        reading.wrong("type", 'must be "object": arguments have names')


def _words(reading: Reading) -> None:
    """What is widely written and means something else, or nothing, in JSON Schema."""
    for path, part in _parts(reading):
        _required(reading, path, part)
        if part.get("nullable") is True:
            _nullable(reading, part)
        for word in ("items", "additionalItems"):
            if isinstance(part.get(word), list):
                reading.wrong(join(path, word), "is a list; in the dialect of 2020-12 say prefixItems")
        if part.get("enum") == []:
            reading.wrong(join(path, "enum"), "is empty, so nothing could be sent here")
        said = part.get("type")
        for name in said if isinstance(said, list) else [said] if said is not None else []:
            if not isinstance(name, str) or name not in _KNOWN_TYPES:
                told = ", ".join(sorted(_KNOWN_TYPES))
                reading.wrong(
                    join(path, "type"), f"is {str(name)[:40]!r}, which is no type; known are {told}"
                )


def _required(reading: Reading, path: str, part: dict[str, Any]) -> None:
    said = part.get("required")
    if isinstance(said, list) and all(isinstance(name, str) for name in said):
        part["required"] = list(dict.fromkeys(said))
    elif isinstance(said, bool):
        del part["required"]  # of draft 3; what holds it has looked at it already, or has no use for it
    properties = part.get("properties")
    if not isinstance(properties, dict):
        return
    must = [n for n, inner in properties.items() if isinstance(inner, dict) and inner.get("required") is True]
    if must:
        already = part.get("required")
        part["required"] = list(dict.fromkeys([*(already if isinstance(already, list) else []), *must]))
        reading.notes.append(
            f"required: true of a property is read as required of what holds it ({must[0]})."
        )


def _nullable(reading: Reading, part: dict[str, Any]) -> None:
    """OpenAPI 3.0's word for "or null", beside a type or beside the values that may come."""
    del part["nullable"]
    if "const" in part and "enum" not in part:
        part["enum"] = [part.pop("const")]
    said, options = part.get("type"), part.get("enum")
    if isinstance(said, str):
        part["type"] = [said, "null"]
    elif isinstance(said, list) and "null" not in said:
        part["type"] = [*said, "null"]
    if isinstance(options, list) and None not in options:
        part["enum"] = [*options, None]
    if said is None and options is None:
        reading.notes.append("nullable is left aside where no type stands beside it.")
    else:
        reading.notes.append("nullable is read as: or null.")


def _numbers(reading: Reading) -> None:
    """Limits may be as large as they like: what can come in lies within ±(2^53−1) whatever they say."""
    for path, part in _parts(reading):
        for word in [*part]:
            said = part[word]
            if word in _AT_LEAST | _AT_MOST | _COUNTS | _LEAST_COUNTS and _is_large(said):
                _limit(reading, path, part, word)
            elif word in ("default", "examples", "example") and _holds_large(said):
                del part[word]
                reading.notes.append(f"{word} is left aside where it holds a number beyond ±(2^53−1).")
            elif word in ("enum", "const", "multipleOf") and _holds_large(said):
                problem = "holds a number beyond ±(2^53−1), which nobody can send; ask for text instead"
                reading.wrong(join(path, word), problem)


def _limit(reading: Reading, path: str, part: dict[str, Any], word: str) -> None:
    said = part[word]
    is_wide = said < 0 if word in _AT_LEAST else said > 0
    if not is_wide or word in _LEAST_COUNTS:
        reading.wrong(join(path, word), "lies beyond ±(2^53−1), so nothing that can be sent would fit")
        return
    if word in ("exclusiveMinimum", "exclusiveMaximum"):
        del part[word]
    else:
        part[word] = INTEGER if said > 0 else -INTEGER
    reading.notes.append("Limits beyond ±(2^53−1) are read as that: no larger numbers can be sent.")


def _is_large(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not -INTEGER <= value <= INTEGER


def _holds_large(value: Any) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if _is_large(one):
            return True
        waiting += one if isinstance(one, list) else one.values() if isinstance(one, dict) else []
    return False


def _references(reading: Reading) -> None:
    marks = Marks(reading.schema)
    for path, part in _parts(reading):
        for word in ("$ref", "$dynamicRef"):
            said = part.get(word)
            if isinstance(said, str) and not said.startswith("#"):
                reading.wrong(join(path, word), "must begin with #: nothing outside is fetched")
            elif isinstance(said, str) and not marks.targets(said):
                reading.wrong(join(path, word), f"leads to no part of this schema: {said[:100]}")
        if path and isinstance(part.get("$id"), str):
            if any("$ref" in inner for _, inner in schemas_in(part)):
                reading.wrong(join(path, "$id"), "gives the references within another meaning; leave it out")
            else:
                del part["$id"]
                reading.notes.append("$id within a schema is left aside: nothing refers to it.")


def _form(reading: Reading) -> None:
    """Is it a schema at all? Every word that is not as it must be is told."""
    try:
        errors = list(_META.iter_errors(_without_patterns(reading.schema)))
    except ValueError as refusal:
        reading.wrong("", str(refusal)[:300])
        return
    for error in errors:
        path = ".".join(str(step) for step in error.instance_path)
        reading.wrong(path, error.message[:300].replace("\n", " "))


def _without_patterns(schema: Any) -> Any:
    """For the meta schema, that knows no look-around; `_patterns` looks at them."""
    copy = deepcopy(schema)
    for _path, part in list(schemas_in(copy)):
        if isinstance(part.get("pattern"), str):
            part["pattern"] = ""
        if isinstance(part.get("patternProperties"), dict):
            part["patternProperties"] = {f"p{n}": v for n, v in enumerate(part["patternProperties"].values())}
    return copy


def _meta() -> Any:
    return jsonschema_rs.validator_for({"$ref": DIALECT})


_META = _meta()


def _bounds(reading: Reading) -> None:
    try:
        Work(reading.schema, Marks(reading.schema))
    except TooMuch as error:
        reading.wrong(error.path, error.problem)


def _patterns(reading: Reading) -> None:
    """Each is tried within bounds: a simple one on any text, others on short texts, or it is left aside."""
    turned = [path for path, part in _parts(reading) if "not" in part or "if" in part]
    for path, part in _parts(reading):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            _pattern(reading, path, part, pattern, may_be_turned=bool(turned))
        for name in part.get("patternProperties") or ():
            if pattern_weight(name) not in ("tiny", "light"):
                problem = (
                    "is no pattern for names that can be tried quickly: no look-around, no repeats of repeats"
                )
                reading.wrong(join(path, "patternProperties", name), problem)


def _pattern(reading: Reading, path: str, part: dict[str, Any], pattern: str, *, may_be_turned: bool) -> None:
    weight = pattern_weight(pattern)
    if weight in ("tiny", "light"):
        return
    steps = path.split(".")
    if may_be_turned and ({"not", "if", "$defs", "definitions"}.intersection(steps)):
        # Turned round, "could not be tried" would let through what is forbidden.
        reading.wrong(join(path, "pattern"), "must be a simple one where not or if turns it round")
    elif weight == "heavy":
        longest = part.get("maxLength")
        if not isinstance(longest, int) or longest > TEXT_FOR_HEAVY:
            part["maxLength"] = TEXT_FOR_HEAVY
            told = (
                f"A pattern with look-around and its like is tried on at most {TEXT_FOR_HEAVY:,} characters"
            )
            reading.notes.append(f"{told}; longer texts are refused there.")
    else:
        del part["pattern"]
        reading.notes.append(
            f"A pattern is left aside, for it can't be read here: {join(path)} {pattern[:100]!r}."
        )


def _compiles(reading: Reading) -> None:
    from governance.actions.catalogue import compiled

    try:
        compiled(reading.schema)
    except jsonschema_rs.ValidationError as error:
        reading.wrong(".".join(str(step) for step in error.instance_path), error.message[:300])
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        reading.wrong("", str(error)[:300])
    try:
        Marks(reading.schema).check()
    except BadMark as mark:
        reading.wrong(mark.path, mark.problem)
