"""What kinds of action there are: read from a definition, checked, and kept as a new version."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from audit.ground.actors import Actor
from audit.ground.canonical import digest
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.actions import schema_reading
from governance.actions.changes import Change, MilderHazards, Registered, TakenOver, change_of
from governance.actions.credentials import Path, unusable
from governance.actions.tool_forms import BadForm, ToolsOfAFile, ours, tools_in
from governance.models import ActionType, WorkflowText
from governance.models.property_order import order_of
from governance.schemas.data_classes import CLASS_NAME, Marks

SCHEMA_BYTES = 64 * 1024
DEFINITION_DEPTH = 24
LONGEST_DESCRIPTION = 10_000
MOST_PROBLEMS = 200
HINTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
# As MCP has them, with a colon more; one that is all dots would be no place in an address.
_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_NAMES = "must be 1 to 128 letters of A to Z, digits or _ . : - with a letter or digit among them"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")  # an empty one too, to refuse it


@dataclass(frozen=True)
class Problem:
    """What is wrong with a definition: of which tool (`index` counts from 0), where in it, and what."""

    name: str
    path: str
    problem: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.name}: {self.path}: {self.problem}" if self.path else f"{self.name}: {self.problem}"


class InvalidActionType(Refusal):
    """Definitions that can't be registered: of each which one, where in it, and what would be right."""

    def __init__(self, name: str, path: str, problem: str, *more: Problem, index: int = 0) -> None:
        self.problems = [Problem(name, path, problem, index), *more]
        errors = [
            {"pointer": f"/{one.index}", "tool": one.name, "path": one.path, "detail": str(one)}
            for one in self.problems[:MOST_PROBLEMS]
        ]
        super().__init__("; ".join(str(one) for one in self.problems[:20]), errors=errors)

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InvalidActionType:
        first, *more = problems
        return cls(first.name, first.path, first.problem, *more, index=first.index)


@dataclass
class Looked:
    """A definition that was looked at: complete where it may be registered, else its mistakes."""

    name: str
    complete: dict[str, Any] | None
    notes: list[str]
    problems: list[Problem]


def parse(text: str) -> list[Any]:
    """The definitions in a file, as `read` has them."""
    return read(text).tools


def read(text: str) -> ToolsOfAFile:
    """The definitions in a file: ours, or those of `tool_forms`. Raises `InvalidActionType`."""
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidActionType("file", "", f"is not JSON that can be read: {error}") from error
    return definitions(content)


def definitions(content: Any) -> ToolsOfAFile:
    """The same of what was read already; the notes say of which tools they are."""
    try:
        found = tools_in(content)
    except BadForm as error:
        raise InvalidActionType(error.name, error.path, error.problem) from error
    told: dict[str, list[str]] = {}
    for looked in looked_at(found.tools):
        for note in dict.fromkeys(looked.notes):
            told.setdefault(note, []).append(looked.name)
    notes = [f"{note.removesuffix('.')} ({_some(names)})." for note, names in told.items()]
    return ToolsOfAFile(found.tools, [*found.notes, *notes])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")


def looked_at(tools: Sequence[Any]) -> list[Looked]:
    """All of a file's definitions, right and wrong ones; a name that stands twice is wrong each time."""
    found = [_looked(tool, index) for index, tool in enumerate(tools)]
    counted = Counter(one.name for one in found)
    for index, one in enumerate(found):
        if counted[one.name] > 1 and one.complete is not None:
            one.problems.append(Problem(one.name, "", "stands twice in one file", index))
            one.complete = None
    return found


def sifted(tools: Sequence[Any]) -> tuple[list[Any], list[Problem]]:
    """The definitions that may be registered, and what is wrong with the others."""
    looked = looked_at(tools)
    right = [tool for tool, one in zip(tools, looked, strict=True) if one.complete is not None]
    return right, [problem for one in looked for problem in one.problems]


def preview(tools: Sequence[Any], *, source: str = "") -> list[Change]:
    """What `register` would do with these; nothing is written. Raises `InvalidActionType`."""
    looked = looked_at(tools)
    if problems := [problem for one in looked for problem in one.problems]:
        raise InvalidActionType.of(problems)
    complete = [one.complete for one in looked if one.complete is not None]
    lacking = [_without_secrets(one, index) for index, one in enumerate(complete)]
    if problems := [problem for of_one in lacking for problem in of_one]:
        raise InvalidActionType.of(problems)
    names = [one["name"] for one in complete]
    current = {of.name: of for of in ActionType.objects.current().filter(name__in=names)}
    return [change_of(current.get(one["name"]), one, source) for one in complete]


