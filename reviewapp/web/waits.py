"""What waits behind a link: a small number beside it, and what it counts in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import CharField, QuerySet, Value

from execution.models import Execution
from governance.models import AccessReview, Deployment, Halt, PolicyVersion, User
from governance.people.incidents import incidents_seen_by, seen_sql
from suggestions.models import visible_sql

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
    "/governance/access/": (
        lambda user: AccessReview.objects.unfinished(),
        "review is not signed yet",
        "reviews are not signed yet",
    ),
    "/governance/halts/": (lambda user: Halt.objects.on(), "is on", "are on"),
    "/incidents/": (lambda user: incidents_seen_by(user).open(), "is open", "are open"),
}


# Of the reader, as `seen_by` has them.
EXECUTIONS = f"""
SELECT count(*) FROM (
    SELECT FROM execution_execution e JOIN suggestions_proposal p ON p.id = e.proposal_id
     WHERE e.status = 'needs_attention' AND {visible_sql("p")} LIMIT {MOST + 1}) needs_attention
"""
INCIDENTS = f"""
SELECT count(*) FROM (
    SELECT FROM governance_incident i WHERE i.closed_at IS NULL AND {seen_sql("i")} LIMIT {MOST + 1}) is_open
"""


def behind(urls: Iterable[str], user: User) -> dict[str, dict[str, str]]:
    """For each of these addresses where something waits: `waiting`, counted to a limit, and
    `waiting_says`; in one query."""
    counted = [
        _WAITING[url][0](user).order_by().values_list(Value(url, CharField()))[: MOST + 1]
        for url in urls
        if url in _WAITING
    ]
    if not counted:
        return {}
    found = Counter(url for (url,) in counted[0].union(*counted[1:], all=True))
    return {url: in_words(url, count) for url, count in found.items()}


def in_words(url: str, count: int) -> dict[str, str]:
    """What is said of so many behind this address; nothing of none."""
    if not count:
        return {}
    _, one, several = _WAITING[url]
    return {
        "waiting": f"{MOST}+" if count > MOST else str(count),
        "waiting_says": one if count == 1 else several,
    }
