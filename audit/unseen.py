"""A line of the log as a page shows it: what can't be seen gets a mark in its place."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple


class Piece(NamedTuple):
    """`text` as it is; or a `mark` that stands for a character which can't be seen, with its `note`."""

    text: str
    mark: str = ""
    note: str = ""


def pieces(line: str) -> list[Piece]:
    """The line in order. Controls, formats, odd spaces and variation selectors are marked."""
    if line.isascii() and line.isprintable():
        return [Piece(line)]
    found: list[Piece] = []
    start = 0
    for index, character in enumerate(line):
        if not _is_seen(character):
            if index > start:
                found.append(Piece(line[start:index]))
            name = unicodedata.name(character, "no name").capitalize()
            found.append(Piece(character, f"U+{ord(character):04X}", name))
            start = index + 1
    if start < len(line):
        found.append(Piece(line[start:]))
    return found


def _is_seen(character: str) -> bool:
    if character == " ":
        return True
    variation = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return unicodedata.category(character)[0] not in "CZ" and not variation
