"""Values that nobody may read, taken out of what is kept: whatever the other side sent back.

Within `listening()` every value that `vault.reveal` hands out is noted, with whatever was made of it (a
token, a pair in base64); the mask covers it in each form that headers, addresses, JSON and HTML give it.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from governance.schemas.data_classes import MASK

SHORTEST = 8  # characters; what is shorter would stand in many an innocent word
_PIECE = 4  # characters of a value at the end of a text that was cut


class Mask:
    """Covers what was noted in it."""

    def __init__(self) -> None:
        self._forms: list[str] = []

    def note(self, value: str) -> None:
        """From now on this is covered."""
        found = {form for part in _parts(value) for form in _forms(part) if len(form) >= SHORTEST}
        self._forms = sorted({*self._forms, *found}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without any of them, nor the beginning of one where it was cut off."""
        for form in self._forms:
            text = text.replace(form, MASK)
        for form in self._forms:
            if length := _begun_at_the_end(text, form):
                return text[:-length] + MASK
        return text

    def json(self, value: Any) -> Any:
        """The same of every text in a JSON value, names of members and digits of numbers among them."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.json(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.json(item) for item in value]
        said = str(value)
        return value if self.text(said) == said else MASK


_listening: ContextVar[Mask | None] = ContextVar("listening", default=None)


@contextmanager
def listening() -> Iterator[Mask]:
    """The mask of what is handed out in this block."""
    mask = Mask()
    token = _listening.set(mask)
    try:
        yield mask
    finally:
        _listening.reset(token)


def note(value: str) -> None:
    """Say that this is not to be kept anywhere."""
    if mask := _listening.get():
        mask.note(value)


def _begun_at_the_end(text: str, form: str) -> int:
    """How many characters of it stand at the end of the text, where that is but a piece."""
    last, end = text[-_PIECE:], len(form) - 1
    while len(last) == _PIECE and (at := form.rfind(last, 0, end)) >= 0:
        if text.endswith(form[: at + _PIECE]):
            return at + _PIECE
        end = at + _PIECE - 1
    return 0


def _parts(value: str) -> Iterator[str]:
    """All of it, and the password where it is an address that has one."""
    yield value
    try:
        password = urlsplit(value).password or ""
    except ValueError:
        return
    yield from {password, unquote(password)} - {"", value}


def _forms(value: str) -> Iterator[str]:
    """What it looks like, in whatever it is written into."""
    escaped = (quote(value, safe=""), quote(value), quote_plus(value))
    yield value
    yield from escaped
    yield from (text.replace("%", "%25") for text in escaped)
    yield from (_lower_escapes(text) for text in escaped)
    yield html.escape(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(value)[1:-1].replace("/", r"\/")
    yield repr(value)[1:-1]
    content = value.encode()
    yield content.hex()
    yield content.hex().upper()
    for before in range(3):
        yield from _in_base64(content, before)


def _lower_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join([head, *(piece[:2].lower() + piece[2:] for piece in rest)])


def _in_base64(content: bytes, before: int) -> Iterator[str]:
    """The part that does not depend on what stands around it, where it begins after so many bytes."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(b"\0" * before + content).decode()
        inside = text[(before * 8 + 5) // 6 :]
        yield inside  # where nothing follows, and with what fills it up
        yield inside.rstrip("=")
        complete = (before + len(content)) % 3
        yield inside if complete == 0 else inside.rstrip("=")[:-1]
