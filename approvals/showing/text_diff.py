"""From one text to another, word by word: what stays, goes and comes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from audit.ground.unseen import Piece, pieces

MOST_PAIRS = 20_000  # of equal words; above it one middle part is exchanged as a whole
_WORDS = re.compile(r"\w+(?:[.,:/@-]\w+)*\s*|[^\w\s]\s*|\s+")


class Change(NamedTuple):
    """A stretch of text: `kind` is same, gone or new."""

    kind: str
    shown: list[Piece]


def changes(before: str, after: str) -> list[Change]:
    """Both texts in one: without what is gone it reads as `after`, without what is new as `before`.

    Each stretch is marked as it is within its whole text, so that no mark is lost at a seam.
    """
    spans = list(_spans(_WORDS.findall(before), _WORDS.findall(after)))
    old = _cut(pieces(before), [len(gone) for gone, _ in spans])
    new = _cut(pieces(after), [len(come) for _, come in spans])
    found: list[Change] = []
    for (gone, come), was, now in zip(spans, old, new, strict=True):
        if gone == come:
            found.append(Change("same", now))
            continue
        found += [Change("gone", was)] if was else []
        found += [Change("new", now)] if now else []
    return found


def _spans(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    """The stretches of both, in order: equal ones, and what stands in the place of what."""
    start = next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    rest = min(len(old), len(new)) - start
    end = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    same = "".join(old[:start])
    if same:
        yield same, same
    if _pairs(middle_old, middle_new) > MOST_PAIRS:
        yield "".join(middle_old), "".join(middle_new)
    else:
        matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=False)
        for _, a, b, c, d in matcher.get_opcodes():
            yield "".join(middle_old[a:b]), "".join(middle_new[c:d])
    same = "".join(old[len(old) - end :])
    if same:
        yield same, same


def _pairs(old: list[str], new: list[str]) -> int:
    counted = Counter(new)
    return sum(n * counted[word] for word, n in Counter(old).items())


def _cut(whole: Sequence[Piece], lengths: list[int]) -> list[list[Piece]]:
    """The pieces in stretches of these lengths. A mark stays with the word that it is behind."""
    waiting = list(reversed(whole))
    found: list[list[Piece]] = []
    for length in lengths:
        stretch: list[Piece] = []
        while waiting and (length > 0 or (not waiting[-1].text and stretch)):
            piece = waiting.pop()
            if len(piece.text) > length and not piece.mark:
                waiting.append(Piece(piece.text[length:]))
                piece = Piece(piece.text[:length])
            elif len(piece.text) > length:  # of a run of hidden characters each part keeps the mark
                waiting.append(piece._replace(text=piece.text[length:]))
                piece = piece._replace(text=piece.text[:length])
            length -= len(piece.text)
            stretch.append(piece)
        found.append(stretch)
    return found
