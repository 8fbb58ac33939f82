"""A name of a program, `pullNumber`, as people read it: "Pull number"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from audit.ground.unseen import SAME_LETTERS, shown

_BETWEEN = re.compile(r"[\s_.:/-]+")
SHORT = 64  # characters of a name whose words are kept
_PLAIN = re.compile(r"[\w\s.:/-]*")


def readable(name: str) -> str:
    """The words of a name in snake, kebab or camel case; abbreviations in capitals stay as they are.

    A name with other signs in it is not taken apart: they could mean something.
    """
    return _kept(name) if len(name) <= SHORT else _readable(name)


def _readable(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        return shown(name)
    words = [word for part in _BETWEEN.split(name) for word in _humps(part)]
    told = " ".join(word if _stays(word) else word.lower() for word in words)
    first = told[:1].upper()
    return shown(first + told[1:] if len(first) == 1 else told) or f"“{shown(name)}”"


_kept = lru_cache(4096)(_readable)  # of short names only, for anybody may send a long one


def _humps(part: str) -> Iterator[str]:
    """`HTTPServerURL2` is HTTP, Server, URL2."""
    begin = 0
    for at in range(1, len(part)):
        before, here, after = part[at - 1], part[at], part[at + 1 : at + 2]
        plural = after == "s" and not part[at + 2 : at + 3].islower()  # the IDs
        if here.isupper() and (not before.isupper() or (after.islower() and not plural)):
            yield part[begin:at]
            begin = at
    if part:
        yield part[begin:]


def _stays(word: str) -> bool:
    return sum(letter.isupper() for letter in word) > 1 or (len(word) == 1 and word.isupper())


def lowered(words: str) -> str:
    """For the middle of a sentence: "Refund 5" begins small there, "ACH transfer" does not."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def skeleton(words: str) -> str:
    """What is the same for words that look alike: in case, spaces, signs, hidden and foreign letters."""
    plain = unicodedata.normalize("NFKD", words).translate(SAME_LETTERS).casefold()
    return "".join(letter for letter in plain if letter.isalnum()).translate(_ALIKE)


_ALIKE = str.maketrans("0i1", "oll")  # O and 0, l, I and 1
