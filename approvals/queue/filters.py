"""What somebody wants to see of the queue, and in which order: all of it stands in the address."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.utils.http import urlencode

from audit.ground.refusals import Invalid
from suggestions.models import Proposal

LONGEST_QUERY = 200


class Sort(StrEnum):
    """The orders of the queue; the first is meant where none is named."""

    PRIORITY = "priority"
    DEADLINE = "deadline"
    AGE = "age"

    @classmethod
    def read(cls, name: str) -> Sort:
        return cls(name) if name in list(cls) else cls.PRIORITY

    @property
    def in_words(self) -> str:
        return {
            Sort.PRIORITY: "by priority, then time left",
            Sort.DEADLINE: "the nearest deadline first",
            Sort.AGE: "the longest waiting first",
        }[self]

    @property
    def because(self) -> str:
        """Why one stands before another, in whole sentences."""
        return {
            Sort.PRIORITY: "A policy’s rules give each proposal a priority from 0 to 100, else 50."
            " The highest comes first; among equals the one whose time ends first.",
            Sort.DEADLINE: "The one whose time to decide ends first comes first, whatever its priority.",
            Sort.AGE: "The one that was handed in first comes first, whatever its priority.",
        }[self]


class Position(NamedTuple):
    """A place in the queue: `order` counts by priority alone, `at` is what the order goes by then
    (deadline or beginning); the id makes it one place."""

    order: int
    at: datetime
    id: UUID

    def as_cursor(self) -> str:
        text = f"{self.order}|{self.at.isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str) -> Position:
        """The place that a cursor names. Raises `Invalid`."""
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            order, deadline, proposal = text.split("|")
            at = datetime.fromisoformat(deadline)
            if at.tzinfo is None or not -1_000 < int(order) < 1_000:
                raise ValueError
            return cls(int(order), at, UUID(proposal))
        except (ValueError, binascii.Error) as error:
            raise Invalid.field(
                "/cursor", "This page of the queue does not exist; begin at the top."
            ) from error

    @classmethod
    def of(cls, proposal: Proposal, sort: Sort = Sort.PRIORITY) -> Position:
        """Where it stands in this order."""
        order = proposal.queue_order if sort is Sort.PRIORITY else 0
        return cls(order, proposal.created_at if sort is Sort.AGE else proposal.deadline, proposal.pk)


# What is either asked for or not.
MARKS = {"mine": "Mine", "one_more": "Waits for one more", "soon": "Due soon"}


@dataclass(frozen=True)
class Filters:
    """What is wanted of the queue; empty means everything. `every` says so aloud, where
    somebody's own view opens otherwise."""

    team: str = ""
    action: str = ""
    agent: str = ""
    risk: str = ""
    mine: str = ""
    one_more: str = ""
    soon: str = ""
    q: str = ""
    sort: str = ""
    every: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filters:
        named = {name: asked.get(name, "").strip()[:LONGEST_QUERY] for name in cls.__annotations__}
        for mark in (*MARKS, "every"):
            named[mark] = "1" if named[mark] else ""
        if named["sort"] == Sort.PRIORITY:
            named["sort"] = ""
        return cls(**named)

    @property
    def order(self) -> Sort:
        return Sort.read(self.sort)

    @property
    def active(self) -> int:
        """How many are set, search and order aside."""
        return sum(bool(value) for value in (self.team, self.agent, self.action, self.risk, *self._marks))

    @property
    def narrow(self) -> bool:
        """Does it leave out some of a team's proposals?"""
        return bool(self.action or self.agent or self.risk or self.q or any(self._marks))

    @property
    def _marks(self) -> tuple[str, ...]:
        return self.mine, self.one_more, self.soon

    def query(self, **changes: str) -> str:
        """As the query string of an address, with its question mark; empty when nothing is set."""
        other = replace(self, **changes)
        chosen = {name: value for name, value in vars(other).items() if value}
        if len(chosen) > 1:
            chosen.pop("every", None)  # whatever else is said, says enough
        return f"?{urlencode(chosen)}" if chosen else ""
