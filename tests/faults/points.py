"""Points of an attempt at which a worker stops or dies, where somebody orders it.

An order is a file in a folder: `stop opened` or `die sent`. The first worker that comes to the point takes it
away, by giving it the name `stopped 4711` with its own number, and sends itself the signal.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

ORDERS = {"stop": signal.SIGSTOP, "die": signal.SIGKILL}


def places() -> dict[str, tuple[Any, str, bool]]:
    """Of each point whose attribute is called there, and whether the point comes after the call."""
    from audit.ground import egress
    from execution.holding.lease import Lease
    from execution.routes import dispatch
    from suggestions.telling_agents import send

    return {
        "opened": (dispatch, "call", False),  # the attempt is written down, nothing else has happened
        "connected": (egress._Line, "connect", True),
        "asked": (Lease, "is_held", True),  # the database has said that the lease is held
        "sent": (egress._Line, "send", True),
        "answered": (dispatch, "call", True),  # and nothing is written of it yet
        "tells": (send, "_attempt", False),  # the agent, of what came of it
    }


def obey(orders: str) -> None:
    """Let this process look for orders at every point."""
    for name, (owner, attribute, is_after) in places().items():
        _watch(Path(orders), name, owner, attribute, is_after=is_after)


def _watch(orders: Path, point: str, owner: Any, attribute: str, *, is_after: bool) -> None:
    call = getattr(owner, attribute)

    def watched(*args: Any, **how: Any) -> Any:
        if not is_after:
            _look(orders, point)
        answer = call(*args, **how)
        if is_after:
            _look(orders, point)
        return answer

    setattr(owner, attribute, watched)


def _look(orders: Path, point: str) -> None:
    for order, number in ORDERS.items():
        try:
            (orders / f"{order} {point}").rename(orders / f"stopped {os.getpid()}")
        except OSError:  # nobody ordered it, or somebody else was first
            continue
        os.kill(os.getpid(), number)
