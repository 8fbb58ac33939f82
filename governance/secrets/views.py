"""The pages of secrets: which there are, writing them, and who may use them. None shows a value."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.secrets import keep, read

PAGE = 50
FIELD = "secret"  # of a form, for the value; named so, it is in no page that keeps what was sent
SEES = permission_required("governance.view_secret", raise_exception=True)
CHANGES = permission_required("governance.change_secret", raise_exception=True)


@login_required
@SEES
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Which secrets there are, who may use them and who does."""
    asked, after = request.GET.get("q", "").strip()[:64], request.GET.get("after", "")[:64]
    rows, has_more = read.page(asked=asked, after=after, size=PAGE)
    kept = {"q": asked} if asked else {}
    context = {
        "secrets": rows,
        "q": asked,
        "next_url": f"?{urlencode({**kept, 'after': rows[-1].secret.name})}" if has_more else "",
        "next_label": "More",
        "previous_url": f"?{urlencode(kept)}" if after else "",
        "previous_label": "First",
    }
    return render(request, "governance/secrets/secrets.html", context)


@login_required
@CHANGES
@sensitive_post_parameters(FIELD)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Write a secret; its value is not shown again, not even after a mistake."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            secret = keep.write(
                request.POST.get("name", "").strip(),
                request.POST.get(FIELD, ""),
                description=request.POST.get("description", ""),
                granted_to=_granted(request),
                by=_person(request),
                actor=actor_of(request),
            )
        except keep.NameTaken as refusal:
            errors = {"name": refusal.detail}
        except Invalid as refusal:
            errors = _by_field(refusal)
        else:
            messages.success(request, f"The secret {secret.name} is written. Nobody can read it here again.")
            return redirect("governance:secret", secret.name)
    context = {
        "errors": errors,
        "name": request.POST.get("name", ""),
        "description": request.POST.get("description", ""),
        "granted_to": request.POST.get("granted_to", ""),
    }
    return render(request, "governance/secrets/new_secret.html", context, status=422 if errors else 200)


@login_required
@SEES
@require_safe
def one(request: HttpRequest, secret: str) -> HttpResponse:
    """A secret: what it is for, who may use it, where it was used."""
    return _page(request, _found(secret))


@login_required
@CHANGES
@sensitive_post_parameters(FIELD)
@require_POST
def replace(request: HttpRequest, secret: str) -> HttpResponse:
    """Another value in the place of this one."""
    known = _found(secret)
    try:
        value = request.POST.get(FIELD, "")
        keep.replace(known.secret, value, by=_person(request), actor=actor_of(request))
    except keep.Gone as refusal:
        raise Http404 from refusal
    except Invalid as refusal:
        return _page(request, known, errors=_by_field(refusal))
    messages.success(request, f"The secret {secret} has another value. Calls use it within seconds.")
    return redirect("governance:secret", secret)


@login_required
@CHANGES
@require_POST
def grant(request: HttpRequest, secret: str) -> HttpResponse:
    """Say which action types may use it."""
    known = _found(secret)
    try:
        keep.grant(known.secret, _granted(request), actor=actor_of(request))
    except keep.Gone as refusal:
        raise Http404 from refusal
    except Invalid as refusal:
        typed = request.POST.get("granted_to", "")
        return _page(request, known, errors=_by_field(refusal), granted_to=typed)
    messages.success(request, f"It is said who may use {secret}. It counts within seconds.")
    return redirect("governance:secret", secret)


@login_required
@CHANGES
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, secret: str) -> HttpResponse:
    """Forget it for good, once it is known who uses it."""
    known, refused = _found(secret), ""
    if request.method == "POST":
        try:
            although_used = request.POST.get("although_used") == "yes"
            keep.delete(known.secret, although_used=although_used, actor=actor_of(request))
        except keep.Gone as refusal:
            raise Http404 from refusal
        except keep.StillUsed as refusal:
            refused = refusal.detail
        else:
            messages.success(request, f"The secret {secret} is deleted.")
            return redirect("governance:secrets")
    context = {"known": known, "refused": refused}
    return render(request, "governance/secrets/delete_secret.html", context, status=409 if refused else 200)


def _page(
    request: HttpRequest,
    known: read.Known,
    *,
    errors: dict[str, str] | None = None,
    granted_to: str | None = None,
) -> HttpResponse:
    granted = known.secret.granted_to
    absent = read.not_there_yet(granted)
    context = {
        "known": known,
        "secret": known.secret,
        "uses": read.uses(known.secret),
        "granted": [{"name": name, "is_there": name not in absent} for name in granted],
        "granted_to": "\n".join(granted) if granted_to is None else granted_to,
        "errors": errors or {},
    }
    return render(request, "governance/secrets/secret.html", context, status=422 if errors else 200)


def _found(name: str) -> read.Known:
    known = read.one(name)
    if known is None:
        raise Http404
    return known


def _granted(request: HttpRequest) -> list[str]:
    """Names of action types, one on each line or with commas in between."""
    return request.POST.get("granted_to", "").replace(",", "\n").split("\n")


def _by_field(refusal: Invalid) -> dict[str, str]:
    return {error["pointer"].removeprefix("/"): error["detail"] for error in refusal.errors}


def _person(request: HttpRequest) -> Any:
    return request.user
