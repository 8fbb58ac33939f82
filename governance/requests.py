"""What a text asks for: its sentences, the words in them, and whether one takes the other back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from governance.mentions import names
from governance.reading import Said, said

_ENGLISH = (
    *("not", "no", "never", "none", "neither", "nor", "nobody", "nothing", "without", "cannot", "dont"),
    *("doesnt", "wont", "cant", "shouldnt", "mustnt", "stop", "avoid", "refuse", "refrain", "except"),
    *("instead", "unless", "forget", "disregard", "ignore", "undo"),
)
_OTHERS = ("nicht", "kein", "keine", "keinen", "nie", "ohne", "ne", "pas", "jamais", "non", "nunca", "niet")
_TAKING_BACK = frozenset((*_ENGLISH, *_OTHERS))


def about(text: str, value: Any) -> str:
    """The sentences of a text that name a value (of a list: every item of it), a line each."""
    read = said(text)
    return read.abouts.of(repr(value), lambda: "\n".join(s.text for s in read.sentences if names(s, value)))


def asks(text: str, words: list[Any]) -> bool:
    """Whether a sentence says one of these words or phrases without taking it back.

    It is taken back by a word such as "not", "never" or "instead" in the same sentence or the next.
    """
    wanted = [phrase for word in words if isinstance(word, str) and (phrase := _phrase(word)).strip()]
    sentences = said(text).sentences
    asking = (n for n, sentence in enumerate(sentences) if any(word in sentence.spaced for word in wanted))
    return any(not any(map(_takes_back, sentences[n : n + 2])) for n in asking)


def repeats(text: str, message: str) -> bool:
    """Whether a message stands in the text word for word, whatever its punctuation."""
    repeated = said(message).spaced
    return bool(repeated.strip()) and repeated in said(text).spaced


@lru_cache(maxsize=512)
def _phrase(word: str) -> str:
    return Said(word).spaced


def _takes_back(sentence: Said) -> bool:
    return not _TAKING_BACK.isdisjoint(sentence.words) or any(word.endswith("n't") for word in sentence.words)
