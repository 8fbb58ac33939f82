"""The list of executions, and what a person does about one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Refusal
from audit.ground.unseen import shown
from execution.desk import attend, read
from execution.desk.doubt import in_doubt, settling
from execution.models import Execution, FormerExecution
from governance.models import User
from suggestions.models import Proposal

LEAST_DELAY = 2  # seconds
SETTLED = {"yes": "The step counts as done, and the rest goes on.", "no": "The step is tried again."}
_STATES = [(status.value, status.label.capitalize()) for status in Execution.Status]
# What is scheduled stands first, then why it does not run: it waits for something outside, or heals.
TABS = [("", "All"), _STATES[0], ("waiting", "Waiting"), ("healing", "Healing"), *_STATES[1:]]


@login_required
@permission_required("execution.view_execution", raise_exception=True)
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    status = status if status in dict(TABS) else ""
    before = read_uuid(request.GET.get("before", ""))
    rows = read.page(_person(request), status=status, before=before)
    here = reverse("execution:list")
    older = {"status": status, "before": rows[read.PAGE - 1].pk} if len(rows) > read.PAGE else None
    newest = f"{here}?{urlencode({'status': status})}" if status else here
    return render(
        request,
        "execution/desk/list.html",
        {
            "rows": [row(request, execution) for execution in rows[: read.PAGE]],
            "tabs": _tabs(request, status, here),
            "filters": {"status": status},
            "delay": _whole_seconds(read.queue_delay()),
            "shut": read.shut_routes(),
            "layout": layout(request),
            "next_url": f"{here}?{urlencode(_given(older))}" if older else None,
            "previous_url": newest if before else None,
        },
    )


def layout(request: HttpRequest) -> str:
    """What the page stands in: nothing, where its script asks for the page as it is by now."""
    return "execution/desk/_main.html" if request.headers.get("HX-Request") else "base.html"


def _whole_seconds(delay: timedelta | None) -> int:
    """Seconds that something waits for a worker; what takes less than two is no delay."""
    seconds = int(delay.total_seconds()) if delay else 0
    return seconds if seconds >= LEAST_DELAY else 0


def _tabs(request: HttpRequest, chosen: str, here: str) -> list[dict[str, Any]]:
    counts = read.counts(_person(request))
    return [
        {
            "label": label,
            "url": f"{here}?{urlencode({'status': status})}" if status else here,
            "current": status == chosen,
            "count": counts.get(status, ""),
        }
        for status, label in TABS
    ]


def _sentence(execution: Any) -> str:
    """What was approved, edits included."""
    resolution = getattr(execution.proposal, "resolution", None)
    return (resolution.sentence if resolution else "") or execution.suggestion.sentence


def row(request: HttpRequest, execution: Any) -> dict[str, Any]:
    """One execution out of `read`, as pages show it, and what this person may do about it."""
    attends = _person(request).has_perm("execution.attend_execution")
    return {
        "id": execution.pk,
        "proposal_id": execution.proposal_id,
        "proposal_url": _page_of(execution),
        "url": reverse("execution:one", args=[execution.pk]),
        "sentence": shown(_sentence(execution)),
        **_status(execution),
        "verdict": execution.verdict,
        "undo_offered": execution.undo_offered and execution.status == _ASKS,
        "waits_for": getattr(execution, "attention", None) if execution.status == _ASKS else None,
        "reason": shown(execution.reason),
        "next": _next(execution, attends=attends),
        "due": _due(execution),
        "agent": shown(execution.proposal.agent.name),
        "attempts": execution.tries,
        "started": execution.started_at,
        "may_act": attends and execution.status in attend.CAN_BE_CANCELLED,
        "can_retry": execution.status == Execution.Status.NEEDS_ATTENTION and attends,
        "in_doubt": in_doubt(execution),
        "retry_url": reverse("execution:retry", args=[execution.pk]),
        "round": execution.round,
        **settling(execution, attends=attends),
        "done_url": reverse("execution:mark-done", args=[execution.pk])
        if attends and execution.status in attend.CAN_BE_MARKED_DONE
        else "",
        "cancel_url": reverse("execution:cancel", args=[execution.pk])
        if attends and execution.status in attend.CAN_BE_CANCELLED
        else "",
    }


_ASKS = Execution.Status.NEEDS_ATTENTION


def _status(execution: Any) -> dict[str, str]:
    """Its state in words: held is no state of its own, and an unknown outcome is no failure."""
    label = execution.get_status_display()
    if execution.status == _ASKS and execution.doubtful_step:
        return {"status": "unknown", "status_label": "outcome unknown"}
    return {"status": execution.status, "status_label": f"{label}, held" if execution.is_held else label}


def _due(execution: Execution) -> datetime | None:
    """When it goes on, where that is known."""
    is_known = execution.status == Execution.Status.SCHEDULED and not execution.waits_for
    return execution.due_at if is_known else None


def _next(execution: Any, *, attends: bool) -> str:
    """What happens next with it, and who does it; nothing where it has ended."""
    status = Execution.Status
    if execution.is_held:
        return "It goes on once the kill switch is lifted."
    if execution.status == status.NEEDS_ATTENTION and attends and execution.doubtful_step:
        return "Say whether it happened, or cancel it."
    if execution.status == status.NEEDS_ATTENTION:
        return "Retry it, mark it as done, or cancel it." if attends else "An operator looks at it."
    if execution.waits_for and execution.status == status.SCHEDULED:
        return "It goes on once its route works again."
    return {
        status.SCHEDULED: "It runs by itself.",
        status.RUNNING: "A worker is on it.",
        status.HANDED_BACK: "Whoever it was handed to carries it out and reports.",
    }.get(execution.status, "")


@login_required
@permission_required("execution.attend_execution", raise_exception=True)
@require_POST
def retry(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    again = partial(attend.retry, checked=bool(request.POST.get("checked")), seen=_round(request))
    return attended(request, execution_id, again, "Another try is under way.", reason="reason")


def _round(request: HttpRequest) -> int | None:
    """Which round the form was about."""
    seen = request.POST.get("round", "")
    return int(seen) if seen.isdecimal() and len(seen) < 9 else None


@login_required
@permission_required("execution.attend_execution", raise_exception=True)
@require_POST
def settle(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    answer = request.POST.get("happened", "")
    if answer not in SETTLED:
        return HttpResponseBadRequest("Say whether it happened: yes or no.", content_type="text/plain")
    verb = partial(attend.settle, happened=answer == "yes", seen=_round(request))
    return attended(request, execution_id, verb, SETTLED[answer], evidence="evidence")


@login_required
@permission_required("execution.attend_execution", raise_exception=True)
@require_POST
def mark_done(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    return attended(request, execution_id, attend.mark_done, "Marked as done.", evidence="evidence")


@login_required
@permission_required("execution.attend_execution", raise_exception=True)
@require_POST
def cancel(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    return attended(request, execution_id, attend.cancel, "Cancelled.", reason="reason")


def attended(
    request: HttpRequest, execution_id: UUID, verb: Callable[..., None], done: str, **fields: str
) -> HttpResponse:
    """Call the verb with the form's words; a lost race is told, not an error page."""
    execution = Execution.objects.visible_to(_person(request)).filter(pk=execution_id).first()
    if execution is None:
        return to_its_case(request, execution_id)
    words = {name: request.POST.get(field, "") for name, field in fields.items()}
    try:
        verb(execution, by=_person(request), actor=actor_of(request), **words)
    except Refusal as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, done)
    return redirect(_back(request, execution))


def to_its_case(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Of one that was taken away for other arguments; 404 where this person may not know about any."""
    known = Proposal.objects.visible_to(_person(request))
    former = get_object_or_404(FormerExecution, pk=execution_id, proposal__in=known)
    messages.info(request, "This execution was taken away: other arguments were suggested for it.")
    return redirect(_page_of(former))


def _back(request: HttpRequest, execution: Execution) -> str:
    """The page the form was on."""
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        came_from, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return came_from if is_ours else _page_of(execution)


def _page_of(execution: Execution | FormerExecution) -> str:
    return f"/queue/{execution.proposal_id}/"


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # the decorators let nobody else in


def _given(parameters: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (parameters or {}).items() if value}
