"""Who did it, as every event prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, agent or part of the system, with the name it had at that time.

    `session` and `authenticated_by` say how a person proved who they are.
    """

    type: str  # "user", "agent", "policy", "timer", "worker", "system", "anonymous"
    id: str
    name: str
    session: str = ""
    authenticated_by: str = ""

    def as_json(self) -> dict[str, Any]:
        body = {"type": self.type, "id": self.id, "name": self.name}
        if self.session:
            body["session"] = self.session
        if self.authenticated_by:
            body["authenticated_by"] = self.authenticated_by
        return body


TIMER = Actor("timer", "sweeper", "Sweeper")
WORKER = Actor("worker", "celery", "Worker")
SYSTEM = Actor("system", "console", "Console")
ANONYMOUS = Actor("anonymous", "anonymous", "Not signed in")
