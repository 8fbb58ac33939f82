"""Waiting for something that takes as long as it takes, and saying so."""

import time
from collections.abc import Callable

TOLD_AFTER, TOLD_EVERY = 10.0, 30.0  # seconds

Say = Callable[[str], None]
Pause = Callable[[float], None]


class Waiting:
    """One wait. It has no end of its own: whoever waits looks whether there still is anything to wait for."""

    def __init__(self, what: str, *, say: Say, pause: Pause) -> None:
        self.what = what
        self.say = say
        self.pause = pause
        self.began = time.monotonic()
        self._told = self.began + TOLD_AFTER - TOLD_EVERY

    def on(self, seconds: float, *, because: str = "") -> None:
        """Wait a moment more; now and then tell for what, for how long, and why it isn't there yet."""
        self.pause(seconds)
        if time.monotonic() - self._told >= TOLD_EVERY:
            self._told = time.monotonic()
            why = f": {because}" if because else ""
            self.say(f"Still waiting for {self.what} ({self._told - self.began:.0f} s){why}")
