"""Looking after the embedded services: what ends unasked is started again, however often that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from reviewapp.embedded.services import Service, Services
from reviewapp.embedded.waiting import Say

EVERY = 0.5  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a service that did not start is tried again


@dataclass
class LookAfter:
    """The services of `up`. `moved` is told when Valkey is found at another address than before."""

    services: Services
    say: Say
    moved: Callable[[str], None]
    _looked: float = 0.0
    _pauses: dict[str, float] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Start again what ended and is due. No failure gets out: it is told, and tried again later."""
        if time.monotonic() - self._looked < EVERY:
            return
        self._looked = time.monotonic()
        for service in self.services.fallen():
            if self._due.get(service.name, 0.0) <= time.monotonic():
                self._start_again(service)

    def _start_again(self, service: Service) -> None:
        url = self.services.environment["VALKEY_URL"]
        self.say(f"{service.name} ended and is started again; see {service.log}")
        try:
            service.start_again()
        except Exception as problem:
            pause = self._pauses.get(service.name, FIRST_PAUSE)
            self._pauses[service.name] = min(2 * pause, LONGEST_PAUSE)
            self._due[service.name] = time.monotonic() + pause
            self.say(f"{service.name} did not start, and is tried again in {pause:g} s: {_in_words(problem)}")
        else:
            self._pauses.pop(service.name, None)
            self.say(f"{service.name} is there again.")
        # Also after a failure: the next try begins at the new address.
        if self.services.environment["VALKEY_URL"] != url:
            self.moved(self.services.environment["VALKEY_URL"])


def _in_words(problem: Exception) -> str:
    said = str(problem).strip().partition("\n")[0]
    return said or type(problem).__name__