@transaction.atomic
def register_all(
    tools: Sequence[Any],
    *,
    actor: Actor,
    source: str = "",
    accept_milder: bool = False,
    take_over: bool = False,
) -> list[Registered]:
    """`register` for all of them, or for none.

    Raises `InvalidActionType`; `MilderHazards` where one that is there already would count as less
    dangerous, `TakenOver` where it came from another source, unless that was said to be meant.
    """
    source = clean_source(source)
    forms = [ours(tool).definition.get("name") for tool in tools if isinstance(tool, dict)]
    for name in sorted({name for name in forms if isinstance(name, str)}):
        lock(name)  # what is weighed here is what is replaced
    changes = preview(tools, source=source)
    if milder := [change for change in changes if change.milder and not accept_milder]:
        raise MilderHazards(milder)
    if taken := [change for change in changes if change.taken_from and not take_over]:
        raise TakenOver(taken)
    done = [register(tool, actor=actor, source=source) for tool in tools]
    return [Registered(made, new, change) for (made, new), change in zip(done, changes, strict=True)]


def clean_source(source: str) -> str:
    """The name of where definitions come from. Raises `InvalidActionType`."""
    source = source.strip()
    if len(source) > 100 or not source.isprintable():
        raise InvalidActionType("source", "", "must be a name of at most 100 characters")
    return source


def definition_of(action_type: ActionType) -> dict[str, Any]:
    """A version as `normalised` gives it: what its digest is over."""
    return {
        "name": action_type.name,
        "description": action_type.description,
        "schema": action_type.schema,
        "annotations": action_type.annotations,
        "reversibility": action_type.reversibility,
        "data_classes": action_type.data_classes,
        "template": action_type.template,
        "workflow": action_type.workflow,
    }


@transaction.atomic
def register(definition: dict[str, Any], *, actor: Actor, source: str = "") -> tuple[ActionType, bool]:
    """Make this definition the current version of its action type.

    Takes our own form and those of `governance.actions.tool_forms`. The second answer is False when
    it is what is current already, to the letter of its canonical form. `source` is the server or
    file that it came from; without one that of the version before is kept. Raises
    `InvalidActionType`, which names the type and each wrong path in it.
    """
    complete = normalised(definition)
    if problems := _without_secrets(complete):
        raise InvalidActionType.of(problems)
    name, digest_ = complete["name"], digest(complete)
    lock(name)
    current = ActionType.objects.current().filter(name=name).first()
    if current is not None and current.definition_digest == digest_:
        return current, False
    ActionType.objects.current().filter(name=name).update(current=False)
    newest = ActionType.objects.filter(name=name).aggregate(version=Max("version"))["version"] or 0
    action_type = described(complete, version=newest + 1)
    action_type.source = source or (current.source if current else "")
    action_type.save(force_insert=True)
    if current is not None and current.workflow == action_type.workflow:
        _keep_words(current, action_type)
    told = {"action": name, "version": action_type.version, "definition_digest": digest_}
    if action_type.source:
        told["source"] = action_type.source
    record("action_type.registered", actor=actor, data=told)
    return action_type, True


def _keep_words(before: ActionType, after: ActionType) -> None:
    """The same workflow is written as it was, whatever else is new."""
    for written in WorkflowText.objects.filter(action_type=before):
        WorkflowText.objects.create(action_type=after, text=written.text)


def described(complete: dict[str, Any], *, version: int = 1) -> ActionType:
    """The row for a normalised definition, not yet stored."""
    hints = complete["annotations"]
    return ActionType(
        name=complete["name"],
        version=version,
        definition_digest=digest(complete),
        description=complete["description"],
        schema=complete["schema"],
        property_order=order_of(complete["schema"]),
        read_only_hint=hints["readOnlyHint"],
        destructive_hint=hints["destructiveHint"],
        idempotent_hint=hints["idempotentHint"],
        open_world_hint=hints["openWorldHint"],
        reversibility=complete["reversibility"],
        data_classes=complete["data_classes"],
        template=complete["template"],
        workflow=complete["workflow"],
        secrets=sorted({name for _, name in _secrets_of(complete)}),
    )


