"""The pages of the kill switches: what is stopped, stopping, and letting go on."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from execution.halting import release
from governance.models import ActionType, Agent, Halt, User
from governance.trust import halts

PAGE = 25
MOST_OFFERED = 500
SCOPES = (
    (Halt.Scope.EVERYTHING, "Everything", "no agent’s action is carried out"),
    (Halt.Scope.AGENT, "One agent", "whatever it proposes"),
    (Halt.Scope.ACTION, "One action type", "whoever proposes it"),
)


@login_required
@permission_required("governance.view_halt", raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    return _page(request)


@login_required
@permission_required("governance.throw_halt", raise_exception=True)
@require_safe
def asked(request: HttpRequest) -> HttpResponse:
    """Before anything is stopped: what, and why."""
    typed = _typed(request.GET)
    return _form(request, {**typed, "scope": typed["scope"] or Halt.Scope.EVERYTHING})


@login_required
@permission_required("governance.throw_halt", raise_exception=True)
@require_POST
def throw(request: HttpRequest) -> HttpResponse:
    """Stop it now."""
    typed = _typed(request.POST)
    try:
        halt = halts.throw_named(**typed, by=_person(request), actor=actor_of(request))
    except halts.AlreadyHalted as refusal:
        messages.info(request, refusal.detail)
    except Invalid as refusal:
        return _form(request, typed, errors=_by_field(refusal))
    else:
        messages.success(request, f"Stopped: {halt.what}.")
    return redirect("halts:list")


@login_required
@permission_required("governance.lift_halt", raise_exception=True)
@require_POST
def lift(request: HttpRequest, halt_id: UUID) -> HttpResponse:
    """Let what was stopped go on."""
    halt = get_object_or_404(Halt, pk=halt_id)
    reason = request.POST.get("reason", "")
    try:
        lifted = release.lift(halt, reason=reason, by=_person(request), actor=actor_of(request))
    except Invalid as refusal:
        said = {"id": str(halt_id), "reason": reason, "error": _by_field(refusal)["reason"]}
        return _page(request, refused=said, status=422)
    except Refusal as refusal:
        messages.info(request, refusal.detail)
        return redirect("halts:list")
    messages.success(request, f"Lifted for {lifted.what}. What it held goes on now.")
    return redirect("halts:list")


def _typed(asked: Any) -> dict[str, str]:
    """What the form says. Of two names the one counts that the scope asks for; no scope is none."""
    said = {name: asked.get(name, "").strip() for name in ("scope", "agent", "action")}
    scope = said["scope"]
    return {
        "scope": scope,
        "agent": "" if scope == Halt.Scope.ACTION else said["agent"],
        "action": "" if scope == Halt.Scope.AGENT else said["action"],
        "reason": asked.get("reason", ""),
    }


def _form(
    request: HttpRequest, typed: dict[str, str], *, errors: dict[str, str] | None = None
) -> HttpResponse:
    context = {
        "typed": typed,
        "errors": errors or {},
        "scopes": [
            {"value": value.value, "label": label, "help": text, "chosen": typed["scope"] == value}
            for value, label, text in SCOPES
        ],
        "agents": list(Agent.objects.order_by("name").values_list("name", flat=True)[:MOST_OFFERED]),
        "actions": list(
            ActionType.objects.current().order_by("name").values_list("name", flat=True)[:MOST_OFFERED]
        ),
        "longest": halts.LONGEST_REASON,
    }
    return render(request, "execution/halting/throw_halt.html", context, status=422 if errors else 200)


def _by_field(refusal: Invalid) -> dict[str, str]:
    return {error["pointer"].lstrip("/"): error["detail"] for error in refusal.errors}


def _page(request: HttpRequest, *, refused: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    before = read_uuid(request.GET.get("before", ""))
    past = Halt.objects.exclude(lifted_at=None).select_related("agent", "by", "lifted_by").order_by("-pk")
    rows = list((past.filter(pk__lt=before) if before else past)[: PAGE + 1])
    here = reverse("halts:list")
    on = halts.on()
    held = release.held_by(on)
    context = {
        "on": [_row(halt, held=held[halt.pk]) for halt in on],
        "past": [_row(halt) for halt in rows[:PAGE]],
        "refused": refused,
        "longest": halts.LONGEST_REASON,
        "next_url": f"{here}?{urlencode({'before': rows[PAGE - 1].pk})}" if len(rows) > PAGE else "",
        "previous_url": here if before else "",
    }
    return render(request, "execution/halting/halts.html", context, status=status)


def _row(halt: Halt, *, held: int = 0) -> dict[str, Any]:
    most = release.MOST_COUNTED
    return {
        "id": str(halt.pk),
        "what": halt.what,
        "reason": halt.reason,
        "by": halt.by_name,
        "at": halt.at,
        "lifted_by": halt.lifted_by.printed_name if halt.lifted_by else "",
        "lifted_at": halt.lifted_at,
        "lifting_reason": halt.lifting_reason,
        "held": f"{most}+" if held > most else str(held),
        "lift_url": reverse("halts:lift", args=[halt.pk]),
    }


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # the decorators let nobody else in
