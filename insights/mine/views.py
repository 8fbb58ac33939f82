"""The page of one's own figures, and a strip of them. There is no way to ask for another's."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.ground.wilson import Share
from governance.door.deciders import DECIDES
from governance.models import User
from insights.mine.figures import SPANS, Figures, figures_of


@login_required
@permission_required(DECIDES, raise_exception=True)
@require_safe
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    """Checks, agreement, pace: over a week, a month or three."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, SPANS) else 30
    figures = figures_of(cast(User, request.user), days)
    tabs = [{"label": f"{span} days", "url": f"?days={span}", "current": span == days} for span in SPANS]
    context = {"figures": figures, "tabs": tabs, "shares": _shares(figures)}
    return render(request, "insights/mine/figures.html", context)


@login_required
@permission_required(DECIDES, raise_exception=True)
@require_safe
@never_cache
def strip(request: HttpRequest) -> HttpResponse:
    """The same of the last week in a line."""
    figures = figures_of(cast(User, request.user), SPANS[0])
    return render(request, "insights/mine/_strip.html", {"figures": figures, "shares": _shares(figures)})


def _shares(figures: Figures) -> dict[str, dict[str, Any]]:
    names = ("approved", "first_ranked", "overturned", "caught", "false_alarms", "agreed")
    return {name: _shown(getattr(figures, name)) for name in names}


def _shown(found: Share) -> dict[str, Any]:
    """For `suggestions/trying/_share.html`; few are a count alone, for their share would say too much."""
    if found.value is None:
        return {"of": 0}
    return {
        "of": found.of,
        "count": f"{found.count} of {found.of}",
        "percent": f"{found.value:.0%}" if found.of >= 10 else "",
        "interval": f"{found.low:.0%} to {found.high:.0%}",
    }
