"""How long it takes to read what a person has to read before they can decide.

Silent reading of English prose runs at 238 words a minute on average (M. Brysbaert, "How many words do
we read per minute? A review and meta-analysis of reading rate", Journal of Memory and Language 109
(2019), 104047). That is an average over people and texts: what is worked out here is a size, to be
compared with another of its kind, and no measure of anybody. On top of that, and this is our own
assumption, each row of a table takes a second, for its value is held against something, and a number
or an identifier is read like two words. Of scripts that put no spaces between words, two signs
count as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from suggestions.models import Proposal, Suggestion

WORDS_PER_MINUTE = 238
SECONDS_PER_ROW = 1.0
FASTER = 0.25  # less than this part of the reading time is faster than anybody reads
MOST_CHARACTERS = 200_000  # that are looked at; a proposal holds little more
MOST_SECONDS = 3_600

_WORD = re.compile(r"\w[\w'’.,:/@#-]*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def words(text: str) -> float:
    """How many words it takes to read this."""
    text = text[:MOST_CHARACTERS]
    unspaced = len(_UNSPACED.findall(text))
    spaced = _UNSPACED.sub(" ", text) if unspaced else text
    return unspaced / 2 + sum(2 if any(map(str.isdigit, w)) else 1 for w in _WORD.findall(spaced))


def seconds_for(proposal: Proposal, suggestions: Iterable[Suggestion], *, chosen: Suggestion | None) -> int:
    """What reading this proposal takes, of its suggestions the chosen one in full; at least 1."""
    ranked = sorted(suggestions, key=lambda s: s.rank)
    read = chosen or (ranked[0] if ranked else None)
    texts = [proposal.title, proposal.summary, proposal.subject_id, *(s.sentence for s in ranked)]
    texts += _leaves(proposal.context)
    rows = 0
    if read is not None:
        values = list(_leaves(read.arguments))
        rows = len(values)
        texts += [*values, read.explanation, *_leaves(read.risk_indicators)]
    total = sum(words(text) for text in texts) * 60 / WORDS_PER_MINUTE + rows * SECONDS_PER_ROW
    return max(1, min(round(total), MOST_SECONDS))


def _leaves(value: Any) -> Iterator[str]:
    """Everything in a JSON value that is shown: its texts and numbers, without the names."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif value is not None:
        yield str(value)


def is_faster_than_reading(looked: int | None, reading: int | None) -> bool:
    """Was it decided in less time than anybody needs to read it? False where nobody knows."""
    return looked is not None and reading is not None and looked < reading * FASTER
