"""What kinds of action there are: read from a definition, checked, and kept as a new version."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from django.db import connection, transaction
from django.db.models import Max

from audit.actors import Actor
from audit.canonical import canonical, digest
from audit.record import record
from audit.refusals import Refusal
from governance.catalogue import compiled
from governance.data_classes import CLASS_NAME, BadMark, Marks
from governance.models import ActionType
from governance.property_order import order_of
from governance.tool_forms import BadForm, Found, ours, tools_in

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_BYTES = 64 * 1024
DEFINITION_DEPTH = 24
HINTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
KEYS = {
    "name",
    "description",
    "schema",
    "annotations",
    "reversibility",
    "data_classes",
    "template",
    "workflow",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")  # an empty one too, to refuse it


class InvalidActionType(Refusal):
    """A definition that cannot be registered: which one, where in it, and what would be right."""

    def __init__(self, name: str, path: str, problem: str) -> None:
        super().__init__(f"{name}: {path}: {problem}" if path else f"{name}: {problem}")


def parse(text: str) -> list[Any]:
    """The definitions in a file, as `read` has them."""
    return read(text).tools


def read(text: str) -> Found:
    """The definitions in a file: ours, or those of `governance.tool_forms`. Raises `InvalidActionType`."""
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidActionType("file", "", f"is not JSON that can be read: {error}") from error
    return definitions(content)


def definitions(content: Any) -> Found:
    """The same of what was read already."""
    try:
        found = tools_in(content)
        notes = [note for tool in found.tools for note in ours(tool)[1]]
    except BadForm as error:
        raise InvalidActionType(error.name, error.path, error.problem) from error
    return Found(found.tools, list(dict.fromkeys([*found.notes, *notes])))


@dataclass(frozen=True)
class Change:
    """What registering a definition would do; `before` is None where there is no such type yet."""

    name: str
    before: ActionType | None
    complete: dict[str, Any]

    @property
    def changes(self) -> bool:
        return self.before is None or self.before.definition_digest != digest(self.complete)


def preview(tools: Sequence[Any]) -> list[Change]:
    """What `register` would do with these; nothing is written. Raises `InvalidActionType`."""
    complete = [normalised(tool) for tool in tools]
    twice = [name for name, n in Counter(one["name"] for one in complete).items() if n > 1]
    if twice:
        raise InvalidActionType(twice[0], "", "stands twice in one file")
    names = [one["name"] for one in complete]
    current = {of.name: of for of in ActionType.objects.current().filter(name__in=names)}
    return [Change(one["name"], current.get(one["name"]), one) for one in complete]


@transaction.atomic
def register_all(tools: Sequence[Any], *, actor: Actor) -> list[tuple[ActionType, bool]]:
    """`register` for all of them, or for none. Raises `InvalidActionType`."""
    preview(tools)
    return [register(tool, actor=actor) for tool in tools]


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
def register(definition: dict[str, Any], *, actor: Actor) -> tuple[ActionType, bool]:
    """Make this definition the current version of its action type.

    Takes our own form and those of `governance.tool_forms`. The second answer is False when
    it is what is current already, to the letter of its canonical form. Raises
    `InvalidActionType`, which names the type and the path in it.
    """
    complete = normalised(definition)
    name, digest_ = complete["name"], digest(complete)
    _lock(name)
    current = ActionType.objects.current().filter(name=name).first()
    if current is not None and current.definition_digest == digest_:
        return current, False
    ActionType.objects.current().filter(name=name).update(current=False)
    newest = ActionType.objects.filter(name=name).aggregate(version=Max("version"))["version"] or 0
    action_type = described(complete, version=newest + 1)
    action_type.save(force_insert=True)
    record(
        "action_type.registered",
        actor=actor,
        data={"action": name, "version": action_type.version, "definition_digest": digest_},
    )
    return action_type, True


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
    )


def normalised(definition: Any) -> dict[str, Any]:
    """The complete definition, every default filled in. Raises `InvalidActionType`."""
    if not isinstance(definition, dict):
        raise InvalidActionType("action type", "", "must be a JSON object")
    try:
        definition, _notes = ours(definition)
    except BadForm as error:
        raise InvalidActionType(error.name, error.path, error.problem) from error
    name = _name(definition)
    _known_keys(name, "", definition, KEYS)
    _bounded(name, definition)
    schema = _schema(name, definition.get("schema"))
    annotations, reversibility = _hazards(name, definition)
    return {
        "name": name,
        "description": _text(name, "description", definition.get("description", ""), 10_000),
        "schema": schema,
        "annotations": annotations,
        "reversibility": reversibility,
        "data_classes": _data_classes(name, definition.get("data_classes", [])),
        "template": _template(name, definition.get("template", ""), schema),
        "workflow": _workflow(name, definition.get("workflow"), schema),
    }


def _name(definition: dict[str, Any]) -> str:
    name = definition.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidActionType(
            "action type", "name", "must begin with a letter and hold at most 100 letters, digits or _ . : -"
        )
    return name


def _known_keys(name: str, path: str, found: dict[str, Any], known: set[str]) -> None:
    for key in found:
        if key not in known:
            raise InvalidActionType(
                name, _join(path, key), f"is unknown here; known are {', '.join(sorted(known))}"
            )


def _bounded(name: str, definition: dict[str, Any]) -> None:
    # Depth first: what is nested too deeply cannot be written out either.
    if any(depth > DEFINITION_DEPTH for depth, _path, _value in _walk(definition)):
        raise InvalidActionType(name, "", f"is nested deeper than {DEFINITION_DEPTH} levels")
    try:
        size = len(canonical(definition))
    except ValueError as error:
        raise InvalidActionType(name, "", f"has no canonical JSON form: {error}") from error
    if size > SCHEMA_BYTES:
        raise InvalidActionType(name, "", f"has {size} bytes; {SCHEMA_BYTES} are allowed")
    for _depth, path, value in _walk(definition):
        if isinstance(value, str) and "\0" in value:
            raise InvalidActionType(name, path, "must not contain NUL")


def _schema(name: str, schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise InvalidActionType(name, "schema", "must be a JSON Schema object")
    if schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
        raise InvalidActionType(name, "schema.$schema", f"must be {DIALECT}, or left out")
    if schema.get("type") != "object":
        raise InvalidActionType(name, "schema.type", 'must be "object": arguments have names')
    for _depth, path, value in _walk(schema):
        word = path.rpartition(".")[2]
        if word in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
            raise InvalidActionType(name, f"schema.{path}", "must begin with #: nothing outside is fetched")
    try:
        jsonschema_rs.meta.validate({**schema, "$schema": DIALECT})
        compiled(schema)
    except jsonschema_rs.ValidationError as error:
        path = ".".join(["schema", *(str(part) for part in error.instance_path)])
        raise InvalidActionType(name, path, error.message) from error
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidActionType(name, "schema", str(error)) from error
    try:
        Marks(schema).check()
    except BadMark as error:
        raise InvalidActionType(name, _join("schema", error.path), error.problem) from error
    return schema


def _hazards(name: str, definition: dict[str, Any]) -> tuple[dict[str, bool], str]:
    """The hazards, the worse where nothing is said, and how far the action can be taken back."""
    said = definition.get("annotations", {})
    if not isinstance(said, dict):
        raise InvalidActionType(name, "annotations", "must be an object")
    _known_keys(name, "annotations", said, {*HINTS, "title"})
    for hint in HINTS:
        if not isinstance(said.get(hint, True), bool):
            raise InvalidActionType(name, f"annotations.{hint}", "must be true or false")
    hints = {hint: said.get(hint, worst) for hint, worst in HINTS.items()}

    choices = ActionType.Reversibility
    reversibility = definition.get(
        "reversibility", choices.READ_ONLY if hints["readOnlyHint"] else choices.IRREVERSIBLE
    )
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
        raise InvalidActionType(name, path, f"must be a text of at most {longest} characters")
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
    from governance import workflow

    try:
        workflow.check(value, schema)
    except workflow.InvalidWorkflow as error:
        raise InvalidActionType(name, "workflow", str(error)) from error
    return value


def _lock(name: str) -> None:
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
