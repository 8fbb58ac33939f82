"""What is wrong in a policy as it was written: in words, each with its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from audit.ground.refusals import pointer_of
from governance.expressions import known_facts
from governance.expressions.cel import LONGEST
from governance.policies.policy_yaml import Place, Written

MOST = 100


def in_order(errors: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As one meets them when reading; no more than anybody would read."""
    return sorted(errors, key=lambda error: (error["line"], error["column"]))[:MOST]


def placed(written: Written, errors: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same errors, with line and column of what their pointers name."""
    return in_order(_error(e["pointer"], e["detail"], written.place(e["pointer"])) for e in errors)


def in_form(
    written: Written, error: ValidationError, known: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """What does not have the form of a policy; `known` names the keys within each part."""
    if not isinstance(written.content, dict):
        return [_error("", "A policy begins with version: 1, then come defaults and rules.", Place(1, 1))]
    return [_of_form(written, e, known) for e in error.errors(include_url=False, include_context=False)]


def in_rules(written: Written) -> Iterator[dict[str, Any]]:
    """Conditions that can't be asked, and names that stand twice."""
    rules = written.content.get("rules") if isinstance(written.content, dict) else None
    names: set[str] = set()
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        if not isinstance(rule, dict):
            continue
        name, when = rule.get("name"), rule.get("when")
        if isinstance(name, str):
            if name in names:
                pointer = f"/rules/{index}/name"
                yield _error(pointer, f"There is a rule {name} already.", written.place(pointer))
            names.add(name)
        if isinstance(when, str):
            said = f"Rule {name}: " if isinstance(name, str) else ""
            yield from _in_condition(written, f"/rules/{index}/when", when, said[:100])


def obligations_in(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where a policy says what is asked for, and what it says there; whatever else is wrong with it."""
    content = content if isinstance(content, dict) else {}
    rules = content.get("rules") if isinstance(content.get("rules"), list) else []
    places = [("/defaults", content.get("defaults"))]
    places += [
        (f"/rules/{i}/then", rule.get("then")) for i, rule in enumerate(rules) if isinstance(rule, dict)
    ]
    for pointer, said in places:
        if isinstance(said, dict):
            yield pointer, said


def in_escalations(written: Written) -> Iterator[dict[str, Any]]:
    """Words about escalation that say nothing without the others."""
    for pointer, said in obligations_in(written.content):
        names = [name for name in ("escalate_to", "escalate_after", "escalate_within") if said.get(name)]
        missing = [name for name in ("escalate_to", "escalate_after") if not said.get(name)]
        if names and missing:
            at = f"{pointer}/{names[0]}"
            yield _error(at, f"{names[0]} needs {' and '.join(missing)} beside it.", written.place(at))


def _in_condition(written: Written, pointer: str, when: str, rule: str) -> Iterator[dict[str, Any]]:
    for problem in known_facts.check(when):
        detail = f"{problem.text[:1].upper()}{problem.text[1:]}"
        if problem.is_cost:
            detail = f"{rule}{problem.text}"
        place = (
            written.inside(pointer, problem.line, problem.column)
            if len(when) <= LONGEST
            else written.place(pointer)
        )
        yield _error(pointer, detail if detail.endswith("?") else f"{detail}.", place)


def _of_form(written: Written, error: ErrorDetails, known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    path, kind = error["loc"], error["type"]
    pointer = pointer_of(path)
    if kind == "extra_forbidden":
        words = [part for part in path[:-1] if isinstance(part, str)]
        detail = _unknown(str(path[-1]), known.get(words[-1] if words else "", []))
        return _error(pointer, detail, written.place(pointer, of_key=True))
    if kind == "missing":
        return _error(pointer, f"{path[-1]} is missing.", written.place(pointer))
    detail = error["msg"].removeprefix("Value error, ").replace("Input should be", "It has to be")
    if kind == "string_pattern_mismatch" and path[-1] == "name":
        detail = "A rule's name has small letters, digits and hyphens, 64 at most"
    elif kind == "string_type" and written.is_plain(pointer):
        word = written.as_written(pointer)
        detail = f"YAML does not take {word or 'nothing'} for text; put it in quotes"
    detail = f"{detail[:1].upper()}{detail[1:]}"
    return _error(pointer, f"{detail}.", written.place(pointer))


def _unknown(key: str, known: Sequence[str]) -> str:
    close = get_close_matches(key, known, n=1)
    return f"{key} is unknown here" + (
        f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}."
    )


def _error(pointer: str, detail: str, place: Place) -> dict[str, Any]:
    return {"pointer": pointer, "detail": detail, "line": place.line, "column": place.column}
