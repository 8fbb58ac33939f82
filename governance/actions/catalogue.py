"""The action types in force, kept ready in each process: looked up by name, with compiled schemas."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

from governance.models import ActionType
from governance.schemas import formats, words
from governance.schemas.data_classes import Marks
from governance.schemas.work import MOST, MOST_TO_EXPLAIN, PATTERNS, TooMuch, Work

MOST_ERRORS = 20
_TOO_LONG = "These arguments would take too long to check by the schema: send fewer or shorter ones."
_NOT_SAID = "They do not fit the schema, and are too many for it to be said where."


@dataclass(frozen=True)
class Entry:
    """One action type, its compiled schema and what that marks."""

    type: ActionType
    validator: Any
    marks: Marks
    work: Work | TooMuch

    def touched(self, arguments: dict[str, Any]) -> frozenset[str]:
        """The classes of data that these arguments touch: the type's own, and those of marked properties."""
        return self.marks.of(arguments).classes.union(self.type.data_classes)

    def errors(self, arguments: dict[str, Any], pointer: str) -> list[dict[str, str]]:
        """What is wrong with the arguments, each with its place; at most 20.

        How long that takes has a bound, whatever the schema and the arguments are.
        """
        if isinstance(self.work, TooMuch):
            why = f"has no bound ({self.work.problem}); it has to be registered anew"
            return [{"pointer": pointer, "detail": f"The schema of {self.type.name} {why}."}]
        units = 0 if self.work.is_cheap else self.work.of(arguments)
        if units > MOST:
            return [{"pointer": pointer, "detail": _TOO_LONG}]
        if self.validator.is_valid(arguments):
            return []
        wrong = self._wrong(self.work, arguments)
        found = [told for error in wrong for told in words.told(error, self.type.schema, pointer)]
        return found[:MOST_ERRORS] or [{"pointer": pointer, "detail": _NOT_SAID}]

    def _wrong(self, work: Work, arguments: dict[str, Any]) -> Iterator[Any]:
        """The errors; of very many arguments the first, and none where to find it would take too long."""
        if work.of(arguments) <= MOST_TO_EXPLAIN:
            yield from islice(self.validator.iter_errors(arguments), MOST_ERRORS)
        elif not work.has_alternatives:
            try:
                self.validator.validate(arguments)
            except jsonschema_rs.ValidationError as error:
                yield error


class _Catalogue:
    def __init__(self) -> None:
        self.newest = -1
        self.entries: dict[str, Entry] = {}
        self.lock = threading.Lock()

    def at(self, newest: int) -> dict[str, Entry]:
        """The entries, read again when a newer action type exists than this process knows."""
        if newest != self.newest:
            with self.lock:
                if newest != self.newest:
                    self.entries = {t.name: entry(t) for t in ActionType.objects.current()}
                    self.newest = newest
        return self.entries


def entry(action_type: ActionType) -> Entry:
    """This very version, with its schema compiled; remote references are never fetched.

    One whose schema has no bound, from before such were refused, takes no arguments at all.
    """
    schema = action_type.schema
    marks = Marks(schema)
    try:
        work = Work(schema, marks)  # first: what has no end is not compiled either
        return Entry(action_type, compiled(schema), marks, work)
    except TooMuch as error:
        return Entry(action_type, None, marks, error)
    except ValueError:  # a pattern that grows too large
        return Entry(action_type, None, marks, TooMuch("", "a pattern can't be tried within bounds"))


def compiled(schema: Any) -> Any:
    """A validator (JSON Schema 2020-12 unless the schema says otherwise). Raises `ValueError`.

    References reach within the schema only: nothing is fetched from anywhere.
    """
    return jsonschema_rs.validator_for(
        schema,
        validate_formats=True,
        formats=formats.CHECKS,
        retriever=_fetch_nothing,
        pattern_options=PATTERNS,
        mask="this",
    )


def _fetch_nothing(address: str) -> Any:
    raise ValueError(f"The schema refers to {address}; only references within it are followed.")


_catalogue = _Catalogue()
at = _catalogue.at