def normalised(definition: Any) -> dict[str, Any]:
    """The complete definition, every default filled in. Raises `InvalidActionType`."""
    looked = _looked(definition, 0)
    if looked.complete is None:
        raise InvalidActionType.of(looked.problems)
    return looked.complete


def _looked(tool: Any, index: int) -> Looked:
    """A definition in full, or all that is wrong with it."""
    if not isinstance(tool, dict):
        called = f"tool {index + 1}"
        return Looked(called, None, [], [Problem(called, "", "must be a JSON object", index)])
    form = ours(tool)
    name, said = _called(form.definition.get("name"), index), form.definition
    try:
        _bounded(name, tool)
    except InvalidActionType as error:
        return Looked(name, None, form.notes, [_at(problem, index) for problem in error.problems])
    problems = [Problem(name, path, problem, index) for path, problem in form.mistakes]
    if "schema" not in said and form.mistakes:  # no form that has one
        return Looked(name, None, form.notes, problems)
    reading = schema_reading.read(said.get("schema"))
    problems += [
        Problem(name, _join(form.schema_path, path), problem, index)
        if path
        else Problem(name, form.schema_path, problem, index)
        for path, problem in reading.mistakes
    ]
    schema = reading.schema if isinstance(reading.schema, dict) else {}
    steps: dict[str, Callable[[], Any]] = {
        "name": lambda: _name(name, said),
        "description": lambda: _text(name, "description", said.get("description") or "", LONGEST_DESCRIPTION),
        "hazards": lambda: _hazards(name, said),
        "data_classes": lambda: _data_classes(name, _or(said.get("data_classes"), [])),
        "template": lambda: _template(name, _or(said.get("template"), ""), schema),
        "workflow": lambda: _workflow(name, said.get("workflow"), schema),
    }
    complete: dict[str, Any] = {"schema": schema}
    for key, step in steps.items():
        try:
            complete[key] = step()
        except InvalidActionType as error:
            problems += [_at(problem, index) for problem in error.problems]
    notes = [*form.notes, *reading.notes]
    if problems:
        return Looked(name, None, notes, problems)
    annotations, reversibility = complete.pop("hazards")
    complete |= {"annotations": annotations, "reversibility": reversibility}
    return Looked(name, complete, [*notes, *_not_allowed(complete)], [])


def _at(problem: Problem, index: int) -> Problem:
    return Problem(problem.name, problem.path, problem.problem, index)


