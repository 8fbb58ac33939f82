"""What a route is told, filled in: addresses from arguments, values by expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import uritemplate

from execution.routes.result import Unusable
from governance.actions.route_kinds import Addressed
from governance.actions.templates import KNOWN
from governance.expressions.cel import BadExpression, Expression, NoAnswer

LONGEST_URL = 64 * 1024  # characters; no service takes half as much
LONGEST_VALUES = 256 * 1024  # bytes that are put into one at all


def address_of(route: Addressed, known: Mapping[str, Any]) -> str:
    """Where this route leads for these arguments, and what `with` adds to them. Raises `Unusable`."""
    values = known["args"]
    if route.with_:
        values = {**values, **filled(route.with_, known)}
    return expand(route.template, values)


def expand(template: uritemplate.URITemplate, arguments: Mapping[str, Any]) -> str:
    """The address for these arguments. Raises `Unusable` where they would lead somewhere else."""
    values: dict[str, Any] = {}
    for variable in template.variables:
        for name in variable.variable_names:
            value = arguments.get(name)
            if value in (None, "", [], {}) and variable.operator.value not in ("?", "&"):
                raise Unusable(f"the address needs the argument {name}")
            values[name] = _plain(value)
    if sum(_length(name, value) for name, value in values.items()) > LONGEST_VALUES:
        raise Unusable("the arguments are too long for an address")
    url = template.expand(values)
    if len(url) > LONGEST_URL:
        raise Unusable(f"the address would have more than {LONGEST_URL:,} characters")
    path = url.partition("://")[2].partition("?")[0]
    if any(unquote(part) in (".", "..") for part in re.split(r"[/;]", path)):
        raise Unusable("the arguments would lead to another address")
    return url


def _length(name: str, value: Any) -> int:
    """The bytes of a value in an address, before they are escaped; its name may stand at every item."""
    items = len(value) if isinstance(value, list | dict) else 1
    return len(str(value).encode("utf-8", "replace")) + items * len(name)


def _plain(value: Any) -> Any:
    """A value as an address writes it: `true` for True, members one by one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [_text(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _text(item) for key, item in value.items()}
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """A value with every `"=<CEL>"` in it replaced by its answer. Raises `Unusable`."""
    if isinstance(value, str) and value.startswith("="):
        try:
            return Expression(value[1:], KNOWN).evaluate(known)
        except (NoAnswer, BadExpression) as error:
            raise Unusable(f"{value[:100]} cannot be told: {error}") from error
    if isinstance(value, dict):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    return value


def written(value: Any) -> bytes:
    """A value that was filled in, as JSON. Raises `Unusable`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Unusable("the body cannot be written as JSON") from error


def told(route: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a route would be told, for people to see and for a digest: its kind, where it leads, what it says.

    What can't be told stands there as an `error`.
    """
    call: dict[str, Any] = {"kind": route.kind, "route": str(route)}
    try:
        if isinstance(route, Addressed):
            call["url"] = address_of(route, known)
        for name, value in route.given():
            if name != "with" and value is not None:
                call[name] = filled(value, known)
    except Unusable as error:
        call["error"] = str(error)
    return call
