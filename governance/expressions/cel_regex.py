"""How large a regular expression of `matches` becomes when it is prepared, and what each byte then takes.

RE2 never goes back, but a repetition stands for as many copies of what it repeats, `\\pL` for some hundred
ranges of characters, and the pattern is prepared anew with every call. So copies are counted, never too few.
"""

from __future__ import annotations

from typing import NamedTuple

MOST_STATES = 2_000  # copies of single characters, after repetitions are written out
# Microseconds to prepare one character, a class, what is added to a class, and \\pL.
_LETTER, _CLASS, _ADDED, _UNICODE = 0.4, 3.0, 0.3, 2_800.0
_ANY_CASE = 6.0  # times as much, for a letter without regard to case
_UNICODE_STATES = 8.0
_MOST_REPEATED = 1_000  # RE2 takes no more


class Needed(NamedTuple):
    """What can be alive at once while a text is read, and microseconds to prepare the pattern."""

    states: float
    prepared: float

    @property
    def to_prepare(self) -> float:
        """Nanoseconds, with every call."""
        return 5_000.0 + 1_000.0 * self.prepared

    @property
    def each_byte(self) -> float:
        """Nanoseconds for a byte of the text."""
        return 2.0 + 8.0 * self.states


def needs(pattern: str) -> Needed:
    """What a pattern needs at most; of one that RE2 refuses, something."""
    reader = _Reader(pattern)
    found = reader.choices()
    while reader.at < len(pattern):  # a parenthesis that nobody opened; RE2 refuses it
        reader.at += 1
        found = _both(found, reader.choices())
    return found


def _both(one: Needed, other: Needed) -> Needed:
    return Needed(one.states + other.states, one.prepared + other.prepared)


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.factor = _ANY_CASE if "(?" in pattern else 1.0

    def choices(self) -> Needed:
        """What stands up to the parenthesis that closes here, or to the end."""
        total = Needed(1, 0.2)
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            one = self._one()
            total = _both(total, _times(one, self._repeated()))
        return total

    def _one(self) -> Needed:
        sign = self._next()
        if sign == "(":
            inside = self.choices()
            self.at += 1
            return _both(inside, Needed(1, 0.2))
        if sign == "[":
            return self._class()
        if sign == "\\":
            return self._escaped(self._next())
        return Needed(1, self.factor * (_CLASS if sign == "." or not sign.isascii() else _LETTER))

    def _escaped(self, sign: str) -> Needed:
        if sign in ("p", "P"):
            if self._next() == "{":
                end = self.pattern.find("}", self.at)
                self.at = end + 1 if end >= 0 else len(self.pattern)
            return Needed(_UNICODE_STATES, _UNICODE * (2 if self.factor > 1 else 1))
        if sign == "Q":  # everything up to \E as it is written
            end = self.pattern.find("\\E", self.at)
            end = end if end >= 0 else len(self.pattern)
            length, self.at = end - self.at, min(end + 2, len(self.pattern))
            return Needed(max(length, 1), self.factor * _CLASS * max(length, 1))
        return Needed(1, self.factor * _CLASS)

    def _class(self) -> Needed:
        total = Needed(1, self.factor * _CLASS)
        first = self.at
        while self.at < len(self.pattern):
            sign = self._next()
            if sign == "]" and self.at > first + 1 and self.pattern[first : self.at] != "^]":
                break
            if sign == "[" and self.pattern[self.at : self.at + 1] == ":":
                end = self.pattern.find(":]", self.at)
                self.at = end + 2 if end >= 0 else self.at
            if sign == "\\":
                escaped = self._escaped(self._next())
                total = Needed(max(total.states, escaped.states), total.prepared + escaped.prepared)
            else:
                added = self.factor * _ADDED * (1 if sign.isascii() else 4)
                total = Needed(total.states, total.prepared + added)
        return total

    def _repeated(self) -> float:
        """How many copies the signs that follow ask for."""
        copies = 1.0
        while self.at < len(self.pattern):
            sign = self.pattern[self.at]
            if sign == "{":
                end = self.pattern.find("}", self.at)
                counts = self.pattern[self.at + 1 : end].split(",") if end >= 0 else [""]
                if len(counts) > 2 or not all(count.isdigit() or not count for count in counts):
                    break
                if not counts[0]:
                    break  # a brace that stands for itself
                copies *= max(min(int(count[:5]), _MOST_REPEATED) + 1 for count in counts if count)
                self.at = end + 1
            elif sign in "*+?":
                self.at += 1
            else:
                break
        return copies

    def _next(self) -> str:
        sign = self.pattern[self.at : self.at + 1]
        self.at += 1
        return sign


def _times(one: Needed, copies: float) -> Needed:
    return Needed(one.states * copies, (one.prepared + 0.1) * copies)
