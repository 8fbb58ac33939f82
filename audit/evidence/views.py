"""The auditor's page."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.evidence.export import FORMATS, download, export
from audit.evidence.rows import row_of, url_if_there
from audit.ground.refusals import Invalid
from audit.log.event_types import EVENT_TYPES
from audit.log.in_words import grouped, is_refusal
from audit.log.read import LARGEST_ID, NAMES, Filters, Page, actions, actors, page


@login_required
@permission_required("audit.view_event", raise_exception=True)
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """The log, newest first, in pages of the same cost however long it is."""
    asked = {name: request.GET[name] for name in NAMES if request.GET.get(name)}
    try:
        filters, problem = Filters.read(asked), ""
        found = page(filters, before=_number(request, "before"), after=_number(request, "after"))
    except Invalid as refusal:
        found, problem = Page([], None, None), " ".join(error["detail"] for error in refusal.errors)
    rows = [row_of(event) for event in found.events]
    context: dict[str, Any] = {
        "events": rows,
        "lines": _folded(rows, fold=not is_refusal(asked.get("type", ""))),
        "filters": {**asked, "active": bool(asked)},
        "filter_error": problem,
        "event_types": grouped(sorted({*EVENT_TYPES, *_exact(asked.get("type", ""))})),
        "actors": _with(actors(), asked.get("actor", "")),
        "actions": _with(actions(), asked.get("action", "")),
        "next_url": _url(asked, before=found.older),
        "next_label": "Older",
        "previous_url": _url(asked, after=found.newer),
        "previous_label": "Newer",
        "bundle_url": f"{url_if_there('bundles:form')}?{urlencode(asked)}",
        **{f"export_{name}_url": _export_url(name, asked) for name in FORMATS},
    }
    return render(request, "audit/evidence/events.html", context, status=400 if problem else 200)


@login_required
@permission_required("audit.export_event", raise_exception=True)
@require_safe
def export_events(request: HttpRequest) -> HttpResponseBase:
    """What the page shows, all of it, as a file."""
    wanted = request.GET.get("format", "")
    try:
        filters = Filters.read(request.GET)
    except Invalid:
        return HttpResponseBadRequest("A filter is not as it must be.", content_type="text/plain")
    if wanted not in FORMATS:
        return HttpResponseBadRequest("format is jsonl or csv.", content_type="text/plain")
    return download(wanted, export(wanted, filters, actor=actor_of(request)))


def _exact(type: str) -> set[str]:
    """The type that is asked for, where it names one: it stays among the choices though no event has it."""
    return {type} if "." in type and not type.endswith(".") else set()


def _with(names: list[str], chosen: str) -> list[str]:
    return sorted({*names, chosen} - {""}, key=str.casefold)


def _folded(rows: list[dict[str, Any]], *, fold: bool) -> list[dict[str, Any]]:
    """The rows, with refusals that follow each other as one line that can be unfolded."""
    lines: list[dict[str, Any]] = []
    for refused, those in groupby(rows, key=lambda row: fold and is_refusal(row["type"])):
        several = list(those)
        if refused and len(several) > 1:
            who = sorted({row["actor"] for row in several}, key=str.casefold)
            lines.append({"refusals": several, "from": several[-1]["at"], "to": several[0]["at"], "who": who})
        else:
            lines += [{"event": row} for row in several]
    return lines


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    found = whole(text, most=LARGEST_ID)
    if found is None:
        raise Invalid.field(f"?{name}", f"{name} must be the number of an event.")
    return found


def _url(asked: dict[str, str], **place: int | None) -> str:
    given = {name: value for name, value in place.items() if value is not None}
    return f"?{urlencode({**asked, **given})}" if given else ""


def _export_url(format: str, asked: dict[str, str]) -> str:
    return f"{reverse('audit:export')}?{urlencode({'format': format, **asked})}"
