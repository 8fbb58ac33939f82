"""What a text asks for: its sentences, the words in them, and whether one takes the other back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from governance.expressions import effort
from governance.expressions.mentions import leaves, looking_for, names
from governance.expressions.reading import TextFacts, said, sentences_of

_ENGLISH = (
    *("not", "no", "never", "none", "neither", "nor", "nobody", "nothing", "without", "cannot", "dont"),
    *("doesnt", "wont", "cant", "shouldnt", "mustnt", "stop", "avoid", "refuse", "refrain", "except"),
    *("instead", "unless", "forget", "disregard", "ignore", "undo"),
)
_LOOK, _PHRASE = 30, 2_000  # units of effort to look into a sentence, and to read a phrase
_OTHERS = ("nicht", "kein", "keine", "keinen", "nie", "ohne", "ne", "pas", "jamais", "non", "nunca", "niet")
_TAKING_BACK = frozenset((*_ENGLISH, *_OTHERS))


def about(text: str, value: Any) -> str:
    """The sentences of a text that name a value (of a list: every item of it), a line each."""
    read, sentences = said(text), sentences_of(text)
    effort.spend(sum(looking_for(leaf, len(text)) + _LOOK * len(sentences) for leaf in leaves(value)))
    return read.abouts.of(repr(value), lambda: "\n".join(s.text for s in sentences if names(s, value)))


def asks(text: str, words: list[Any]) -> bool:
    """Whether a sentence says one of these words or phrases without taking it back.

    It is taken back by a word such as "not", "never" or "instead" in the same sentence or the next.
    """
    effort.spend(sum(_PHRASE + 40 * len(word) for word in words if isinstance(word, str)))
    sentences = sentences_of(text)
    effort.spend((len(words) + 20) * (len(text) + _LOOK * len(sentences)))
    wanted = [phrase for word in words if isinstance(word, str) and (phrase := _phrase(word)).strip()]
    asking = (n for n, sentence in enumerate(sentences) if any(word in sentence.spaced for word in wanted))
    return any(not any(map(_takes_back, sentences[n : n + 2])) for n in asking)


def repeats(text: str, message: str) -> bool:
    """Whether a message stands in the text word for word, whatever its punctuation."""
    repeated = said(message).spaced
    return bool(repeated.strip()) and repeated in said(text).spaced


@lru_cache(maxsize=512)
def _phrase(word: str) -> str:
    return TextFacts(word).spaced


def _takes_back(sentence: TextFacts) -> bool:
    return take_back(sentence.words)


def take_back(words: Sequence[str]) -> bool:
    """Is one of them a word such as "not", "never" or "instead"?"""
    return not _TAKING_BACK.isdisjoint(words) or any(word.endswith("n't") for word in words)
