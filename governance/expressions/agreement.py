"""Whether somebody plainly agrees to what they were just asked: in doubt they do not.

"Yes, go ahead" names nothing; what it is about stands in the question. Only a plain yes lets that question
count as words of theirs: an answer that says "but", takes something back or sets a condition does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from governance.expressions.reading import TextFacts, said, sentences_of
from governance.expressions.requests import take_back

LONGEST = 1_000  # characters of an answer that is looked at
_YES = tuple(
    f" {words} "
    for words in (
        *(
            "yes",
            "yeah",
            "yep",
            "sure",
            "ok",
            "okay",
            "agreed",
            "correct",
            "absolutely",
            "exactly",
            "perfect",
        ),
        *("go ahead", "proceed", "please do", "do it", "confirm", "confirmed", "that's right", "sounds good"),
    )
)
_TURNS = frozenset(
    (
        *(
            "but",
            "however",
            "although",
            "though",
            "wait",
            "hold",
            "actually",
            "rather",
            "if",
            "before",
            "first",
        ),
        *("only", "just", "different", "another", "other", "maybe", "perhaps", "unsure", "wrong"),
    )
)


def agrees(answer: str, question: str) -> bool:
    """Is this a yes, and nothing that makes less or something else of it? Words are English.

    Three words or more that stand in the question in this order are the question's, whatever they
    are: whoever picks "no longer needed" from the reasons they were given says no to nothing.
    """
    if len(answer) > LONGEST:
        return False
    sentences = sentences_of(answer)
    asked = set(_threes(said(question).words))
    for sentence in sentences:
        own = _without(sentence.words, asked)
        if take_back(own) or not _TURNS.isdisjoint(own):
            return False
    return any(_says_yes(one) for one in sentences)


def _says_yes(sentence: TextFacts) -> bool:
    return not sentence.text.rstrip("\"') ").endswith("?") and any(yes in sentence.spaced for yes in _YES)


Three = tuple[str, str, str]


def _threes(words: tuple[str, ...]) -> Iterator[Three]:
    return zip(words, words[1:], words[2:], strict=False)


def _without(words: tuple[str, ...], asked: set[Three]) -> list[str]:
    """The words that are in no three of these."""
    repeated = {at + n for at, three in enumerate(_threes(words)) if three in asked for n in range(3)}
    return [word for at, word in enumerate(words) if at not in repeated]
