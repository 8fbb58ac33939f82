"""What waits behind a link: a small number beside it, and what it counts in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from execution.models import Execution
from governance.models import Deployment, Halt, Incident, PolicyVersion, User

MOST = 99


def _executions(user: User) -> QuerySet[Execution]:
    return Execution.objects.visible_to(user).filter(status=Execution.Status.NEEDS_ATTENTION)


# address → what is counted there, for whom, and what one and several of it are called.
_WAITING: dict[str, tuple[Callable[[User], QuerySet[Any]], str, str]] = {
    "/executions/": (_executions, "needs attention", "need attention"),
    "/governance/policies/": (
        lambda user: PolicyVersion.objects.filter(status=PolicyVersion.Status.VALIDATED),
        "waits for a second person",
        "wait for a second person",
    ),
    "/governance/deployments/": (
        lambda user: Deployment.objects.filter(status=Deployment.Status.REGISTERED),
        "waits for a second person",
        "wait for a second person",
    ),
    "/governance/halts/": (lambda user: Halt.objects.on(), "is on", "are on"),
    "/governance/incidents/": (
        lambda user: Incident.objects.filter(closed_at=None),
        "is open",
        "are open",
    ),
}


def of(url: str, user: User) -> dict[str, str]:
    """`waiting`, counted to a limit in one query, and `waiting_says`; nothing where nothing waits."""
    if url not in _WAITING:
        return {}
    found, one, several = _WAITING[url]
    count = found(user).order_by()[: MOST + 1].count()
    if not count:
        return {}
    said = f"{MOST}+" if count > MOST else str(count)
    return {"waiting": said, "waiting_says": one if count == 1 else several}
