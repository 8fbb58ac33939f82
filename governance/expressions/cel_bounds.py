"""How large a fact can be when an expression looks at it: bounds that estimates start from and that hold.

`within` is asked before facts are handed to an expression: what is larger is not handed over, so that
every expression that asks for it gets no answer (of a policy: its rule asks for review and says so).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

MEMBER = 64  # bytes that are counted for a value beside its text: those that hold it while it is looked at
MOST_ITEMS = 1_000  # of one list or map
MOST_VALUES = 10_000  # in all


@dataclass(frozen=True)
class Bound:
    """The bytes of its longest text, of all its texts, and the items of its longest list or map."""

    text: int
    total: int
    items: int = 0
    values: int = 0

    @property
    def weight(self) -> int:
        """What it takes in memory, about."""
        return self.total + MEMBER * max(self.values, 1)


_NESTED = (list, dict)
_KIB = 1024
WORD = Bound(_KIB, _KIB)  # names, labels, titles
PROSE = Bound(16 * _KIB, 16 * _KIB)
SAID = Bound(256 * _KIB, 256 * _KIB)
JSON = Bound(16 * _KIB, 256 * _KIB, MOST_ITEMS, MOST_VALUES)
WORDS = Bound(_KIB, 64 * _KIB, 200, 200)
ANSWER = Bound(1024 * _KIB, 1024 * _KIB, MOST_ITEMS, MOST_VALUES)
LOOK = Bound(64 * _KIB, 64 * _KIB, MOST_ITEMS, MOST_VALUES)
PLAIN = Bound(0, 0)  # a number, a time, yes or no

BOUNDS: dict[str, Bound | dict[str, Bound]] = {
    "proposal": {
        "title": WORD,
        "summary": PROSE,
        "context": JSON,
        # In workflows.
        "id": WORD,
        "agent": WORD,
        "action": WORD,
        "subject": Bound(_KIB, 4 * _KIB, 10, 10),
    },
    "suggestion": {
        "rank": PLAIN,
        "confidence": PLAIN,
        "success_probability": PLAIN,
        "explanation": PROSE,
    },
    "action": {
        "name": WORD,
        "version": PLAIN,
        "reversibility": WORD,
        "data_classes": WORDS,
        "readOnlyHint": PLAIN,
        "destructiveHint": PLAIN,
        "idempotentHint": PLAIN,
        "openWorldHint": PLAIN,
    },
    "args": JSON,
    "risk": {"level": WORD, "claimed": WORD, "indicators": WORDS},
    "agent": {"name": WORD, "stage": PLAIN},
    "subject": {"type": WORD, "id": WORD},
    "deployment": {"label": WORD, "registered": PLAIN},
    "history": {"agent": Bound(_KIB, _KIB, 2, 4), "subject": Bound(_KIB, _KIB, 2, 4)},
    "user_text": SAID,
    "agreed_text": SAID,
    "tool_text": SAID,
    "now": PLAIN,
    "execution": {"id": WORD},
    "steps": ANSWER,
    "look": {"json": LOOK, "status": PLAIN, "text": PROSE, "known": PLAIN, "at": WORD},
    "signal": JSON,
    "decision": {"at": WORD, "by": WORDS, "edited": PLAIN},
    "response": {
        "status": PLAIN,
        "json": ANSWER,
        "text": ANSWER,
        "headers": Bound(64 * _KIB, 256 * _KIB, MOST_ITEMS, MOST_VALUES),
    },
}


# What the database or we ourselves keep within these bounds, so that nobody has to look again.
_KEPT_SMALL = frozenset(
    ("suggestion", "action", "look", "risk", "agent", "subject", "deployment", "history", "execution", "now")
)


class TooMuch:
    """Stands in the place of a fact that is too large; the runtime can't read it, and so gives no answer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} holds more than a rule looks at"


def bound_of(name: str) -> Bound:
    """The bound of a fact as a whole."""
    known = BOUNDS.get(name, JSON)
    if isinstance(known, Bound):
        return known
    return Bound(
        max(member.text for member in known.values()),
        sum(member.total for member in known.values()),
        max(len(known), *(member.items for member in known.values())),
        sum(member.values + 2 for member in known.values()),
    )


def within(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts; in the place of what is larger than its bound stands `TooMuch`."""
    return {
        name: value if name in _KEPT_SMALL or _fits(name, value) else TooMuch(name)
        for name, value in facts.items()
    }


def fits(value: Any, bound: Bound) -> bool:
    """Whether a JSON value keeps within a bound. Takes no longer than the bound is large."""
    if isinstance(value, str):
        return len(value) * 4 <= bound.text or _length(value) <= bound.text
    if not isinstance(value, _NESTED):
        return True
    waiting, texts, values = [value], 0, 0
    while waiting:
        found = waiting.pop()
        values += len(found)
        if len(found) > bound.items or values > bound.values:
            return False
        if isinstance(found, dict):
            values += len(found)
        for item in chain(found, found.values()) if isinstance(found, dict) else found:
            if isinstance(item, str):
                length = len(item) if item.isascii() else _length(item)
                texts += length
                if length > bound.text:
                    return False
            elif isinstance(item, _NESTED):
                waiting.append(item)
        if texts > bound.total:
            return False
    return values <= bound.values


def _fits(name: str, value: Any) -> bool:
    known = BOUNDS.get(name, JSON)
    if isinstance(known, Bound):
        return fits(value, known)
    if not isinstance(value, dict):
        return fits(value, bound_of(name))
    return all(fits(member, known.get(key, JSON)) for key, member in value.items())


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
