"""The beat of an open proposal: it is on somebody's screen, and so long."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from approvals.attention import looks, seen
from approvals.queue.doors import SignedInRequest, signed_in, visible
from audit.asking.parameters import whole
from governance.door.deciders import DECIDES


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def look(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Note that it is on the screen for `seconds` more, and answer who else has it there."""
    proposal = visible(request, proposal_id)
    said = request.POST
    leaves = said.get("leaves") == "true"
    looks.look(
        proposal.pk,
        user=request.user,
        seconds=whole(said.get("seconds", ""), most=10**8) or 0,
        all_shown=said.get("all_shown") == "true",
        leaves=leaves,
        page=said.get("page", ""),
    )
    if leaves:
        return HttpResponse(status=204)
    return render(
        request, "approvals/detail/_present.html", {"present": seen.present(proposal, request.user)}
    )
