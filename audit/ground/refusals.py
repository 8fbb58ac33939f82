"""The word for "no": every floor's refusals are small exceptions named for what happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refusal(Exception):
    """The request was understood and is not carried out.

    `detail` is a sentence for the one who asked; `facts` are further members of the
    answer (who won, which boundary, which field).
    """

    detail = "This was refused."

    def __init__(self, detail: str = "", **facts: Any) -> None:
        self.detail = detail or self.detail
        self.facts = facts
        super().__init__(self.detail)


class Invalid(Refusal):
    """Fields are wrong: `errors` is a list of `{"pointer": RFC 6901, "detail": sentence}`.

    Where a text was read, each has its `line` and `column` too.
    """

    detail = "Some fields are not as they must be."

    def __init__(self, errors: list[dict[str, Any]], detail: str = "") -> None:
        self.errors = errors
        super().__init__(detail, errors=errors)

    @classmethod
    def field(cls, pointer: str, detail: str) -> Invalid:
        return cls([{"pointer": pointer, "detail": detail}])


def pointer_of(path: Iterable[str | int]) -> str:
    """A place in JSON as RFC 6901 writes it: a slash within a name is none between two."""
    return "".join(f"/{escaped(str(step))}" for step in path)


def escaped(name: str) -> str:
    """A name as it stands in a pointer."""
    return name.replace("~", "~0").replace("/", "~1")
