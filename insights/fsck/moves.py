"""How an event moves subjects: the words in which the tables of kinds say it.

A fact is a value, or a function that reads it from the event, such as `said("stage")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from insights.fsck.ledger import UNKNOWN, Facts, Ledger, LogLine

Value = Any | Callable[[LogLine], Any]
Key = Callable[[LogLine], Iterable[str]]
Move = Callable[[Ledger, LogLine], None]


# --- Which subjects -------------------------------------------------------------------------------


def by(*names: str) -> Key:
    """The one that these entries of the event's data name, together."""
    return lambda line: [" ".join(str(line.data[name]) for name in names)]


def each(name: str) -> Key:
    """Each that a list in the event's data names."""
    return lambda line: line.data.get(name) or []


def proposal(line: LogLine) -> list[str]:
    """The proposal that the event is about."""
    return [line.proposal]


def actor(line: LogLine) -> list[str]:
    """Whoever did it."""
    return [str(line.actor["id"])]


# --- What is so afterwards ------------------------------------------------------------------------


def said(name: str, otherwise: Any = None) -> Callable[[LogLine], Any]:
    """What the event's data says, or `otherwise` where it says nothing."""

    def read(line: LogLine) -> Any:
        value = line.data.get(name)
        return otherwise if value is None else value

    return read


def moment(name: str, otherwise: Any = UNKNOWN) -> Callable[[LogLine], Any]:
    """A moment in the event's data, as `at_utc` spells those of rows."""

    def read(line: LogLine) -> Any:
        value = line.data.get(name)
        return otherwise if value is None else spelled(value)

    return read


def spelled(moment: str) -> str:
    """A moment in the one spelling that is compared."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def person(line: LogLine) -> str | None:
    return line.person


def named(line: LogLine) -> str:
    """The name of whoever did it, as it was printed."""
    return str(line.actor["name"])


# --- Moves ----------------------------------------------------------------------------------------


def makes(key: Key, **facts: Value) -> Move:
    """It begins to be there."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for subject in key(line):
            ledger.make(subject, line, _read(facts, line))

    return move


def puts(key: Key, **facts: Value) -> Move:
    """It is so from now on, whether or not it was there."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for subject in key(line):
            ledger.put(subject, line, _read(facts, line))

    return move


def sets(key: Key, was: Facts | None = None, **facts: Value) -> Move:
    """It is so from now on; it was there, as `was` has it."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for subject in key(line):
            ledger.move(subject, line, _read(facts, line), was)

    return move


def ends(key: Key) -> Move:
    """It is gone."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for subject in key(line):
            ledger.end(subject, line)

    return move


def ends_with(owner: Key) -> Move:
    """It is gone with what it belongs to."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for one in owner(line):
            ledger.end_all_of(one)

    return move


def adds(key: Key, name: str) -> Move:
    """A count goes up by one."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for subject in key(line):
            ledger.move(subject, line, {name: ledger.facts_of(subject).get(name, 0) + 1})

    return move


def both(*moves: Move) -> Move:
    """One after the other."""

    def move(ledger: Ledger, line: LogLine) -> None:
        for one in moves:
            one(ledger, line)

    return move


def _read(facts: dict[str, Value], line: LogLine) -> Facts:
    return {name: value(line) if callable(value) else value for name, value in facts.items()}
