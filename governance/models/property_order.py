"""The order in which a schema names its properties: PostgreSQL's jsonb does not keep it, people wrote it."""

from __future__ import annotations

from typing import Any

Order = dict[str, list[str]]  # JSON pointer of an object with properties → their names


def order_of(schema: Any) -> Order:
    """The order of the properties of every object in a schema, as it was written."""
    found: Order = {}
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, dict):
            names = part.get("properties")
            if isinstance(names, dict) and len(names) > 1:
                found[path] = list(names)
            waiting += [(f"{path}/{_escaped(name)}", inside) for name, inside in part.items()]
        elif isinstance(part, list):
            waiting += [(f"{path}/{index}", inside) for index, inside in enumerate(part)]
    return found


def arranged(schema: Any, order: Order, path: str = "") -> Any:
    """The schema with its properties in this order. Where none is known, what is required comes first."""
    if isinstance(schema, list):
        return [arranged(part, order, f"{path}/{index}") for index, part in enumerate(schema)]
    if not isinstance(schema, dict):
        return schema
    found = {name: arranged(part, order, f"{path}/{_escaped(name)}") for name, part in schema.items()}
    names = found.get("properties")
    if isinstance(names, dict):
        first = order[path] if path in order else _required(found)
        found["properties"] = {name: names[name] for name in dict.fromkeys([*first, *names]) if name in names}
    return found


def _required(part: dict[str, Any]) -> list[str]:
    required = part.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
