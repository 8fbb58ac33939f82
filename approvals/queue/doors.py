"""The doors of the desk: who may come in, which proposals they may see, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django_htmx.middleware import HtmxDetails

from approvals.queue import read
from approvals.queue.read import Filters
from governance.models import User
from suggestions.models import Proposal

View = Callable[..., HttpResponse]


class SignedInRequest(HttpRequest):
    """A request that came through the doors below."""

    user: User
    htmx: HtmxDetails


def signed_in(view: View) -> View:
    """Part of a page is asked for by a script, which can't follow anybody to the log-in page."""
    to_login = login_required(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=401)
        return to_login(request, *args, **kwargs)

    return guarded


def visible(request: SignedInRequest, proposal_id: UUID) -> Proposal:
    """The proposal, where this person may know of it; else it does not exist for them."""
    known = Proposal.objects.visible_to(request.user).select_related("agent", "team", "resolution")
    return get_object_or_404(known, pk=proposal_id)


def teams_of(request: SignedInRequest) -> list[str]:
    """The slugs of the teams whose proposals this person may see."""
    return [team.slug for team in read.teams_of(request.user)]


def wants(request: SignedInRequest, target: str) -> bool:
    """Is only this part of the page asked for?"""
    htmx = request.htmx
    return bool(htmx) and not htmx.history_restore_request and htmx.target == target


def query_of(request: SignedInRequest) -> str:
    """The list's filters, to be kept in every address."""
    return Filters.read(request.GET).query()
