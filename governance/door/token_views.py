"""A person's own API tokens: what their programs show to the API."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from audit.asking.who import actor_of
from governance.door import keys
from governance.door.secret_forms import LASTING, OVERLAPS, asked_key, asked_overlap, row_of, shown_once
from governance.models import ApiToken

SHOWN = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens of whoever asks; a new one is shown on the page that answers, and nowhere else."""
    problem = ""
    if request.method == "POST":
        try:
            token = keys.issue_token(_person(request), actor=actor_of(request), **asked_key(request))
            return shown_once(request, token, of="you", back=reverse("tokens"))
        except keys.SecretRefused as refusal:
            problem = refusal.detail
    own = keys.newest_first(ApiToken.objects.filter(user=_person(request)))
    context = {
        "tokens": [row_of(token) for token in own[:SHOWN]],
        "lasting": LASTING,
        "overlaps": OVERLAPS,
        "problem": problem,
        "name": request.POST.get("name", ""),
    }
    return render(request, "governance/door/tokens.html", context, status=422 if problem else 200)


@login_required
@require_POST
def rotate_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """A new token in place of this one, which works for a while longer."""
    token = _own(request, token_id)
    try:
        new = keys.rotate(token, actor=actor_of(request), overlap=asked_overlap(request))
    except keys.SecretRefused as refusal:
        messages.error(request, refusal.detail)
        return redirect("tokens")
    token.refresh_from_db()
    return shown_once(request, new, of="you", back=reverse("tokens"), old=token)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """From now on this token opens nothing."""
    token = _own(request, token_id)
    if keys.revoke(token, actor=actor_of(request)):
        messages.success(request, f"The token {token.prefix}… is revoked.")
    else:
        messages.info(request, f"The token {token.prefix}… had been revoked before.")
    return redirect("tokens")


def _own(request: HttpRequest, token_id: int) -> ApiToken:
    """One of the asker's; those of others are not there."""
    return get_object_or_404(ApiToken, pk=token_id, user=_person(request))


def _person(request: HttpRequest) -> Any:
    return request.user
