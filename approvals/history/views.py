"""What was decided, as a page and as a file."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponse, HttpResponseBadRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.detail.edited import in_short_by_proposal
from approvals.history import read as past
from approvals.history.read import OUTCOMES, Filters, Page, Position
from approvals.queue.doors import SignedInRequest, signed_in
from approvals.queue.read import teams_of
from audit.asking.who import actor_of
from audit.evidence.export import download
from audit.ground.figures import span
from audit.ground.refusals import Invalid
from audit.ground.unseen import pieces, shown
from execution.models import Execution
from governance.models import ActionType, Agent, Risk
from suggestions.models import Resolution

MOST_CHOICES = 300
_BY = {"human": "a person", "policy": "the policy", "timer": "nobody in time", "agent": "the agent itself"}


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def history(request: SignedInRequest) -> HttpResponse:
    """Decided proposals, newest first, by filters that stand in the address."""
    filters, trouble = Filters.read(request.GET), ""
    cursor = request.GET.get("cursor", "")
    try:
        before = Position.read(cursor) if cursor else None
        found = past.page(past.ready(filters, request.user), before=before)
    except Invalid as refusal:
        found, trouble = Page([]), " ".join(error["detail"] for error in refusal.errors)
    here = reverse("approvals:history")
    edits = in_short_by_proposal(found.ids) if found.ids else {}
    return render(
        request,
        "approvals/history/history.html",
        {
            "rows": [_row(one, edits) for one in past.told(found.ids)] if found.ids else [],
            "filters": filters,
            "trouble": trouble,
            "choices": _choices(request),
            "looked_far": bool(found.next) and len(found.ids) < past.PAGE,
            "csv_url": reverse("approvals:history-export") + filters.query(),
            "next_url": here + filters.query(cursor=found.next.as_cursor()) if found.next else "",
            "next_label": "Older",
            "previous_url": here + filters.query() if cursor else "",
            "previous_label": "Newest",
        },
        status=400 if trouble else 200,
    )


@login_required
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def export(request: SignedInRequest) -> HttpResponseBase:
    """All that the page would show, as CSV."""
    try:
        found = past.export(Filters.read(request.GET), request.user, actor=actor_of(request))
    except Invalid:
        return HttpResponseBadRequest("A filter is not as it must be.", content_type="text/plain")
    return download("csv", found, name="history")


def _choices(request: SignedInRequest) -> dict[str, Any]:
    return {
        "outcomes": [(outcome, outcome.capitalize()) for outcome in OUTCOMES],
        "by": [(by, _BY[by]) for by in Resolution.By.values],
        "risks": [(label, label.capitalize()) for label in reversed(Risk.labels)],
        "teams": [(team.slug, team.name) for team in teams_of(request.user)],
        "agents": list(Agent.objects.order_by("name").values_list("name", flat=True)[:MOST_CHOICES]),
        "actions": list(
            ActionType.objects.order_by("name").values_list("name", flat=True).distinct()[:MOST_CHOICES]
        ),
    }


def _row(one: dict[str, Any], edits: dict[str, str]) -> dict[str, Any]:
    told = {name: shown(cell) if isinstance(cell, str) else cell for name, cell in one.items()}
    execution = one["execution"]
    return {
        **told,
        "id": one["proposal"],
        "url": reverse("approvals:proposal", args=[one["proposal"]]),
        "by": told["decided_by"] if one["by"] != Resolution.By.TIMER else "nobody in time",
        "sentence": pieces(one["what"]),
        "rank": f"{one['chosen_rank']} of {one['suggestions']}" if one["chosen_rank"] else "",
        "edited": edits.get(one["proposal"], "").removeprefix("edited: ")
        or (told["edited"] or "").replace("_", " "),
        "took": span(one["seconds"]),
        "execution": execution or "",
        "execution_label": Execution.Status(execution).label.capitalize() if execution else "",
    }
