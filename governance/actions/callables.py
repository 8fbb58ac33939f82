"""Functions of installed apps that a workflow may name: the entry points of the group `reviewapp.routes`."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points

GROUP = "reviewapp.routes"
MOST_NAMED = 20


@lru_cache(maxsize=1)
def registered() -> dict[str, str]:
    """Where each is to be found (`module:name`), by the name that workflows use. Nothing of it is loaded."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def unknown(name: str) -> str:
    """That there is no such callable, and which there are; empty where there is one."""
    known = registered()
    if name in known:
        return ""
    names = sorted(known)
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    are = f"registered are {', '.join(names[:MOST_NAMED])}{rest}" if names else "none is registered"
    return f"there is no callable {name}; {are}"
