"""What the log says of subjects so far, and what is wrong with how it says it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Facts = dict[str, Any]


class Unknown:
    """Stands for a fact that the log does not tell: whatever the row says is right."""

    def __repr__(self) -> str:
        return "anything"


UNKNOWN = Unknown()


@dataclass
class LogLine:
    """One event as the log has it. `proposal` is empty where it is about none."""

    id: int
    proposal: str
    body: str

    @cached_property
    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def type(self) -> str:
        return str(self._read["type"])

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self._read["data"]
        return found

    @property
    def actor(self) -> dict[str, Any]:
        found: dict[str, Any] = self._read["actor"]
        return found

    @property
    def person(self) -> str | None:
        """The id of the person who did it, None where none did."""
        return str(self.actor["id"]) if self.actor["type"] == "user" else None


@dataclass(slots=True)
class Subject:
    """What is known of one subject, and the last event that told of it."""

    facts: Facts
    event: int


@dataclass(frozen=True, slots=True)
class Oddity:
    """An event that tells of something that could not be."""

    subject: str
    expected: str
    found: str
    event: int


@dataclass
class Ledger:
    """The subjects of one kind, as the events read so far leave them."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    oddities: list[Oddity] = field(default_factory=list)

    def make(self, subject: str, line: LogLine, facts: Facts) -> None:
        """It begins here, and was not there before."""
        if subject in self.subjects:
            self._is_odd(subject, line, "that it is made once", f"{line.type} again")
        self.subjects[subject] = Subject(facts, line.id)

    def put(self, subject: str, line: LogLine, facts: Facts) -> None:
        """It is so from here on, whether or not it was there before."""
        known = self.subjects.get(subject)
        self.subjects[subject] = Subject({**(known.facts if known else {}), **facts}, line.id)

    def move(self, subject: str, line: LogLine, facts: Facts, was: Facts | None = None) -> None:
        """It was there, as `was` has it, and is so from here on."""
        known = self.subjects.get(subject)
        if known is None:
            self._is_odd(subject, line, "that it was made before", f"{line.type} of what is not there")
            return
        for name, allowed in (was or {}).items():
            if not fits(known.facts.get(name, UNKNOWN), allowed):
                before = told({name: known.facts[name]})
                self._is_odd(subject, line, f"{told({name: allowed})} before {line.type}", before)
        known.facts.update(facts)
        known.event = line.id

    def end(self, subject: str, line: LogLine) -> None:
        """It was there, and is gone."""
        if self.subjects.pop(subject, None) is None:
            self._is_odd(subject, line, "that it was made before", f"{line.type} of what is not there")

    def end_all_of(self, owner: str) -> None:
        """Whatever belongs to this owner, whose id its own begins with, is gone with it."""
        for subject in [one for one in self.subjects if one.startswith(owner)]:
            del self.subjects[subject]

    def facts_of(self, subject: str) -> Facts:
        """What is known of it; nothing where it is not there."""
        known = self.subjects.get(subject)
        return known.facts if known else {}

    def having(self, **facts: Any) -> Iterator[str]:
        """The subjects of which this is known."""
        for subject, known in self.subjects.items():
            if all(known.facts.get(name) == value for name, value in facts.items()):
                yield subject

    def _is_odd(self, subject: str, line: LogLine, expected: str, found: str) -> None:
        self.oddities.append(Oddity(subject, expected, found, line.id))


def fits(found: Any, expected: Any) -> bool:
    """Whether what a row says is what the log says; of a set it may be any."""
    if expected is UNKNOWN or found is UNKNOWN:
        return True
    if isinstance(expected, frozenset):
        return found in expected if not isinstance(found, frozenset) else found <= expected
    return bool(found == expected)


def told(facts: Facts) -> str:
    """Facts for people, on one line."""
    return ", ".join(f"{name} {_one(value)}" for name, value in sorted(facts.items())) or "nothing"


def _one(value: Any) -> str:
    if isinstance(value, frozenset):
        return " or ".join(sorted(map(_one, value)))
    if value is None:
        return "none"
    return str(value) if isinstance(value, str | Unknown) and value else json.dumps(value, ensure_ascii=True)


def but_for(facts: Facts, names: Collection[str]) -> Facts:
    return {name: value for name, value in facts.items() if name not in names}
