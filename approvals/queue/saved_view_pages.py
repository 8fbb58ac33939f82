"""Naming the present filters, and what can be done with a view afterwards."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from approvals.models import SavedView
from approvals.queue import saved_views
from approvals.queue.doors import SignedInRequest, signed_in
from approvals.queue.filters import Filters
from audit.ground.refusals import Invalid


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_POST
def save(request: SignedInRequest) -> HttpResponse:
    """Name what is shown now."""
    filters = Filters.read(QueryDict(request.POST.get("query", "").lstrip("?")[:2_000]).dict())  # type: ignore[arg-type]
    try:
        view = saved_views.save(
            request.POST.get("name", ""),
            filters=filters,
            user=request.user,
            opens_first="opens_first" in request.POST,
        )
    except Invalid as refusal:
        messages.error(request, refusal.errors[0]["detail"])
        return redirect(reverse("approvals:queue") + (filters.query() or saved_views.EVERYTHING))
    messages.success(request, f"Saved as “{view.name}”.")
    return redirect(reverse("approvals:queue") + view.query)


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_POST
def change(request: SignedInRequest, view_id: UUID) -> HttpResponse:
    """Rename it, let it open first or not, or delete it."""
    view = get_object_or_404(SavedView.objects.select_related("user"), pk=view_id, user=request.user)
    back = reverse("approvals:queue") + view.query
    if request.POST.get("do") == "delete":
        view.delete()
        messages.success(request, f"Deleted the view “{view.name}”.")
        return redirect(back)
    try:
        saved_views.rename(view, request.POST.get("name", ""))
        saved_views.open_first(view, on="opens_first" in request.POST)
    except SavedView.DoesNotExist:
        raise Http404 from None  # deleted meanwhile, in another tab
    except Invalid as refusal:
        messages.error(request, refusal.errors[0]["detail"])
    else:
        messages.success(request, f"Saved “{view.name}”.")
    return redirect(back)
