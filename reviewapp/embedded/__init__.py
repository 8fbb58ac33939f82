"""PostgreSQL and Valkey of our own, for a machine that has neither.

They live under `VAR_DIR` and are used where neither `DATABASE_URL` nor
`VALKEY_URL` is given. Knows nothing of Django, so that settings can ask it.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reviewapp.embedded.credentials import CannotStart, Credentials, Privileged

if TYPE_CHECKING:
    from reviewapp.embedded.services import Services

__all__ = [
    "CannotStart",
    "Privileged",
    "environment",
    "erase",
    "fill_environment",
    "in_use",
    "own_environment",
    "start",
]

_filled: set[str] = set()


def fill_environment(var_dir: Path) -> None:
    """Name the embedded services in the environment, where it names no others.

    Starts nothing and is cheap. Does nothing once `DATABASE_URL` or
    `VALKEY_URL` is given: whoever brings one has to bring both, and a
    `SECRET_KEY`. On first use it makes the passwords, in a private file.
    """
    if os.environ.get("DATABASE_URL") or os.environ.get("VALKEY_URL"):
        return
    for name, value in environment(var_dir).items():
        if not os.environ.get(name):
            os.environ[name] = value
            _filled.add(name)


def in_use() -> bool:
    """Was no other database named, so that the embedded one is meant?"""
    return "DATABASE_URL" in _filled


def own_environment() -> dict[str, str]:
    """The environment as it was before `fill_environment` added to it."""
    return {name: value for name, value in os.environ.items() if name not in _filled}


def environment(var_dir: Path) -> dict[str, str]:
    """What a process needs in its environment to use the services embedded under `var_dir`."""
    from reviewapp.embedded.home import Home

    credentials = Credentials.of(var_dir)
    return credentials.environment(Home.of(var_dir, credentials).sockets)


def start(
    var_dir: Path,
    *,
    say: Callable[[str], None] = print,
    pause: Callable[[float], None] = time.sleep,
    privileged: Privileged | None = None,
) -> "Services":
    """Start PostgreSQL and Valkey and wait until they answer; raises `CannotStart`.

    There is no limit to the wait but the end of what is waited for: `say` is told now and then for what,
    and `pause`, which is called meanwhile, may raise.

    Where another living process of ours runs them already, hands out a handle
    whose `stop` leaves them alone. What a killed process left behind is
    stopped first. Call it in the main thread: when the calling thread dies,
    the services end with it.
    """
    from reviewapp.embedded import services

    return services.start(var_dir, say=say, pause=pause, privileged=privileged or Privileged())


def erase(var_dir: Path) -> None:
    """Remove the stopped services of `var_dir` with everything in them, for good."""
    from reviewapp.embedded import services

    services.erase(var_dir)
