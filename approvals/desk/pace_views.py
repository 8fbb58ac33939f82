"""Putting the quiet word about pace away."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from approvals.attention import pace
from approvals.queue.doors import SignedInRequest, signed_in
from governance.door.deciders import DECIDES


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def put_away(request: SignedInRequest) -> HttpResponse:
    """No more of this run; a preference of one's own, for as long as one is signed in."""
    pace.put_away(request.POST.get("run", ""), request.session)
    return HttpResponse() if request.htmx else redirect("approvals:queue")
