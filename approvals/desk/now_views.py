"""What is there now, asked for by an open page until it is known."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.looking.part import now_of
from approvals.queue.doors import SignedInRequest, signed_in, visible
from audit.asking.parameters import whole

MOST_VERSIONS = 50


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def now(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """The part of one suggestion (`rank`) as far as it is known; `tried` is how often the page has asked."""
    proposal = visible(request, proposal_id)
    rank = whole(request.GET.get("rank", ""), most=1_000)
    tried = whole(request.GET.get("tried", ""), most=1_000) or 0
    versions = [whole(one, most=1_000) for one in request.GET.getlist("also")[:MOST_VERSIONS]]
    suggestions = list(proposal.suggestions.select_related("action_type").order_by("rank"))
    if rank not in {s.rank for s in suggestions}:
        raise Http404
    also = [(version, rank) for version in versions if version and rank]
    found = now_of(proposal, [s for s in suggestions if s.rank == rank], also=also, tried=tried)
    part = found.get(rank or 0)
    if part is None:  # it was answered meanwhile, and the page is drawn anew
        return HttpResponse(status=204)
    return render(request, "approvals/looking/_now.html", {"now": part})
