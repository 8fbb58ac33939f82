"""The list of the desk: the rows of a page, its counts and its filters."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.urls import reverse

from approvals.desk.around import Around
from approvals.models import SavedView
from approvals.queue import read, saved_views
from approvals.queue.doors import SignedInRequest
from approvals.queue.filters import MARKS
from approvals.queue.read import Filters, Page, Position, Sort, Waiting
from approvals.queue.rows import rows_of
from audit.ground.refusals import Invalid
from governance.models import Risk, Team


def list_of(request: SignedInRequest, around: Around) -> dict[str, Any]:
    """What `approvals/queue/_list.html` and `_filters.html` draw, of what was asked for before."""
    filters = Filters.read(request.GET)
    teams = read.teams_of(request.user)
    slugs = [team.slug for team in teams]
    page, trouble = _page(request, slugs, filters)
    waiting, views = around.waiting, around.views
    here = reverse("approvals:queue")
    cursor = request.GET.get("cursor", "")
    return {
        "rows": rows_of(page.ids),
        "filters": _choices(teams, filters, waiting, first=any(view.opens_first for view in views)),
        "views": _views(views, filters),
        "orders": _orders(filters),
        "order": filters.order,
        "order_says": filters.order.because,
        "empty": _empty(page, trouble, filters, waiting, teams),
        "me": request.user.pk,
        "counts": _count(page, waiting, slugs, filters),
        "list_url": _with_cursor(here, filters, cursor),
        "queue_url": here + filters.query(),
        "next_url": _with_cursor(here, filters, page.next.as_cursor()) if page.next else None,
        "queue_version": around.version,
        "to_check": around.to_check,
        "second_looks": around.second_looks,
        "by_hand": around.by_hand,
    }


def _page(request: SignedInRequest, teams: list[str], filters: Filters) -> tuple[Page, str]:
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
    if filters.sort and filters.sort not in list(Sort):
        return Page([]), f"There is no order “{filters.sort}”; there are {', '.join(Sort)}."
    return read.page(teams, filters, after=after, me=request.user.pk), ""


def _count(page: Page, waiting: Waiting, teams: list[str], filters: Filters) -> str:
    """How many wait; of what a filter lets through, how many are on this page, unless it is rare."""
    if page.size is not None:
        return f"{page.size:,}{'+' if page.size >= read.LOOK_AT else ''}"
    if filters.narrow:
        return f"{len(page.ids)}{'+' if page.next else ''}"
    return waiting.count_of([team for team in teams if filters.team in ("", team)])


def _with_cursor(address: str, filters: Filters, cursor: str) -> str:
    query = QueryDict(filters.query().lstrip("?"), mutable=True)
    if cursor:
        query["cursor"] = cursor
    return f"{address}?{query.urlencode()}" if query else address


def _empty(
    page: Page, trouble: str, filters: Filters, waiting: Waiting, teams: list[Team]
) -> dict[str, Any] | None:
    """Why there is nothing to see, and what to do about it."""
    if page.ids:
        return None
    others = sum(waiting.teams.values()) if filters.mine or filters.one_more or filters.soon else 0
    if trouble:
        kind = "trouble"
    elif page.next:
        kind = "further"
    elif filters.mine and filters.active == 1 and not filters.q and others:
        kind = "not_mine"
    elif filters.active or filters.q:
        kind = "nothing_matches"
    else:
        kind = "nothing" if teams else "no_team"
    return {"kind": kind, "trouble": trouble, "others": waiting.count_of([team.slug for team in teams])}


def _views(views: list[SavedView], filters: Filters) -> dict[str, Any]:
    """What somebody saved, as links; which of them is shown now, and what can be saved."""
    here, now = reverse("approvals:queue"), filters.query()
    links = [{"view": view, "url": here + view.query, "current": _same(view, filters)} for view in views]
    current = next((link["view"] for link in links if link["current"]), None)
    return {"links": links, "current": current, "query": now, "can_save": bool(now) or bool(views)}


def _same(view: SavedView, filters: Filters) -> bool:
    return saved_views.filters_of(view).query(every="") == filters.query(every="")


def _orders(filters: Filters) -> list[dict[str, Any]]:
    here = reverse("approvals:queue")
    return [
        {
            "value": str(sort),
            "label": sort.in_words.capitalize(),
            "current": sort is filters.order,
            "url": here + filters.query(sort="" if sort is Sort.PRIORITY else sort),
        }
        for sort in Sort
    ]


def _choices(teams: list[Team], filters: Filters, waiting: Waiting, *, first: bool) -> dict[str, Any]:
    """The filters as links: each leads to the list with it, the current one to the list without.

    `first`: one of this person's views opens first, so that "everything" has to be said aloud.
    """
    here = reverse("approvals:queue")
    every = "1" if first else ""

    def toggle(name: str, value: str) -> dict[str, Any]:
        current = getattr(filters, name) == value
        return {
            "value": value,
            "label": value,
            "current": current,
            "url": here + filters.query(**{"every": every, name: "" if current else value}),
        }

    return {
        "query": filters.q,
        "action": here,
        "active_count": filters.active,
        "every": filters.every,
        "clear_url": here + Filters(every=every).query(),
        "sort": filters.sort,
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
        "marks": [{**toggle(name, "1"), "name": name, "label": label} for name, label in MARKS.items()],
        "risks": [{**toggle("risk", label), "label": label.capitalize()} for label in reversed(Risk.labels)],
        "agents": [toggle("agent", name) for name in _with(waiting.agents, filters.agent)],
        "actions": [toggle("action", name) for name in _with(waiting.actions, filters.action)],
    }


def _with(values: list[str], current: str) -> list[str]:
    return sorted({*values, current} - {""})
