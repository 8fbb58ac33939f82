"""An action type in words that somebody who decides about it understands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from governance.models import ActionType
from governance.schemas.data_classes import Marks, classes_named, schemas_in
from governance.showing.sentences import sentence

_TAKEN_BACK = {
    ActionType.Reversibility.READ_ONLY: "It only reads: nothing changes.",
    ActionType.Reversibility.REVERSIBLE: "It can be undone by the opposite action.",
    ActionType.Reversibility.EXTERNALLY_REVERSIBLE: "To undo it, somebody outside has to help.",
    ActionType.Reversibility.IRREVERSIBLE: "It can’t be undone.",
}
_EXAMPLES = {"string": "…", "number": 12.5, "integer": 12, "boolean": True, "array": [], "null": None}
DEEP = 4


def hazards(action_type: ActionType) -> list[str]:
    """What it may do to the world, a sentence each."""
    told = [_TAKEN_BACK[ActionType.Reversibility(action_type.reversibility)]]
    if action_type.destructive_hint:
        told.append("It may destroy or overwrite what is there.")
    if not action_type.idempotent_hint:
        told.append("Done twice it acts twice, so an attempt whose outcome is unknown is not repeated.")
    if action_type.open_world_hint:
        told.append("It reaches people or services outside.")
    return told


def marked(action_type: ActionType) -> list[dict[str, Any]]:
    """The parts of its arguments that have a data class or are sensitive, with their paths."""
    return list(_marked(action_type.schema))


def _marked(schema: Any) -> Iterator[dict[str, Any]]:
    for path, part in sorted(schemas_in(schema), key=lambda found: found[0]):
        classes = sorted(classes_named(part))
        sensitive = part.get("x-sensitive") is True
        if classes or sensitive:
            yield {"path": _argument(path), "classes": classes, "sensitive": sensitive}


def _argument(path: str) -> str:
    """`properties.order.properties.iban` as people call it: order.iban."""
    steps = path.split(".")
    named = [name for word, name in pairwise(steps) if word == "properties"]
    return ".".join(named) or path or "everything"


def example(action_type: ActionType) -> str:
    """The sentence that the template makes of arguments as the schema describes them."""
    arguments = _example(action_type.schema, 0)
    found = Marks(action_type.schema).of(arguments)
    return sentence(action_type, arguments if isinstance(arguments, dict) else {}, found=found)


def _example(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > DEEP:
        return "…"
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    for word in ("examples", "enum"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    properties = schema.get("properties")
    if isinstance(properties, dict) and kind in (None, "object"):
        return {name: _example(part, depth + 1) for name, part in properties.items()}
    return _EXAMPLES.get(str(kind), "…")


def written(definition: dict[str, Any]) -> list[str]:
    """A definition in lines that can be compared."""
    return json.dumps(definition, ensure_ascii=False, indent=2, sort_keys=True).splitlines()
