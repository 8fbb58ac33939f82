"""Which kind of route is called how: a new kind is a file beside this one, and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.routes import http, mcp_tool, message, python_callable
from execution.routes.result import How, Read, Result
from governance.actions.route_kinds import HttpRoute, McpRoute, MessageRoute, PythonRoute

# Each a module with `call(route, known, how)`, and `read(route, known, timeout)` where one may ask only.
_KINDS: dict[type, Any] = {
    HttpRoute: http,
    McpRoute: mcp_tool,
    PythonRoute: python_callable,
    MessageRoute: message,
}


def call(route: Any, known: Mapping[str, Any], how: How) -> Result:
    """Take a route once, and judge what came of it. Never raises for what the other side does."""
    result: Result = _KINDS[type(route)].call(route, known, how)
    return result


def read(route: Any, known: Mapping[str, Any], timeout: float) -> Read:
    """Ask a route, changing nothing. Raises `NoRead` where no answer can be had."""
    answer: Read = _KINDS[type(route)].read(route, known, timeout)
    return answer
