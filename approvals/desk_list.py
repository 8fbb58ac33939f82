"""The list of the desk: the rows of a page, its counts and its filters."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.urls import reverse

from approvals import queries, samples
from approvals.doors import Asked
from approvals.queries import Filters, Page, Position, Waiting
from approvals.rows import rows_of
from audit.refusals import Invalid
from governance.models import Risk, Team


def list_of(request: Asked) -> dict[str, Any]:
    """What `approvals/_list.html` and `_filters.html` draw."""
    # Asked first: a change that happens meanwhile makes the page look again, never miss it.
    version = queries.version()
    filters = Filters.read(request.GET)
    teams = queries.teams_of(request.user)
    slugs = [team.slug for team in teams]
    page, trouble = _page(request, slugs, filters)
    waiting = queries.waiting(slugs)
    here = reverse("approvals:queue")
    cursor = request.GET.get("cursor", "")
    return {
        "rows": rows_of(page.ids),
        "filters": _choices(teams, filters, waiting),
        "counts": _count(page, waiting, slugs, filters),
        "trouble": trouble,
        "list_url": _with_cursor(here, filters, cursor),
        "queue_url": here + filters.query(),
        "next_url": _with_cursor(here, filters, page.next.as_cursor()) if page.next else None,
        "queue_version": version,
        "to_check": samples.how_many_wait(slugs),
    }


def _page(request: Asked, teams: list[str], filters: Filters) -> tuple[Page, str]:
    """The rows asked for; and in words why there can't be any, where a value means nothing."""
    try:
        cursor = request.GET.get("cursor", "")
        after = Position.read(cursor) if cursor else None
    except Invalid as refusal:
        return Page([]), refusal.errors[0]["detail"]
    if filters.team and filters.team not in teams:
        return Page([]), f"There is no team “{filters.team}” that you could see the proposals of."
    if filters.risk and filters.risk not in Risk.labels:
        return Page([]), f"“{filters.risk}” is no risk; there are {', '.join(Risk.labels)}."
    return queries.page(teams, filters, after=after), ""


def _count(page: Page, waiting: Waiting, teams: list[str], filters: Filters) -> str:
    """How many wait: what a narrow filter lets through is counted on this page alone."""
    if filters.narrow:
        return f"{len(page.ids)}{'+' if page.next else ''}"
    return waiting.count_of([team for team in teams if filters.team in ("", team)])


def _with_cursor(address: str, filters: Filters, cursor: str) -> str:
    query = QueryDict(filters.query().lstrip("?"), mutable=True)
    if cursor:
        query["cursor"] = cursor
    return f"{address}?{query.urlencode()}" if query else address


def _choices(teams: list[Team], filters: Filters, waiting: Waiting) -> dict[str, Any]:
    """The filters as links: each leads to the list with it, the current one to the list without."""
    here = reverse("approvals:queue")

    def toggle(name: str, value: str) -> dict[str, Any]:
        current = getattr(filters, name) == value
        return {
            "value": value,
            "label": value,
            "current": current,
            "url": here + filters.query(**{name: "" if current else value}),
        }

    return {
        "query": filters.q,
        "action": here,
        "active_count": filters.active,
        "clear_url": here,
        "teams": [
            {
                **toggle("team", team.slug),
                "slug": team.slug,
                "name": team.name,
                "count": waiting.count_of([team.slug]),
            }
            for team in teams
            if len(teams) > 1
        ],
        "risks": [{**toggle("risk", label), "label": label.capitalize()} for label in reversed(Risk.labels)],
        "agents": [toggle("agent", name) for name in _with(waiting.agents, filters.agent)],
        "actions": [toggle("action", name) for name in _with(waiting.actions, filters.action)],
    }


def _with(values: list[str], current: str) -> list[str]:
    return sorted({*values, current} - {""})
