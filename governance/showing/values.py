"""A value within a sentence, set off so that it can't read as anything but a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from audit.ground.unseen import shown
from governance.showing.numbers import written

# A word that can't be taken for one of the sentence: an address, a number of an order. No spaces, no
# commas, no quotes; and a digit or a sign that words do not have.
_BARE = re.compile(
    r"(?=[^\W_]*[#@/\d._:+-])[#@+/]?[A-Za-z0-9](?:[A-Za-z0-9@._+/:#-]*[A-Za-z0-9/])?", re.ASCII
)
_LIKE_A_NUMBER = re.compile(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?", re.ASCII)
_QUOTES = '“”„‟"«»″‶〝〞〟＂❝❞'
_ESCAPES = {ord(sign): f"\\{sign}" for sign in f"\\{_QUOTES}↵⇥"} | {ord("\n"): "↵", ord("\t"): "⇥"}
_TITLE = re.compile(rf"[^,;:{_QUOTES}\[\]{{}}\\]*")
NOTHING, LEFT_OUT = "nothing", "—"


def plain(value: Any, limit: int) -> str:
    """A number, a text, yes, no or nothing. A text is in quotes unless it is one word such as #D1031:
    so “yes” is a text and yes an answer, “12” a text and 12 a number."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return written(value)
    if _BARE.fullmatch(value) and not _LIKE_A_NUMBER.fullmatch(value):
        return in_the_middle(value, limit)
    return f"“{escaped(in_the_middle(value, limit))}”"


def escaped(text: str) -> str:
    """What stands between quotes: those within it, and line ends, can be told from ours."""
    return text.replace("\r\n", "\n").translate(_ESCAPES)


def in_the_middle(text: str, most: int) -> str:
    """A long text without its middle: how it begins and ends is what tells two apart."""
    if len(text) <= most:
        return text
    tail = most * 2 // 5
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def listed(said: Iterable[str], most: int) -> str:
    """As many as there is room for, and how many more; at least one."""
    found = list(said)
    taken: list[str] = []
    for one in found:
        if taken and len(", ".join([*taken, one])) > most:
            break
        taken.append(one)
    left = len(found) - len(taken)
    return ", ".join(taken) + (f" and {left} more" if left else "")


def in_brackets(value: list[Any] | dict[str, Any], items: Callable[[], Iterable[str]], most: int) -> str:
    """Several values in one place: [a, b]; {street …, city …}. One of a list alone needs no brackets."""
    if isinstance(value, list):
        return f"[{listed(items(), most)}]"
    return f"{{{listed(items(), most)}}}"


def label(words: str, *, known: bool) -> str:
    """What a value is called. A name that the schema does not know came with the arguments: it is set off,
    and so is a title that holds signs of ours."""
    told = shown(words)
    if re.fullmatch(_TITLE if known else r"[A-Za-z0-9 _.-]*", told):
        return in_the_middle(told, 60)
    return f"“{escaped(in_the_middle(told, 60))}”"
