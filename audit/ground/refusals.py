"""The word for "no": every floor's refusals are small exceptions named for what happened."""

from __future__ import annotations

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
