"""Arguments that a schema calls sensitive, covered wherever else they turn up: in what a service was asked,
and in what it answered.

Neither has a schema. There a part is known by its name, where that is the name of a sensitive argument, and
by its value, in whichever form addresses, JSON and HTML give it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from governance.schemas.data_classes import (
    MASK,
    SENSITIVE,
    Marks,
    SensitivePlaces,
    object_in,
)

SHORTEST = 4  # characters of a value that is looked for: less is anywhere
# A member of JSON that was cut off somewhere: its name, and its value where that is no object and no list.
_MEMBER = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*("(?:[^"\\]|\\.)*"?|[^\s",{}\[\]]*)')
_IN_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+)=([^&#\s]*)")


class Cover:
    """Covers what is sensitive of some arguments in whatever comes of them."""

    def __init__(self, marks: Marks, arguments: Any) -> None:
        found = marks.of(arguments)
        self._names = {_folded(name) for name in [*_marked_names(marks), *_last_names(found, arguments)]}
        self._values = sensitive_texts(arguments, found)
        forms = {form for value in self._values for form in _forms(value)}
        self._forms = sorted(forms, key=len, reverse=True)

    def json(self, value: Any) -> Any:
        """A JSON value with a mark in the place of each member of such a name, and of each such value."""
        if isinstance(value, dict):
            return {self._covered(str(name)): self._member(str(name), item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, str):
            return self._covered(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return MASK if is_number and str(value) in self._values else value

    def text(self, text: str) -> str:
        """A text, which may be JSON, or the beginning of some."""
        if not self._names and not self._forms:
            return text
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self._covered(self._without_members(text))
        covered = self.json(value)
        return self._covered(text if covered == value else json.dumps(covered, ensure_ascii=False))

    def _member(self, name: str, value: Any) -> Any:
        return MASK if _folded(name) in self._names else self.json(value)

    def _without_members(self, text: str) -> str:
        """JSON that can't be read: where a sensitive object or list begins, nothing is told of the rest."""
        told, end = [], 0
        for found in _MEMBER.finditer(text):
            if _folded(_read(found[1])) not in self._names:
                continue
            told += [text[end : found.start(2)], f'"{MASK}"']
            end = found.end(2)
            if not found[2]:
                return "".join(told)
        return "".join([*told, text[end:]])

    def _covered(self, text: str) -> str:
        """A text without the values, nor the beginning of one where it was cut off."""
        for form in self._forms:
            text = text.replace(form, MASK)
        text = _IN_QUERY.sub(self._parameter, text)
        for form in self._forms:
            for length in range(len(form) - 1, SHORTEST - 1, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + MASK
        return text

    def _parameter(self, found: re.Match[str]) -> str:
        return f"{found[1]}={MASK if _folded(found[1]) in self._names else found[2]}"


def sensitive_texts(arguments: Any, found: SensitivePlaces) -> set[str]:
    """The sensitive values of some arguments as texts, those that are long enough to be looked for."""
    texts = {text for place in found.sensitive for text in _texts(_at(arguments, place))}
    return {text for text in texts if len(text) >= SHORTEST}


def _marked_names(marks: Marks) -> Iterator[str]:
    """The properties that the schema calls sensitive, whether the arguments have them or not."""
    for _, part in marks.parts:
        for name, schema in object_in(part, "properties").items():
            if any(one.get(SENSITIVE) is True for one in marks.applying([schema])):
                yield name


def _last_names(found: SensitivePlaces, arguments: Any) -> Iterator[str]:
    """What the sensitive places are called; an item of a list is called as its list."""
    for place in found.sensitive:
        names = [step for step in place if isinstance(step, str)]
        yield from names[-1:] if place else arguments


def _folded(name: str) -> str:
    """Services write `accountNumber` what agents write `account_number`."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _read(name: str) -> str:
    try:
        return str(json.loads(f'"{name}"'))
    except ValueError:
        return name


def _forms(value: str) -> Iterator[str]:
    yield value
    yield from (quote(value, safe=""), quote(value), quote_plus(value))
    yield html.escape(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]


def _at(value: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)
