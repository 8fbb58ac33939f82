"""The page of who has what, and the same as a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit.asking.who import actor_of
from audit.evidence.export import download
from audit.ground.refusals import Invalid
from governance.access import grants, reviews
from governance.access.grants import Filters, Kind, Position
from governance.models import Team, User
from governance.people.giving import SUPERUSER

MOST_TEAMS = 300
SEES = permission_required("governance.view_accessreview", raise_exception=True)


@login_required
@SEES
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Who has what: since when, given by whom, last used."""
    filters, trouble, after = Filters(), "", Position.read(request.GET.get("after", ""))
    try:
        filters = Filters.read(request.GET)
    except Invalid as refusal:
        trouble = refusal.errors[0]["detail"]
    rows, has_more = grants.page(filters, after=after)
    asked = filters.as_query()
    context = {
        "grants": reviews.rows_of(rows),
        "filters": filters,
        "trouble": trouble,
        "is_filtered": bool(asked),
        "review": reviews.unfinished(),
        "csv_url": _address("governance:export-access", asked),
        "next_url": _next(rows[-1], asked) if has_more else "",
        "next_label": "More",
        "previous_url": f"?{urlencode(asked)}" if after else "",
        "previous_label": "First",
        **_choices(),
    }
    return render(request, "governance/access/access.html", context, status=400 if trouble else 200)


@login_required
@SEES
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """All that the page would show, as CSV."""
    try:
        found = grants.export(Filters.read(request.GET), actor=actor_of(request))
    except Invalid:
        return HttpResponseBadRequest("A filter is not as it must be.", content_type="text/plain")
    return download("csv", found, name="access")


def _choices() -> dict[str, Any]:
    return {
        "kinds": [(kind.value, kind.label.capitalize()) for kind in Kind],
        "roles": [*User.Roles.values, SUPERUSER],
        "teams": Team.objects.order_by("name")[:MOST_TEAMS],
    }


def _next(last: grants.Grant, asked: dict[str, str]) -> str:
    return f"?{urlencode({**asked, 'after': Position.of(last).as_text()})}"


def _address(name: str, asked: dict[str, str]) -> str:
    return f"{reverse(name)}?{urlencode(asked)}" if asked else reverse(name)
