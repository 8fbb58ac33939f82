"""The page of what was found of effects."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from execution.models import Verdict
from insights.effects.figures import MOST, SPANS, Effects, Filters, page

VERDICTS = (Verdict.VERIFIED, Verdict.UNVERIFIED, Verdict.UNVERIFIABLE, Verdict.MISMATCH)


@login_required
@permission_required("governance.view_autonomy", raise_exception=True)
@require_safe
def effects(request: HttpRequest) -> HttpResponse:
    """Of each agent and action, how much of what was done was seen to be done."""
    filters = Filters.read(request.GET)
    after = (request.GET.get("after_agent", "")[:100], request.GET.get("after_action", "")[:128])
    found = page(filters, after=after)
    kept = filters.query()
    more = {**kept, "after_agent": found.next[0], "after_action": found.next[1]} if found.next else {}
    context = {
        "rows": [_row(row) for row in found.rows],
        "filters": filters,
        "is_filtered": bool(filters.agent or filters.action),
        "most": MOST,
        "tabs": [
            {
                "label": f"{span} days",
                "url": "?" + urlencode({**kept, "days": span}),
                "current": span == filters.days,
            }
            for span in SPANS
        ],
        "next_url": f"?{urlencode(more)}" if more else "",
        "next_label": "More",
        "previous_url": f"?{urlencode(kept)}" if any(after) else "",
        "previous_label": "From the beginning",
    }
    return render(request, "insights/effects/effects.html", context)


def _row(row: Effects) -> dict[str, Any]:
    return {
        "effects": row,
        "incidents_url": f"{reverse('incidents:list')}?{urlencode({'show': '', 'agent': row.agent})}",
        "verdicts": [
            {
                "name": verdict.value,
                "count": getattr(row, verdict.value),
                "percent": f"{row.share_of(verdict).value:.0%}" if row.judged >= 10 else "",
            }
            for verdict in VERDICTS
            if getattr(row, verdict.value)
        ],
        "interval": _interval(row),
    }


def _interval(row: Effects) -> str:
    """Between which bounds the share of what is proved lies, 19 times out of 20."""
    found = row.share_of(Verdict.VERIFIED)
    return f"{found.low:.0%} to {found.high:.0%}" if found.of else ""
