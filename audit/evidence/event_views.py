"""One event with what proves it, and the checkpoints that were signed."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit.asking.parameters import whole
from audit.evidence.rows import row_of
from audit.models import Checkpoint, CheckpointCopy, Event
from audit.sealing import checkpoints, stored
from audit.sealing.keys import public_keys
from audit.sealing.lag import lag
from audit.sealing.origin import origin_in_use

PAGE = 50
LARGEST = 2**63 - 1


@login_required
@permission_required("audit.view_event", raise_exception=True)
@require_safe
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """An event by its number: every word of it, its place, and what proves that."""
    found = get_object_or_404(Event, pk=event_id)
    place = stored.place_of(found.pk)
    context = {
        "event": row_of(found),
        "place": place,
        "proof": None if place is None else _proof(found, place),
        "keys": _keys(),
    }
    return render(request, "audit/evidence/event.html", context)


@login_required
@permission_required("audit.view_event", raise_exception=True)
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The checkpoints, newest first, and how far the newest is behind the log."""
    before = whole(request.GET.get("before", ""), least=1, most=LARGEST)
    rows = Checkpoint.objects.filter(size__lt=before) if before else Checkpoint.objects.all()
    found = list(rows.order_by("-size")[: PAGE + 1])
    seconds, entries = lag()
    context = {
        "checkpoints": [_checkpoint(one) for one in found[:PAGE]],
        "next_url": f"?before={found[PAGE - 1].size}" if len(found) > PAGE else "",
        "next_label": "Older",
        "previous_url": reverse("audit:checkpoints") if before else "",
        "previous_label": "Newest",
        "copies": CheckpointCopy.objects.all(),
        "seconds": int(seconds),
        "entries": entries,
        "keys": _keys(),
        "is_derived": not settings.AUDIT_SIGNING_KEYS,
    }
    return render(request, "audit/evidence/checkpoints.html", context)


@login_required
@permission_required("audit.view_event", raise_exception=True)
@require_safe
def checkpoint(request: HttpRequest, size: int) -> HttpResponse:
    """A checkpoint as a file, to be kept elsewhere."""
    found = get_object_or_404(Checkpoint, size=size)
    headers = {"Content-Disposition": f'attachment; filename="checkpoint-{size}.txt"'}
    note = checkpoints.cosigned(found)
    return HttpResponse(note, content_type="text/plain; charset=utf-8", headers=headers)


def _proof(event: Event, place: int) -> dict[str, Any] | None:
    """What the script on the page checks; None while no checkpoint covers the event."""
    try:
        newest = checkpoints.newest()
    except checkpoints.NoCheckpoint:
        return None
    if place >= newest.size:
        return None
    hashes = checkpoints.proof_of(place, newest.size)
    return {
        "body": event.body,
        "leaf_index": place,
        "size": newest.size,
        "hashes": [b64encode(one).decode() for one in hashes],
        "checkpoint": newest.note,
    }


def _checkpoint(found: Checkpoint) -> dict[str, Any]:
    return {"size": found.size, "root": bytes(found.root).hex(), "at": found.at}


def _keys() -> list[str]:
    return [key.vkey for key in public_keys(origin_in_use())]
