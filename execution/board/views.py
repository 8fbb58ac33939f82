"""Steering executions on pages: undoing, routes and steps, breakers, and all that is known of one."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from audit.ground.actors import Actor
from execution.desk.views import attended
from execution.healing import compensation
from execution.models import Compensation, Execution
from governance.models import User

VIEWS, ATTENDS = "execution.view_execution", "execution.attend_execution"


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def approve_undo(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    verb = partial(_approve, digest=request.POST.get("digest", ""))
    return attended(request, execution_id, verb, "Approved.", reason="reason")


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def decline_undo(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    verb = partial(_decline, digest=request.POST.get("digest", ""))
    return attended(request, execution_id, verb, "It stays as it is.", reason="reason")


def _approve(execution: Execution, *, digest: str, by: User, reason: str, actor: Actor) -> None:
    compensation.approve(_open_offer(execution), by=by, digest=digest, reason=reason, actor=actor)


def _decline(execution: Execution, *, digest: str, by: User, reason: str, actor: Actor) -> None:
    offer = _open_offer(execution)
    if offer.digest != digest:
        raise compensation.AnotherUndo
    compensation.decline(offer, by=by, reason=reason, actor=actor)


def _open_offer(execution: Execution) -> Compensation:
    """The offer that is open. Raises `NotOffered`."""
    offer = Compensation.objects.filter(execution=execution, status=Compensation.Status.OFFERED).first()
    if offer is None:
        raise compensation.NotOffered
    return offer
