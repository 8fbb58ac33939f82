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
        text = "".join(_written(token, n) for n, token in enumerate(parsed))
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


def _written(token: Any, n: int) -> str:
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
        return "".join(
            "".join(_written(one, turn + place) for place, one in enumerate(inner)) for turn in range(times)
        )
    if kind is words.SUBPATTERN:
        return "".join(_written(one, n + place) for place, one in enumerate(said[-1]))
    if kind is words.BRANCH:
        return "".join(_written(one, place) for place, one in enumerate(said[1][0]))
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
