"""Which kind of route is called how: a new kind is a file beside this one, and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.ground import stopping
from execution.routes import http
from execution.routes.result import UNKNOWN, How, Result
from governance.actions.route_kinds import HttpRoute

_KINDS = {HttpRoute: http}  # each a module with `call(route, known, how)`


def call(route: Any, known: Mapping[str, Any], how: How) -> Result:
    """Take a route once, and judge what came of it. Never raises for what the other side does."""
    try:
        with stopping.interruptible():
            result: Result = _KINDS[type(route)].call(route, known, how)
            return result
    except stopping.Stopped as error:
        return Result(UNKNOWN, f"Perhaps sent: {error}.")