def _called(name: Any, index: int) -> str:
    """The tool's name as a message may have it, whatever it is."""
    if isinstance(name, str) and name.isprintable() and 0 < len(name) <= 128:
        return name
    said = f" ({name[:40]!r})" if isinstance(name, str) and name else ""
    return f"tool {index + 1}{said}"


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def is_name(name: Any) -> bool:
    """Whether an action type can be called so."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def _name(called: str, definition: dict[str, Any]) -> str:
    name = definition.get("name")
    if not is_name(name):
        raise InvalidActionType(called, "name", _NAMES)
    return str(name)


def _bounded(name: str, definition: dict[str, Any]) -> None:
    # Depth first: what is nested too deeply cannot be written out either.
    if any(depth > DEFINITION_DEPTH for depth, _path, _value in _walk(definition)):
        raise InvalidActionType(name, "", f"is nested deeper than {DEFINITION_DEPTH} levels")
    for _depth, path, value in _walk(definition):
        if isinstance(value, str) and "\0" in value:
            raise InvalidActionType(name, path, "must not contain NUL")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidActionType(name, path, "is a number beyond all bounds")
    try:
        size = len(json.dumps(definition, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError as error:
        raise InvalidActionType(name, "", "holds a lone surrogate, which is no text") from error
    if size > SCHEMA_BYTES:
        told = f"has {size:,} bytes; {SCHEMA_BYTES:,} are allowed for one definition"
        raise InvalidActionType(name, "", told)


def _hazards(name: str, definition: dict[str, Any]) -> tuple[dict[str, bool], str]:
    """The hazards, the worse where nothing is said, and how far the action can be taken back."""
    said = _or(definition.get("annotations"), {})
    if not isinstance(said, dict):
        raise InvalidActionType(name, "annotations", "must be an object")
    said = {hint: value for hint, value in said.items() if value is not None}
    known = ", ".join(sorted(HINTS))
    problems = [
        Problem(name, f"annotations.{hint}", f"is unknown here; known are {known}")
        for hint in said
        if hint not in HINTS and hint != "title"
    ]
    problems += [
        Problem(name, f"annotations.{hint}", "must be true or false")
        for hint in HINTS
        if not isinstance(said.get(hint, True), bool)
    ]
    if problems:
        raise InvalidActionType.of(problems)
    hints = {hint: said.get(hint, worst) for hint, worst in HINTS.items()}

    choices = ActionType.Reversibility
    unsaid = choices.READ_ONLY if hints["readOnlyHint"] else choices.IRREVERSIBLE
    reversibility = _or(definition.get("reversibility"), unsaid)
    if reversibility not in choices.values:
        raise InvalidActionType(name, "reversibility", f"must be one of {', '.join(choices.values)}")
    if reversibility == choices.READ_ONLY:
        hints["readOnlyHint"] = said.get("readOnlyHint", True)
    if hints["readOnlyHint"] != (reversibility == choices.READ_ONLY):
        raise InvalidActionType(name, "reversibility", "must be read_only exactly when readOnlyHint is true")
    if hints["readOnlyHint"]:  # MCP gives the two other hints a meaning only for what writes
        hints |= {"destructiveHint": False, "idempotentHint": True}
    return hints, str(reversibility)


def _text(name: str, path: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        has = f"; it has {len(value):,}" if isinstance(value, str) else ""
        raise InvalidActionType(name, path, f"must be a text of at most {longest:,} characters{has}")
    return value


def _data_classes(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(
        isinstance(item, str) and CLASS_NAME.fullmatch(item) for item in value
    ):
        raise InvalidActionType(name, "data_classes", 'must be a list of short names such as "personal"')
    return sorted(set(value))


def _template(name: str, value: Any, schema: dict[str, Any]) -> str:
    template = _text(name, "template", value, 300)
    if re.search(r"[{}]", _PLACEHOLDER.sub("", template)):
        raise InvalidActionType(name, "template", "has a brace without its other half")
    for placeholder in _PLACEHOLDER.findall(template):
        if not _is_argument(schema, placeholder):
            raise InvalidActionType(name, "template", f"{{{placeholder}}} is not an argument in the schema")
    return template


def _is_argument(schema: dict[str, Any], path: str) -> bool:
    """Whether the schema names it: a property, or with dots one inside of another."""
    parts = Marks(schema)
    return parts.names((path,)) or parts.names(tuple(path.split(".")))


def _workflow(name: str, value: Any, schema: dict[str, Any]) -> dict[str, Any] | None:
    if value is None:
        return None
    from governance.actions import workflow

    try:
        workflow.check(value, schema)
    except workflow.InvalidWorkflow as error:
        raise InvalidActionType(name, "workflow", str(error)) from error
    return value


def _not_allowed(complete: dict[str, Any]) -> list[str]:
    """Which addresses of its workflow no worker may call: that can be set right without a new version."""
    if complete["workflow"] is None:
        return []
    from governance.actions import workflow

    return [text for _, text in workflow.parse(complete["workflow"]).not_allowed()]


def _secrets_of(complete: dict[str, Any]) -> list[tuple[Path, str]]:
    """What secrets a workflow names, each with its path in it."""
    if complete["workflow"] is None:
        return []
    from governance.actions import workflow

    return list(workflow.parse(complete["workflow"]).secrets())


def _without_secrets(complete: dict[str, Any], index: int = 0) -> list[Problem]:
    """Where its workflow names secrets that its routes could not be given."""
    name = complete["name"]
    return [
        Problem(name, f"workflow.{'.'.join(map(str, path))}", problem, index)
        for path, problem in unusable(_secrets_of(complete), action=name)
    ]


def lock(name: str) -> None:
    """Nobody else registers this type until the transaction ends."""
    # A type that is registered for the first time has no row to lock.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"action_type:{name}"])


def _walk(value: Any) -> Iterator[tuple[int, str, Any]]:
    """Every value in a JSON value with its depth and path, without recursion."""
    waiting: list[tuple[int, str, Any]] = [(1, "", value)]
    while waiting:
        depth, path, found = waiting.pop()
        yield depth, path, found
        if depth > DEFINITION_DEPTH:
            continue
        if isinstance(found, dict):
            waiting += [(depth + 1, _join(path, str(key)), item) for key, item in found.items()]
        elif isinstance(found, list):
            waiting += [(depth + 1, _join(path, str(index)), item) for index, item in enumerate(found)]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
