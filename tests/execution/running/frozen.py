"""A worker that is stopped at one point of an attempt, as a paused container or a starved machine is.

    python -m tests.execution.running.frozen EXECUTION:POINT …

It carries out one after another. In each it stops itself with SIGSTOP at the point, and goes on when
somebody sends it SIGCONT.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any
from uuid import UUID


def stop_before(owner: Any, name: str) -> None:
    """Let a function stop the process once, before it does anything."""
    call = getattr(owner, name)

    def stopped(*args: Any, **how: Any) -> Any:
        setattr(owner, name, call)
        os.kill(os.getpid(), signal.SIGSTOP)
        return call(*args, **how)

    setattr(owner, name, stopped)


def stop_after(owner: Any, name: str) -> None:
    """Let a function stop the process once, when it has done everything."""
    call = getattr(owner, name)

    def stopped(*args: Any, **how: Any) -> Any:
        setattr(owner, name, call)
        answer = call(*args, **how)
        os.kill(os.getpid(), signal.SIGSTOP)
        return answer

    setattr(owner, name, stopped)


def main() -> None:
    import django

    django.setup()
    from audit.ground import egress
    from execution.holding.lease import Lease
    from execution.routes import http
    from execution.running.run import run

    for execution_id, _, point in (given.partition(":") for given in sys.argv[1:]):
        match point:
            case "opened":  # the attempt is written down, nothing else has happened
                stop_before(http, "call")
            case "connected":
                stop_after(egress._Line, "connect")
            case "asked":  # the database has said that the lease is held
                stop_after(Lease, "is_held")
            case "sent":  # too late to stop it: the request has left
                stop_after(egress._Line, "send")
        run(UUID(execution_id))


if __name__ == "__main__":
    main()
