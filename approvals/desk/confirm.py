"""Proving once more who one is, on the way to approving: there, and back with everything typed kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from approvals.deciding.step_up import Proof, StepUpNeeded, latest, second_factors_of
from approvals.queue.doors import SignedInRequest, query_of
from audit.asking.who import methods_of

_KEPT = "decision_kept"
LONGEST_KEPT = 64 * 1024


def proof_of(request: HttpRequest) -> Proof:
    """How this session was proved to be its person's, and the key figure that the form brings."""
    return Proof(ages_of(request), request.POST.get("key_figure", "")[:200])


def ages_of(request: HttpRequest) -> dict[str, float]:
    """Seconds since each method was last used in this session."""
    now = time.time()  # as allauth writes the moments down: one clock, of the web processes
    ages: dict[str, float] = {}
    for method, at in methods_of(request.session, request.user):
        ages[method] = min(ages.get(method, float("inf")), max(0.0, now - at))
    return ages


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Whether this session may approve what is critical, and where to prove that."""

    fresh: bool
    second_factor: bool
    url: str


def confirmed(request: HttpRequest) -> Confirmed:
    """How fresh this session is."""
    user: Any = request.user
    enrolled = second_factors_of(user)
    second = bool(enrolled) or settings.REQUIRE_SECOND_FACTOR
    _, age = latest(ages_of(request), second=second)
    return Confirmed(
        fresh=age is not None and age <= settings.STEP_UP_SECONDS,
        second_factor=second,
        url=reverse(_door(second, enrolled)),
    )


def _door(second: bool, enrolled: set[str]) -> str:
    """Where one confirms; where a second factor is wanted and there is none, where one gets it."""
    if not second:
        return "account_reauthenticate"
    if not enrolled:
        return "mfa_index"
    return "mfa_reauthenticate" if "totp" in enrolled else "mfa_reauthenticate_webauthn"


def is_needed(refusal: Exception) -> bool:
    """Is it the log-in that is missing, and not only the key figure?"""
    return isinstance(refusal, StepUpNeeded) and refusal.missing != ["key_figure"]


def go(request: SignedInRequest, proposal_id: UUID, *, back: str = "") -> HttpResponse:
    """To the page where one confirms that it is oneself, and from there to `back`, or the proposal."""
    fields = fields_of(request)
    if sum(map(len, fields.values())) <= LONGEST_KEPT:
        request.session[_KEPT] = {"proposal": str(proposal_id), "fields": fields}
    query = {"next": back or reverse("approvals:proposal", args=[proposal_id]) + query_of(request)}
    address = f"{confirmed(request).url}?{urlencode(query)}"
    if request.htmx:
        return HttpResponseClientRedirect(address)
    response = redirect(address)
    response.status_code = 303
    return response


def kept(request: SignedInRequest, proposal_id: UUID) -> Mapping[str, str]:
    """What was typed before somebody went to confirm; once, on the first page of that proposal."""
    found = request.session.get(_KEPT)
    if not found or found["proposal"] != str(proposal_id):
        return {}
    del request.session[_KEPT]
    fields: dict[str, str] = found["fields"]
    return fields


def fields_of(request: HttpRequest) -> dict[str, str]:
    """Everything that a form brought, save what is ours."""
    ours = ("csrfmiddlewaretoken", "version")
    return {name: str(request.POST[name]) for name in request.POST if name not in ours}
