"""The product with one promise broken, each in one place: what the harness has to notice.

A mutant is applied when a process starts (`tests.faults.applied`). One whose place is gone fails loudly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

MUTANTS: dict[str, Mutant] = {}
Apply = Callable[[], None]


class Mutant(NamedTuple):
    """How it is made, the kind of finding (of `tests.faults.checker`) that it has to lead to, and the fault
    (of `tests.faults.nemesis`) that brings it to light soonest."""

    apply: Apply
    shows_as: str
    after: str


def _mutant(shows_as: str, after: str) -> Callable[[Apply], Apply]:
    def register(apply: Apply) -> Apply:
        MUTANTS[apply.__name__.replace("_", "-")] = Mutant(apply, shows_as, after)
        return apply

    return register


put: Callable[[Any, str, Any], None] = setattr  # tests put it back afterwards


def replace(owner: Any, name: str, other: Any) -> Any:
    """Put another in the place of what is there, and return that. Raises `AttributeError` where none is."""
    before = getattr(owner, name)
    put(owner, name, other)
    return before


def rewrite(module: Any, name: str, old: str, new: str) -> None:
    """Send every statement of a module otherwise, the one of this name among them. Raises `LookupError` where
    that does not say `old`."""
    if old not in getattr(module, name):
        raise LookupError(f"{name} does not say {old!r}")

    def execute_rewritten(statement: str, *parameters: Any, **how: Any) -> Any:
        return execute(statement.replace(old, new), *parameters, **how)

    execute = replace(module, "execute", execute_rewritten)


@_mutant(shows_as="lease", after="double the messages")
def lease_ignored() -> None:
    """Whoever is told of an execution takes it, although another worker is at it."""
    from execution.models import executions

    rewrite(executions, "_TAKE_IT", "lease_until <= statement_timestamp()", "TRUE")


@_mutant(shows_as="unapproved", after="close the shop")
def digest_not_checked() -> None:
    """What is carried out is not held against what was approved."""
    from execution.running import turn

    replace(turn, "broken", lambda _execution: "")


@_mutant(shows_as="untold", after="close the inbox")
def early_acknowledgement() -> None:
    """What is told an agent counts as told when a worker begins; the settings do the same to Celery."""
    from suggestions.telling_agents import send as sending

    note = getattr(sending, "_note")  # noqa: B009

    def send_at_last(callback: Any, attempt: Any) -> Any:
        note(callback, attempt, sending.Heard())
        return send(callback, attempt)

    send = replace(sending, "_attempt", send_at_last)


@_mutant(shows_as="log", after="web")
def event_in_its_own_transaction() -> None:
    """What is told of a change is committed by itself, before the change."""
    import psycopg
    from django.db import connection

    from audit.log import record

    def alone(into: str, values: str, parameters: Any) -> None:
        how = connection.get_connection_params()
        own = {name: how[name] for name in ("dbname", "user", "password", "host", "port") if how.get(name)}
        with psycopg.connect(**own) as another:
            another.execute(f"INSERT INTO {into} VALUES {values}", parameters)

    replace(record, "add", alone)


@_mutant(shows_as="stuck", after="fill valkey")
def on_commit_instead_of_the_outbox() -> None:
    """A message is sent once, after the commit; nobody looks for what became of it."""
    from audit.outbox.outbox import Outbox
    from execution.running import run

    replace(Outbox, "due", lambda _self, **_values: [])
    replace(run, "run_next", lambda *_which: False)


@_mutant(shows_as="lease", after="pool process")
def fence_not_written() -> None:
    """Every worker that takes an execution has the same number as the one before."""
    from execution.models import executions

    rewrite(executions, "_TAKE", "fence = fence + 1", "fence = greatest(fence, 1)")


@_mutant(shows_as="doubled", after="close the shop")
def unknown_retried() -> None:
    """A call whose outcome nobody knows is made again, like one that failed."""
    from execution.running import moves

    replace(moves, "UNKNOWN", "never")


@_mutant(shows_as="unapproved", after="close the shop")
def undo_ignored() -> None:
    """Who undoes an approval is told that it is undone."""
    from approvals.deciding import undo

    replace(undo, "undo", lambda _proposal_id, **_who: None)
