"""What a callable of an installed app raises to say that it has changed nothing."""

from __future__ import annotations


class NothingDone(Exception):
    """It was not done, and why. Whatever else a callable raises may follow a part of the effect.

    With `again` it may be tried later, after `retry_after` seconds at the earliest; else it is refused.
    """

    def __init__(self, why: str, *, again: bool = True, retry_after: float = 0) -> None:
        super().__init__(why)
        self.again, self.retry_after = again, retry_after
