"""The page on which an auditor asks for a bundle."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.asking.who import actor_of
from audit.evidence.export import attachment
from audit.ground.actors import Actor
from audit.ground.refusals import Invalid
from audit.log.read import NAMES, actions, actors
from audit.models import Checkpoint
from insights.bundles import ask
from insights.bundles.pack import bundle


@login_required
@permission_required("audit.export_event", raise_exception=True)
@require_safe
def form(request: HttpRequest) -> HttpResponse:
    """Asks which entries go into a bundle."""
    return _form(request)


@login_required
@permission_required("audit.export_event", raise_exception=True)
@require_safe
def download(request: HttpRequest) -> HttpResponseBase:
    """The bundle as a file; the form once more where something is wrong with what was asked for."""
    try:
        asked = ask.read(request.GET)
    except Invalid as refusal:
        return _form(request, " ".join(error["detail"] for error in refusal.errors))
    return sent(asked, actor=actor_of(request))


def sent(asked: ask.Wanted, *, actor: Actor) -> StreamingHttpResponse:
    """The bundle that is asked for, sent while it is made."""
    pieces = bundle(asked.filters, asked.checkpoint, old=asked.old, actor=actor)
    return attachment(pieces, "application/zip", f"evidence-{asked.checkpoint.size}.zip")


def _form(request: HttpRequest, refusal: str = "") -> HttpResponse:
    """With what was asked for, which stays."""
    context: dict[str, Any] = {
        "filters": {name: request.GET.get(name, "") for name in (*NAMES, "old")},
        "refusal": refusal,
        "actors": sorted(actors(), key=str.casefold),
        "actions": sorted(actions(), key=str.casefold),
        "is_signed": Checkpoint.objects.exists(),
    }
    return render(request, "insights/bundles/form.html", context, status=400 if refusal else 200)
