from __future__ import annotations

from typing import Any

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import ActionType
from governance.models.property_order import arranged, order_of

SCHEMA = {
    "type": "object",
    "properties": {
        "zone": {"type": "string"},
        "a": {"type": "object", "properties": {"to": {}, "from/by": {}, "b": {}}},
        "list": {"items": {"properties": {"unit": {}, "n": {}}}},
    },
    "required": ["a"],
}


def names(schema: Any, *path: str) -> list[str]:
    for step in path:
        schema = schema[step]
    return list(schema["properties"])


def test_properties_keep_the_order_in_which_they_were_registered(db: None) -> None:
    register({"name": "ship", "schema": SCHEMA}, actor=SYSTEM)

    kind = ActionType.objects.get(name="ship")
    assert list(kind.schema["properties"]) != ["zone", "a", "list"]  # PostgreSQL has an order of its own
    schema = kind.schema_as_written
    assert schema == SCHEMA
    assert names(schema) == ["zone", "a", "list"]
    assert names(schema, "properties", "a") == ["to", "from/by", "b"]
    assert names(schema, "properties", "list", "items") == ["unit", "n"]


def test_what_was_registered_before_shows_what_is_required_first() -> None:
    assert names(arranged(SCHEMA, {})) == ["a", "zone", "list"]


def test_a_property_that_is_called_properties_is_no_trouble() -> None:
    schema = {"properties": {"properties": {"type": "object"}, "a": {"properties": "x"}}}
    assert arranged(schema, order_of(schema)) == schema
