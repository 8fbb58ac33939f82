"""Which kind of route is called how: a new kind is a file beside this one, and a row here.

Whatever a kind reveals of secrets is covered in all that comes back from it, and where it gets none because
it may not, or can't now, nothing was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, TypeVar

from audit.ground import stopping
from execution.routes import http, mcp_tool, message, python_callable
from execution.routes.result import FAILED, NOT_SENT, REFUSED, UNKNOWN, How, NoRead, Read, Result
from governance.actions.route_kinds import HttpRoute, McpRoute, MessageRoute, PythonRoute
from governance.secrets import masking, vault

# Each a module with `call(route, known, how)`, with `asked(route, known, headers)` for what that tells the
# other side, and `read(route, known, timeout)` where one may ask only.
_KINDS: dict[type, Any] = {
    HttpRoute: http,
    McpRoute: mcp_tool,
    PythonRoute: python_callable,
    MessageRoute: message,
}


def call(route: Any, known: Mapping[str, Any], how: How) -> Result:
    """Take a route once, and judge what came of it. Never raises for what the other side does."""
    with _covered() as mask:
        try:
            with stopping.interruptible():
                result: Result = _KINDS[type(route)].call(route, known, how)
        except stopping.Stopped as error:
            return Result(UNKNOWN, f"Perhaps sent: {error}.")
        except vault.NotRevealed as error:
            outcome = FAILED if isinstance(error, vault.NotNow) else REFUSED
            return Result(outcome, f"{NOT_SENT}{error}.")
        return _without_secrets(result, mask)


def read(route: Any, known: Mapping[str, Any], timeout: float) -> Read:
    """Ask a route, changing nothing. Raises `NoRead` where no answer can be had."""
    with _covered() as mask:
        try:
            found: Read = _KINDS[type(route)].read(route, known, timeout)
        except (NoRead, vault.NotRevealed) as error:
            raise NoRead(mask.text(str(error))) from None
        return _without_secrets(found, mask)


def asked(route: Any, known: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What `call` tells the other side, for people: secrets by their names. Raises `Unusable`."""
    told: dict[str, Any] = _KINDS[type(route)].asked(route, known, headers)
    return {"kind": route.kind, **told}


class Broken(Exception):
    """Something went wrong in the middle of a call, and told of a secret: this tells it without."""


@contextmanager
def _covered() -> Iterator[masking.Mask]:
    """The mask of what is revealed within; an error that goes through it tells of no secret either."""
    with masking.listening() as mask:
        try:
            yield mask
        except Exception as error:
            said = "; ".join(f"{type(one).__name__}: {one}" for one in _chain(error))
            if (covered := mask.text(said)) == said:
                raise
            raise Broken(covered).with_traceback(error.__traceback__) from None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_OWN = {"outcome", "status", "digest", "retry_after"}  # of our own making, and no words of the other side
Came = TypeVar("Came", Result, Read)


def _without_secrets(came: Came, mask: masking.Mask) -> Came:
    names = [field.name for field in fields(came) if field.name not in _OWN]
    return replace(came, **{name: mask.json(getattr(came, name)) for name in names})
