"""Signing a review of access takes a log-in of just now: a session that was left open signs for nobody."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from approvals.desk import confirm
from governance.access import review_views


@login_required
@permission_required("governance.sign_accessreview", raise_exception=True)
@require_POST
def sign_access_review(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """Sign as the second person, or go and confirm first that it is oneself."""
    confirmed = confirm.confirmed(request)
    if confirmed.fresh:
        return review_views.signed(request, review_id)
    messages.info(request, "Confirm that it is you, then sign.")
    back = reverse("governance:access-review", args=[review_id])
    return redirect(f"{confirmed.url}?{urlencode({'next': back})}")
