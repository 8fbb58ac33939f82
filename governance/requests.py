"""What a text asks for: its sentences, the words in them, and whether one takes the other back."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from governance.mentions import folded, mentions

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
_WORDS = re.compile(r"\w+(?:'\w+)?")
_ENGLISH = (
    *("not", "no", "never", "none", "neither", "nor", "nobody", "nothing", "without", "cannot", "dont"),
    *("doesnt", "wont", "cant", "shouldnt", "mustnt", "stop", "avoid", "refuse", "refrain", "except"),
    *("instead", "unless", "forget", "disregard", "ignore", "undo"),
)
_OTHERS = ("nicht", "kein", "keine", "keinen", "nie", "ohne", "ne", "pas", "jamais", "non", "nunca", "niet")
_TAKING_BACK = frozenset((*_ENGLISH, *_OTHERS))


def about(text: str, value: Any) -> str:
    """The sentences of a text that name a value (of a list: every item of it), a line each."""
    return "\n".join(sentence for sentence in sentences(text) if mentions(sentence, value))


def asks(text: str, words: list[Any]) -> bool:
    """Whether a sentence says one of these words or phrases without taking it back.

    It is taken back by a word such as "not", "never" or "instead" in the same sentence or the next.
    """
    wanted = [folded(word) for word in words if isinstance(word, str) and word.strip()]
    said = [_spaced(sentence) for sentence in sentences(text)]
    refused = [_takes_back(sentence) for sentence in said] + [False]
    return any(
        any(f" {word} " in sentence for word in wanted) and not refused[n] and not refused[n + 1]
        for n, sentence in enumerate(said)
    )


def repeats(text: str, message: str) -> bool:
    """Whether a message stands in the text word for word, whatever its punctuation."""
    said = _spaced(message)
    return bool(said.strip()) and said in _spaced(text)


@lru_cache(maxsize=16)
def sentences(text: str) -> tuple[str, ...]:
    found = (sentence for line in text.splitlines() for sentence in _END.split(line.strip()))
    return tuple(sentence for sentence in found if sentence)


def _spaced(text: str) -> str:
    return f" {' '.join(_WORDS.findall(folded(text)))} "


def _takes_back(sentence: str) -> bool:
    words = sentence.split()
    return not _TAKING_BACK.isdisjoint(words) or any(word.endswith("n't") for word in words)
