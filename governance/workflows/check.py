"""Everything that is wrong with a workflow, before it becomes a new version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.ground.canonical import canonical
from audit.ground.refusals import Invalid, pointer_of
from governance.actions import action_types, workflow
from governance.actions.credentials import Path, unusable
from governance.actions.workflow import Mistake, Workflow
from governance.expressions import known_facts
from governance.models import ActionType
from governance.policies import mistakes, policy_yaml
from governance.policies.policy_yaml import Place, Written
from governance.workflows.meaning import Doubt, doubts
from governance.workflows.remaining import parts_of, without, without_members

_AT = re.compile(r"(\d+):(\d+): (.+)", re.DOTALL)  # how a mistake in an expression begins
_UNDECLARED = re.compile(r"undeclared reference to '\.?([^']+)'.*", re.DOTALL)
_BEGINNINGS = frozenset(
    ("a", "an", "has", "is", "it", "only", "say", "something", "the", "there", "this", "two")
)
_NOT_JSON = "YAML does not take it for text, a number, true or false; put it in quotes"


@dataclass(frozen=True)
class Checked:
    """A workflow that can be read; every error with pointer and detail, of a text with line and column."""

    content: Any = None
    plan: Workflow | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def definition(self) -> Any:
        """What can be kept. Raises `Invalid` with every mistake."""
        if self.errors or self.plan is None:
            raise Invalid(self.errors)
        return self.content


def check(text: str, action_type: ActionType) -> Checked:
    """Look for mistakes in a workflow of this type, written in YAML or JSON. Changes nothing."""
    try:
        written = policy_yaml.load(text, "A workflow")
    except Invalid as refusal:
        return Checked(errors=refusal.errors)
    if not isinstance(written.content, dict):
        begins = "A workflow begins with steps: and a list of them."
        return Checked(written.content, errors=[_error("", begins, Place(1, 1))])
    if found := [*written.twice, *_not_json(written)]:
        return Checked(errors=mistakes.in_order(found))
    plan, told = _looked_at(written.content, action_type)
    return Checked(
        written.content,
        plan,
        mistakes.in_order(_placed(written, doubt) for doubt in told if not doubt.mild),
        mistakes.in_order(_placed(written, doubt) for doubt in told if doubt.mild),
    )


def check_content(content: Any, action_type: ActionType) -> Checked:
    """The same of what was read already: pointers alone, for there are no lines."""
    plan, told = _looked_at(content, action_type)
    errors, warnings = ([_in_words(doubt) for doubt in told if doubt.mild is mild] for mild in (False, True))
    return Checked(content, plan, errors[: mistakes.MOST], warnings[: mistakes.MOST])


def _looked_at(content: Any, action_type: ActionType) -> tuple[Workflow | None, list[Doubt]]:
    found = workflow.mistakes(content, action_type.schema)
    told = [_doubt(mistake) for mistake in found]
    try:
        plan = workflow.parse(content)
    except workflow.InvalidWorkflow:
        return None, [*told, *_of_the_rest(content, found, action_type)]
    told += _meant(plan, action_type)
    if not told:
        told += _as_definition(content, action_type)
    return plan, list(dict.fromkeys(told))


def _meant(plan: Workflow, action_type: ActionType) -> Iterator[Doubt]:
    yield from doubts(plan, action_type.schema)
    yield from (Doubt(path, text) for path, text in plan.not_allowed())
    yield from (Doubt(path, text) for path, text in unusable(plan.secrets(), action=action_type.name))


def _of_the_rest(content: Any, found: list[Mistake], action_type: ActionType) -> list[Doubt]:
    """What is wrong with the parts that have the form of a workflow, where others don't.

    Set aside are the members that are wrong; where the rest is none then, the steps that they are in.
    """
    members, parts = {mistake.path for mistake in found}, parts_of(found)
    for broken, rest in ((members, without_members(content, members)), (parts, without(content, parts))):
        try:
            plan = workflow.parse(rest)
        except workflow.InvalidWorkflow:
            continue
        told = [_doubt(mistake) for mistake in workflow.mistakes(rest, action_type.schema)]
        told += _meant(plan, action_type)
        return [doubt for doubt in told if not any(doubt.path[: len(path)] == path for path in broken)]
    return []


def _as_definition(content: Any, action_type: ActionType) -> Iterator[Doubt]:
    """What holds for the definition of a type as a whole: how large it may be, how deep."""
    definition = {**action_types.definition_of(action_type), "workflow": content}
    try:
        action_types.normalised(definition)
    except action_types.InvalidActionType as refusal:
        yield from (Doubt((), problem.problem) for problem in refusal.problems)


def _doubt(mistake: Mistake) -> Doubt:
    found = _AT.fullmatch(mistake.text)
    if found is None:
        return Doubt(*mistake)
    line, column, text = int(found[1]), int(found[2]), found[3]
    if undeclared := _UNDECLARED.fullmatch(text):
        # The runtime points at the dot that follows the word.
        word = undeclared[1].split(".")[0]
        return Doubt(
            mistake.path,
            f"there is no {word} here",
            line,
            max(1, column - len(word) * ("." in undeclared[1])),
        )
    return Doubt(mistake.path, known_facts.in_words(text), line, column)


def _not_json(written: Written) -> Iterator[dict[str, Any]]:
    """Dates, bytes and numbers that JSON can't hold, which YAML makes of words without quotes."""
    waiting: list[tuple[Path, Any]] = [((), written.content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, name), item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), item) for index, item in enumerate(value)]
        elif not _is_json(value):
            pointer = pointer_of(path)
            yield _error(pointer, f"{_NOT_JSON}.", written.place(pointer))


def _is_json(value: Any) -> bool:
    try:
        canonical([value])
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str) or "\0" not in value


def _placed(written: Written, doubt: Doubt) -> dict[str, Any]:
    pointer = pointer_of(doubt.path)
    if doubt.line:
        # An expression in a value stands behind its "=".
        begins = written.as_written(pointer).startswith("=")
        place = written.inside(pointer, doubt.line, doubt.column + (begins and doubt.line == 1))
    else:
        place = written.place(pointer, of_key="is unknown here" in doubt.text)
    return _error(pointer, _sentence(doubt.text), place)


def _in_words(doubt: Doubt) -> dict[str, Any]:
    where = f" (Line {doubt.line}, column {doubt.column} of the expression.)" if doubt.line else ""
    return {"pointer": pointer_of(doubt.path), "detail": f"{_sentence(doubt.text)}{where}"}


def _sentence(text: str) -> str:
    """With a full stop, and a capital unless it begins with what somebody wrote."""
    text = text.replace("Input should be", "It has to be").strip()
    if text.split(" ", 1)[0] in _BEGINNINGS and "is unknown here" not in text:
        text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith(("?", ".")) else f"{text}."


def _error(pointer: str, detail: str, place: Place) -> dict[str, Any]:
    return {"pointer": pointer, "detail": detail, "line": place.line, "column": place.column}
