"""What a failure of the database means, and what may be said of it: its messages quote what was stored."""

from __future__ import annotations

from psycopg import Error, InterfaceError, OperationalError

# SQLSTATE, by its beginning: connection lost, shutting down or starting up, too many connections, no
# room or memory, read-only after a change of servers.
_AWAY = ("08", "57P", "53", "25006")
# Others were faster, again and again: a lock that did not come, a deadlock, transactions in each other's way.
_BUSY = ("55P03", "40")
_REFUSED = ("42501", "P0001")


def is_away(error: BaseException) -> bool:
    """Whether the database can't be reached or can't serve now, so that asking again is right.

    Everything else that it reports is a mistake of ours, whoever sent what.
    """
    cause = _of_driver(error)
    if isinstance(cause, Error) and cause.sqlstate:
        return cause.sqlstate.startswith((*_AWAY, *_BUSY))
    return isinstance(cause, OperationalError | InterfaceError)


def is_refused(error: BaseException) -> bool:
    """Whether it refuses to write: a right is missing, or a trigger of an operator's own says no.

    Nothing was changed, and once somebody has seen to it asking again is right.
    """
    return getattr(_of_driver(error), "sqlstate", None) in _REFUSED


def named(error: BaseException) -> str:
    """Its kind, and SQLSTATE where there is one; nothing of what it says."""
    cause = _of_driver(error)
    state = getattr(cause, "sqlstate", None)
    return f"{type(cause).__name__} {state}" if state else type(cause).__name__


def _of_driver(error: BaseException) -> BaseException:
    """Django wraps the driver's errors, and keeps them as the cause."""
    return error.__cause__ if isinstance(error.__cause__, Error) else error
