"""A text that fits a pattern, for people who read no patterns: customer-19129 for ^customer-[0-9]{5}$."""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as words  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import jsonschema_rs

from governance.schemas.work import PATTERNS

LONGEST = 40
_STEPS = 1_000  # an example takes a few; a pattern of repeated repetitions of nothing has no end
_DIGITS, _LETTERS = "1912904857", "abcdefghij"


@lru_cache(maxsize=1_000)
def example_of(pattern: str) -> str:
    """A short text that fits, or "" where none is found."""
    if len(pattern) > 300:
        return ""
    if "@" in pattern and _fits(pattern, "ana@example.com"):
        return "ana@example.com"
    try:
        parsed = parser.parse(pattern)
        text = _Writing().row(parsed, 0)
    except (re.error, ValueError, KeyError, OverflowError, RecursionError, TypeError, IndexError):
        return ""
    if not 0 < len(text) <= LONGEST or not text.isprintable():
        return ""
    return text if _fits(pattern, text) else ""


def _fits(pattern: str, text: str) -> bool:
    try:
        return bool(
            jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=PATTERNS).is_valid(text)
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return False


class _Writing:
    """One example being written, which has an end."""

    def __init__(self) -> None:
        self.left = _STEPS

    def row(self, tokens: Any, n: int) -> str:
        return "".join(self.one(token, n + place) for place, token in enumerate(tokens))

    def one(self, token: Any, n: int) -> str:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too long")
        kind, said = token
        if kind is words.LITERAL:
            return chr(said)
        if kind is words.NOT_LITERAL:
            return "a" if said != ord("a") else "b"
        if kind is words.ANY:
            return "a"
        if kind is words.IN:
            return _one_of(said, n)
        if kind in (words.MAX_REPEAT, words.MIN_REPEAT, words.POSSESSIVE_REPEAT):
            least, most, inner = said
            times = least if most is not words.MAXREPEAT and least == most else max(least, min(most, 3))
            if times > LONGEST:
                raise ValueError("too long")
            return "".join(self.row(inner, turn) for turn in range(times))
        if kind is words.SUBPATTERN:
            return self.row(said[-1], n)
        if kind is words.BRANCH:
            return self.row(said[1][0], 0)
        if kind in (words.AT, words.ASSERT, words.ASSERT_NOT):
            return ""
        raise ValueError("no example of this")


def _one_of(said: Any, n: int) -> str:
    """A digit or letter where the class has one."""
    if said and said[0][0] is words.NEGATE:
        return "a"
    spans = []
    for kind, what in said:
        if kind is words.RANGE:
            spans.append(what)
        elif kind is words.LITERAL:
            spans.append((what, what))
        elif kind is words.CATEGORY and what in (words.CATEGORY_DIGIT, words.CATEGORY_WORD):
            spans.append((ord("0"), ord("9")) if what is words.CATEGORY_DIGIT else (ord("a"), ord("z")))
    for letter in (_DIGITS[n % 10], _LETTERS[n % 10], _LETTERS[n % 10].upper()):
        if any(low <= ord(letter) <= high for low, high in spans):
            return letter
    return chr(spans[0][0])
