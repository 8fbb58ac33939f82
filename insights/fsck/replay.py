"""The log is read once in order, and what it leads to is held against the rows.

Of what belongs to proposals one proposal after the other is looked at, so that a long log takes no more
memory than a short one. The rest grows with people and configuration, and is looked at as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from audit.ground.canonical import commitment
from insights.fsck.checking import Check, Finding, rows
from insights.fsck.ledger import UNKNOWN, Facts, Ledger, LogLine, but_for, fits, told
from insights.fsck.moves import Move

_EVENTS = """
SELECT id, coalesce(proposal_id::text, ''), body FROM audit_event WHERE type = ANY (%(types)s)
 ORDER BY {order} id
"""


def _never(_: Facts) -> bool:
    return False


def _as_they_are(facts: Facts) -> Facts:
    return facts


@dataclass(frozen=True)
class Kind:
    """One kind of subject: how events move it, and where its rows are.

    `rows` is a statement whose columns are the proposal (or '') that a row belongs to, the name of the
    subject as `moves` spell it, and its facts as JSON; of what belongs to proposals in the order of those.
    Facts are compared as far as rows have them. `reads` makes facts of what a row holds besides.
    """

    name: str
    noun: str
    sentence: str
    moves: Mapping[str, Move]
    rows: str
    of_proposals: bool = False
    reads: Callable[[Facts], Facts] = _as_they_are
    needs_no_event: Callable[[Facts], bool] = _never  # a row as it is before anything happened to it
    may_be_gone: Callable[[Facts], bool] = _never  # what is kept only for a while

    def as_check(self) -> Check:
        return Check(self.name, self.sentence, partial(replayed, self))


def replayed(kind: Kind) -> Iterator[Finding]:
    """Where the rows of a kind are not as the log has it."""
    order = "proposal_id NULLS FIRST," if kind.of_proposals else ""
    events = rows(_EVENTS.format(order=order), {"types": list(kind.moves)})
    lines = (LogLine(*event) for event in events)
    for of_events, of_rows in _side_by_side(kind, lines, rows(kind.rows)):
        ledger = Ledger()
        for line in of_events:
            try:
                kind.moves[line.type](ledger, line)
            except MALFORMED:
                yield Finding(
                    kind.name, "event", str(line.id), "an event of its form", "another form", line.id
                )
        yield from _differences(kind, ledger, of_rows)


MALFORMED = (LookupError, TypeError, ValueError, AttributeError)  # what reading such an event leads to
Row = tuple[str, str, str]


def _side_by_side(
    kind: Kind, lines: Iterator[LogLine], found: Iterator[Any]
) -> Iterator[tuple[Iterator[LogLine], Iterator[Row]]]:
    """The events and the rows of one proposal after the other; of what belongs to none, all of them."""
    if not kind.of_proposals:
        yield lines, found
        return
    events = groupby(lines, key=lambda line: line.proposal)
    stored = groupby(found, key=lambda row: row[0])
    event, row = next(events, None), next(stored, None)
    while event or row:
        first = min(pair[0] for pair in (event, row) if pair)
        has_events, has_rows = bool(event and event[0] == first), bool(row and row[0] == first)
        yield (event[1] if event and has_events else iter(())), (row[1] if row and has_rows else iter(()))
        event = next(events, None) if has_events else event
        row = next(stored, None) if has_rows else row


def _differences(kind: Kind, ledger: Ledger, found: Iterator[Row]) -> Iterator[Finding]:
    for odd in ledger.oddities:
        yield Finding(kind.name, kind.noun, odd.subject, odd.expected, odd.found, odd.event)
    subjects = ledger.subjects
    for _, subject, text in found:
        facts = kind.reads(json.loads(text))
        expected = subjects.pop(subject, None)
        if expected is None:
            if not kind.needs_no_event(facts):
                yield Finding(kind.name, kind.noun, subject, "no row: no event tells of it", told(facts))
            continue
        wrong = [name for name, value in facts.items() if not fits(value, expected.facts.get(name, UNKNOWN))]
        if wrong:
            should = {name: expected.facts.get(name) for name in wrong}
            are = {name: facts[name] for name in wrong}
            yield Finding(kind.name, kind.noun, subject, told(should), told(are), expected.event)
    for subject, gone in subjects.items():
        if not kind.may_be_gone(gone.facts):
            yield Finding(kind.name, kind.noun, subject, told(gone.facts), "no row", gone.event)


def commits(*names: str) -> Callable[[Facts], Facts]:
    """Reads facts with a commitment in the place of these, as the log has it; None where there is nothing.

    The row's salt is in `salt`, in hexadecimal digits.
    """

    def read(facts: Facts) -> Facts:
        salt = bytes.fromhex(facts["salt"])
        words = {name: _commitment(salt, facts[name]) for name in names}
        return {**but_for(facts, ["salt"]), **words}

    return read


def _commitment(salt: bytes, words: Any) -> str | None:
    return None if words in (None, "", []) else commitment(salt, words)
