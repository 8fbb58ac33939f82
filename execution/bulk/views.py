"""Bulk retries on pages: what would be done, doing it, watching, stopping and letting it go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.figures import span
from audit.ground.ids import read_uuid, uuid7
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import pieces, shown
from execution.bulk import read, start
from execution.bulk.choosing import WHY, Chosen, Preview, choices, preview, seconds_for
from execution.models import BulkRetry
from governance.models import User

VIEWS, ATTENDS = "execution.view_execution", "execution.attend_execution"
PAGE = 30
LONGEST = {"action": 128, "agent": 100, "route": 300, "text": 200, "since": 40, "rate": 10}
STATUS = BulkRetry.Status


# --- Before it ------------------------------------------------------------------------------------


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """What is to be retried, and what that would be; by POST it is started."""
    typed = _typed(request.POST if request.method == "POST" else request.GET)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return _start(request, *_read(typed))
        except Invalid as refusal:
            errors = _by_field(refusal)
    return _form(request, typed, errors)


def _start(request: HttpRequest, chosen: Chosen, rate: int) -> HttpResponse:
    """Start it, or show the one that somebody else has started. Raises `Invalid`."""
    try:
        bulk = start.start(
            chosen,
            by=_person(request),
            actor=actor_of(request),
            reason=request.POST.get("reason", ""),
            rate=rate,
            bulk_id=read_uuid(request.POST.get("id", "")),
            as_of=_moment(request.POST.get("as_of", ""), "as_of"),
        )
    except start.AlreadyRuns as refusal:
        messages.info(request, refusal.detail)
        bulk = refusal.running
    except start.OtherBulkRetry as refusal:
        messages.warning(request, refusal.detail)
        return redirect("bulk-retries:new")
    return redirect("bulk-retries:one", bulk.pk)


def _typed(asked: QueryDict) -> dict[str, str]:
    typed = {name: asked.get(name, "").strip()[:longest] for name, longest in LONGEST.items()}
    return {**typed, "rate": typed["rate"] or str(start.RATE)}


def _read(typed: dict[str, str]) -> tuple[Chosen, int]:
    """What the form says. Raises `Invalid`."""
    rate = whole(typed["rate"], least=start.SLOWEST, most=start.FASTEST)
    if rate is None:
        raise Invalid.field("/rate", f"A whole number from {start.SLOWEST} to {start.FASTEST}.")
    names = {name: typed[name] for name in ("action", "agent", "route", "text")}
    return Chosen(**names, since=_moment(typed["since"], "since")), rate


def _moment(text: str, field: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.field(f"/{field}", "A time looks like 2026-11-22T16:00, in UTC.") from None


def _by_field(refusal: Invalid) -> dict[str, str]:
    return {error["pointer"].rpartition("/")[2]: error["detail"] for error in refusal.errors}


def _form(request: HttpRequest, typed: dict[str, str], errors: dict[str, str]) -> HttpResponse:
    """The form as it was typed, what is wrong with it, and what would be done where that can be said."""
    would = None
    try:
        chosen, rate = _read(typed)
        would = _would(preview(chosen, _person(request)), rate)
    except Invalid as refusal:
        errors = {**_by_field(refusal), **errors}
    context = {
        "typed": typed,
        "errors": errors,
        "would": would,
        "menus": _menus(_person(request), typed),
        "id": uuid7(),
        "reason": request.POST.get("reason", "")[: start.LONGEST_REASON],
        "slowest": start.SLOWEST,
        "fastest": start.FASTEST,
        "longest": start.LONGEST_REASON,
    }
    return render(request, "execution/bulk/new.html", context, status=422 if errors else 200)


_MENUS = (
    ("action", "Action type", "every action type"),
    ("agent", "Agent", "every agent"),
    ("route", "Route that failed", "every route"),
)


def _menus(person: User, typed: dict[str, str]) -> list[dict[str, Any]]:
    """What can be narrowed by a value, with the values that there are and how many have each."""
    known = choices(person)
    return [
        {
            "name": name,
            "label": label,
            "all": everything,
            "options": [(one.value, shown(one.value), one.executions) for one in known[name]],
            "is_other": typed[name] not in {"", *(one.value for one in known[name])},
            "chosen": typed[name],
        }
        for name, label, everything in _MENUS
    ]


def _would(found: Preview, rate: int) -> dict[str, Any]:
    told = read.examples(found)
    return {
        "count": len(found.retried),
        "more": found.more,
        "takes": span(seconds_for(len(found.retried), rate)),
        "rate": rate,
        "as_of": found.as_of.isoformat(),
        "examples": [_line(one) for one in told if not one.why],
        "left_out": [
            {
                "count": count,
                "why": WHY(why).label,
                "url": _WHERE.get(why, ""),
                "examples": [_line(one) for one in told if one.why == why],
            }
            for why, count in found.counts.items()
        ],
    }


_WHERE: dict[str, str] = {WHY.HALT: "halts:list", WHY.SHUT: "execution:breakers"}


def _line(one: read.Example) -> dict[str, Any]:
    return {
        "url": reverse("execution:one", args=[one.execution.pk]),
        "sentence": shown(one.sentence),
        "agent": shown(one.execution.proposal.agent.name),
        "reason": shown(one.detail or one.execution.reason),
    }


# --- While and after ------------------------------------------------------------------------------


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Those that run, and those that were, the newest first."""
    before = read_uuid(request.GET.get("before", ""))
    rows = BulkRetry.objects.select_related("by").order_by("-pk")
    found = list((rows.filter(pk__lt=before) if before else rows)[: PAGE + 1])
    here = reverse("bulk-retries:list")
    context = {
        "rows": [_row(bulk) for bulk in found[:PAGE]],
        "next_url": f"{here}?{urlencode({'before': found[PAGE - 1].pk})}" if len(found) > PAGE else "",
        "previous_url": here if before else "",
    }
    return render(request, "execution/bulk/list.html", context)


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_safe
def one(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    """How far it is, what came of it, and what may be done about it."""
    bulk = _known(bulk_id)
    context = {
        "bulk": {**_row(bulk), **_progress(bulk)},
        "left_out_before": [
            {"count": count, "why": WHY(why).label} for why, count in bulk.left_out_before.items()
        ],
        "worth_a_look": [_line(one) for one in read.worth_a_look(bulk, _person(request))],
        "again_url": f"{reverse('bulk-retries:new')}?{urlencode({**bulk.chosen, 'rate': bulk.rate})}",
        "longest": start.LONGEST_REASON,
    }
    return render(request, "execution/bulk/one.html", context)


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_safe
def progress(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    """What a page asks for while it runs; once it does not, the page is drawn anew."""
    bulk = _known(bulk_id)
    if bulk.status != STATUS.RUNNING:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "execution/bulk/_progress.html", {"bulk": {**_row(bulk), **_progress(bulk)}})


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def stop(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    return _changed(request, bulk_id, start.stop, "Stopped. What was not begun stays as it was.")


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def go_on(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    return _changed(request, bulk_id, start.go_on, "It goes on.")


def _changed(request: HttpRequest, bulk_id: UUID, verb: Any, done: str) -> HttpResponse:
    """Call the verb with the form's reason; a lost race is told."""
    reason = request.POST.get("reason", "")
    try:
        verb(_known(bulk_id), by=_person(request), actor=actor_of(request), reason=reason)
    except Invalid as refusal:
        messages.warning(request, refusal.errors[0]["detail"])
    except Refusal as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, done)
    return redirect("bulk-retries:one", bulk_id)


def _known(bulk_id: UUID) -> BulkRetry:
    return get_object_or_404(BulkRetry.objects.select_related("by"), pk=bulk_id)


def _row(bulk: BulkRetry) -> dict[str, Any]:
    return {
        "id": bulk.pk,
        "url": reverse("bulk-retries:one", args=[bulk.pk]),
        "chosen": _chosen_words(Chosen.from_json(bulk.chosen)),
        "status": _MARKS[bulk.status],
        "label": bulk.get_status_display(),
        "is_running": bulk.status == STATUS.RUNNING,
        "is_stopped": bulk.status == STATUS.STOPPED,
        "total": bulk.total,
        "retried": bulk.retried,
        "left_out": bulk.left_out,
        "waiting": bulk.waiting,
        "over": bulk.retried + bulk.left_out,
        "rate": bulk.rate,
        "by": shown(bulk.by.printed_name),
        "reason": pieces(bulk.reason),
        "said": pieces(bulk.said),
        "said_by": shown(bulk.said_by),
        "said_at": bulk.said_at,
        "started": bulk.started_at,
        "ended": bulk.ended_at,
    }


_MARKS: dict[str, str] = {
    STATUS.RUNNING: "running",
    STATUS.STOPPED: "needs_attention",
    STATUS.DONE: "succeeded",
}


def _progress(bulk: BulkRetry) -> dict[str, Any]:
    return {
        "takes": span(seconds_for(bulk.waiting, bulk.rate)) if bulk.waiting else "",
        "results": read.results(bulk),
        "progress_url": reverse("bulk-retries:progress", args=[bulk.pk]),
    }


def _chosen_words(chosen: Chosen) -> list[tuple[str, str]]:
    """What was chosen, as names and values; nothing where it was everything."""
    told = [
        ("action type", chosen.action),
        ("agent", chosen.agent),
        ("last route", chosen.route),
        ("reason with", chosen.text),
        ("since", f"{chosen.since:%Y-%m-%d %H:%M} UTC" if chosen.since else ""),
    ]
    return [(name, shown(value)) for name, value in told if value]


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # the decorators let nobody else in
