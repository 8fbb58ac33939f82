"""What the pages of keys and of tokens share: reading their forms, and showing a secret once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables

from governance.door.keys import OVERLAP, SecretRefused
from governance.models import AgentKey, ApiToken

LASTING = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked"))
OVERLAPS = (("0", "not at all"), ("1", "an hour"), ("24", "a day"), ("168", "a week"))


def asked_key(request: HttpRequest) -> dict[str, Any]:
    """`name` and `lasts` of a new key. Raises `SecretRefused`."""
    days = request.POST.get("lasts", "90")
    if days not in dict(LASTING):
        raise SecretRefused("lasts", "Choose how long it lasts.")
    return {
        "name": request.POST.get("name", "").strip(),
        "lasts": timedelta(days=int(days)) if days else None,
    }


def asked_overlap(request: HttpRequest) -> timedelta:
    """How long the old one goes on to work. Raises `SecretRefused`."""
    hours = request.POST.get("overlap", str(OVERLAP // timedelta(hours=1)))
    if hours not in dict(OVERLAPS):
        raise SecretRefused("overlap", "Choose how long the old one still works.")
    return timedelta(hours=int(hours))


def row_of(secret: Any) -> dict[str, Any]:
    """One line of a table of keys, from `keys.newest_first`; never the secret itself."""
    return {
        "id": secret.pk,
        "prefix": secret.prefix,
        "name": secret.name,
        "state": secret.state,
        "live": secret.state == "live",
        "created": secret.created_at,
        "last_used": secret.last_used_at,
        "expires": secret.expires_at,
        "ends_soon": secret.ends_soon,
        "forgotten": secret.forgotten,
    }


@sensitive_variables("secret")
def shown_once(
    request: HttpRequest, secret: str, *, of: str, back: str, old: AgentKey | ApiToken | None = None
) -> HttpResponse:
    """The page that shows a new secret; no browser, proxy or session keeps it."""
    context = {"secret": secret, "of": of, "back": back, "old": old}
    response = render(request, "governance/door/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
