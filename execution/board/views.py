"""Steering executions on pages: undoing, routes and steps, breakers, and all that is known of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.ground.unseen import pieces, shown
from execution.board import breakers
from execution.board.one import whole
from execution.desk import attend, read
from execution.desk.views import attended, layout, row, to_its_case
from execution.healing import compensation
from execution.models import Breaker, Compensation, Execution
from governance.models import User

VIEWS, ATTENDS = "execution.view_execution", "execution.attend_execution"
STATE = Breaker.State


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_safe
def one(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """All that is known of one execution, and what may be done about it."""
    reader = cast(User, request.user)  # the decorators let nobody else in
    execution = read.one(reader, execution_id)
    if execution is None:
        return to_its_case(request, execution_id)
    context = {"row": row(request, execution), **whole(execution, reader), "layout": layout(request)}
    return render(request, "execution/board/one.html", context)


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def choose_route(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    number = request.POST.get("route", "")
    verb = partial(
        attend.choose_route,
        route=int(number) if number.isdecimal() and len(number) < 4 else 0,
        checked=bool(request.POST.get("checked")),
    )
    return attended(request, execution_id, verb, "It takes this route first.", step="step", reason="reason")


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def skip_step(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    words = {"step": "step", "evidence": "evidence"}
    return attended(request, execution_id, attend.skip_step, "Skipped; the rest goes on.", **words)


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_POST
def approve_undo(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    verb = partial(_approve, digest=request.POST.get("digest", ""))
    return attended(request, execution_id, verb, "Approved.", reason="reason")


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_POST
def decline_undo(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    verb = partial(_decline, digest=request.POST.get("digest", ""))
    return attended(request, execution_id, verb, "It stays as it is.", reason="reason")


def _approve(execution: Execution, *, digest: str, by: User, reason: str, actor: Actor) -> None:
    if compensation.is_own_agents(execution, by):
        raise PermissionDenied
    compensation.approve(_open_offer(execution, by), by=by, digest=digest, reason=reason, actor=actor)


def _decline(execution: Execution, *, digest: str, by: User, reason: str, actor: Actor) -> None:
    offer = _open_offer(execution, by)
    if offer.digest != digest:
        raise compensation.AnotherUndo
    compensation.decline(offer, by=by, reason=reason, actor=actor)


def _open_offer(execution: Execution, by: User) -> Compensation:
    """The offer that is open, for one who is asked. Raises `PermissionDenied`, `NotOffered`."""
    if not compensation.may_answer(execution, by):
        raise PermissionDenied
    offer = Compensation.objects.filter(execution=execution, status=Compensation.Status.OFFERED).first()
    if offer is None:
        raise compensation.NotOffered
    return offer


@login_required
@permission_required(VIEWS, raise_exception=True)
@require_safe
def shown_breakers(request: HttpRequest) -> HttpResponse:
    rows = [_breaker(found) for found in breakers.all_routes()]
    shut = sum(row["state"] != "closed" for row in rows)
    context = {"rows": rows, "shut": shut, "layout": layout(request)}
    return render(request, "execution/board/breakers.html", context)


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def open_breaker(request: HttpRequest) -> HttpResponse:
    return _by_hand(
        request, breakers.open_by_hand, "Workers let this route alone until it is closed by hand."
    )


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def close_breaker(request: HttpRequest) -> HttpResponse:
    return _by_hand(request, breakers.close_by_hand, "Workers ask this route again.")


def _by_hand(request: HttpRequest, verb: Callable[..., Any], done: str) -> HttpResponse:
    """Call the verb with the form's words; what is wrong is told on the page."""
    route, reason = request.POST.get("route", ""), request.POST.get("reason", "")
    try:
        verb(route, actor=actor_of(request), reason=reason)
    except Refusal as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, done)
    return redirect("execution:breakers")


def _breaker(found: breakers.Stands) -> dict[str, Any]:
    breaker = found.breaker
    failed = found.state == STATE.CLOSED and found.failures > 0
    return {
        "id": sha256(found.route.encode()).hexdigest()[:12],
        "route": found.route,  # to the letter in the form
        "shown": pieces(found.route),
        "state": found.state,
        "status": "needs_attention" if failed else _STATUS[found.state],
        "label": _failures(found.failures) if failed else _WORDS[found.state],
        "failures": found.failures,
        "since": breaker.changed_at if breaker else None,
        "until": breaker.until if breaker else None,
        "by_hand": bool(breaker and found.state == STATE.OPEN and breaker.until is None),
        "reason": pieces(breaker.reason) if breaker else [],
        "by": shown(breaker.by) if breaker else "",
        "actions": [shown(name) for name in found.actions],
        "history": [
            {
                "label": _WORDS[change.state],
                "at": change.at,
                "by": shown(change.by),
                "reason": pieces(change.reason),
            }
            for change in found.history
        ],
    }


_WORDS: dict[str, str] = {
    STATE.CLOSED: "closed: it is asked",
    STATE.OPEN: "open: nobody asks it",
    STATE.HALF_OPEN: "half open: one call tries it",
}
_STATUS: dict[str, str] = {STATE.CLOSED: "succeeded", STATE.OPEN: "refused", STATE.HALF_OPEN: "running"}


def _failures(count: int) -> str:
    return f"closed, but failed {count} time{'s' if count > 1 else ''} in a row"
