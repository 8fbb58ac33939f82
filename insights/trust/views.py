"""The board of autonomy: where each agent stands with each action, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from approvals.showing.names import listed
from audit.asking.parameters import number, whole
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import pieces
from audit.log import counted
from governance.models import ActionType, Agent, GateBounds, StageChange, User
from governance.people.incidents import incidents_seen_by
from governance.trust.autonomy import lower_stage
from governance.trust.gate_bounds import DEFAULTS, MOST_DECISIONS, Bounds, bounds_for, set_bounds
from insights.trust import promote as verbs
from insights.trust.gates import Measured, measured_now
from insights.trust.pairs import Filters, page

HISTORY = 50
STAGES = [
    (1, "Assisted", "After approval the agent or a person carries it out and reports."),
    (2, "Guided", "The system carries out what a person approved."),
    (3, "Controlled", "What is of low risk may pass by rule."),
    (4, "Strategic", "What the policy lets pass may pass, within boundaries and checked by chance."),
]
LABELS = {number: name for number, name, _ in STAGES}


# --- The board ------------------------------------------------------------------------------------


@login_required
@permission_required("governance.view_autonomy", raise_exception=True)
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Each pair where it stands, and each gate with how far it is."""
    filters = Filters.read(request.GET)
    agent, _, action = request.GET.get("after", "").partition("|")
    found = page(filters, after=(agent, action))
    after = {**filters.query(), "after": "|".join(found.next)} if found.next else {}
    context = {
        "rows": [_row(one) for one in found.rows],
        "filters": filters,
        "filtered": bool(filters.query()),
        "tabs": _tabs(filters),
        "next_url": f"?{urlencode(after)}" if after else "",
        "next_label": "More",
        "previous_url": f"?{urlencode(filters.query())}" if agent else "",
        "previous_label": "First",
    }
    return render(request, "insights/trust/autonomy.html", context)


def _tabs(filters: Filters) -> list[dict[str, Any]]:
    others = {"agent": filters.agent, "action": filters.action}
    choices = [
        ("All", {}),
        *((f"{number} {name}", {"stage": str(number)}) for number, name, _ in STAGES),
        ("Ready to be promoted", {"ready": "1"}),
    ]
    chosen = {"stage": filters.stage, "ready": filters.ready}
    return [
        {
            "label": label,
            "url": "?" + urlencode({n: v for n, v in {**others, **choice}.items() if v}),
            "current": {"stage": "", "ready": "", **choice} == chosen,
        }
        for label, choice in choices
    ]


def _row(measured: Measured) -> dict[str, Any]:
    pair = measured.pair
    return {
        "agent": pair.agent,
        "action": pair.action,
        "url": _address(pair.agent_id, pair.action),
        "stage": pair.stage,
        "stage_label": LABELS[pair.stage],
        "since": pair.since,
        "gates": measured.gates,
        "missing": len(measured.missing),
        "ready": measured.is_ready,
        "highest": pair.next_stage is None,
        "next": _next(measured),
    }


def _next(measured: Measured) -> str:
    """What is still to come before the next stage, in a sentence."""
    if measured.pair.next_stage is None:
        return ""
    if measured.is_ready:
        return f"Promote it to stage {measured.pair.next_stage}, or leave it."
    missing = listed([gate.title.lower() for gate in measured.missing])
    return f"For stage {measured.pair.next_stage} there is missing: {missing}."


# --- One pair -------------------------------------------------------------------------------------


@login_required
@permission_required("governance.view_autonomy", raise_exception=True)
@require_safe
def pair(request: HttpRequest, agent_id: UUID, action: str) -> HttpResponse:
    """One agent with one action: the gates, what may be done, and how it came here."""
    return _pair(request, _known(agent_id, action), action)


def _pair(
    request: HttpRequest, agent: Agent, action: str, *, refusal: str = "", typed: str = "", status: int = 200
) -> HttpResponse:
    measured = measured_now(agent, action)
    now = measured.pair
    context = {
        "agent": agent,
        "action": action,
        "measured": measured,
        "stage_label": LABELS[now.stage],
        "stages": [
            {"number": number, "name": name, "means": means, "current": number == now.stage}
            for number, name, means in STAGES
        ],
        "next_label": LABELS.get(now.next_stage or 0, ""),
        "lower_stages": [(number, name) for number, name, _ in reversed(STAGES) if number < now.stage],
        "history": _history(agent, action),
        "incidents": _incidents(cast(User, request.user), agent, action),
        "reason": pieces(now.reason),
        "bounds": bounds_for([action])[action],
        "may_change": request.user.has_perm("governance.change_autonomy"),
        "may_report": request.user.has_perm("governance.change_incident"),
        "is_owner": agent.owner_id == request.user.pk,
        "promote_url": reverse("insights:promote", args=[agent.pk, action]),
        "lower_url": reverse("insights:lower", args=[agent.pk, action]),
        "refusal": refusal,
        "typed": typed,
    }
    return render(request, "insights/trust/pair.html", context, status=status)


def _incidents(reader: User, agent: Agent, action: str) -> list[dict[str, Any]]:
    found = incidents_seen_by(reader).open().filter(agent=agent, action__in=["", action])
    return [
        {
            "id": incident.pk,
            "kind": incident.get_kind_display().capitalize(),
            "detail": pieces(incident.detail),
            "opened_at": incident.opened_at,
        }
        for incident in found.order_by("-id")[:HISTORY]
    ]


def _history(agent: Agent, action: str) -> list[dict[str, Any]]:
    changes = StageChange.objects.filter(agent=agent, action=action).order_by("-id")[:HISTORY]
    return [
        {
            "at": change.at,
            "before": LABELS[change.before],
            "after": LABELS[change.stage],
            "rose": change.stage > change.before,
            "kind": change.kind,
            "kind_label": change.get_kind_display(),
            "by": change.by_name,
            "reason": pieces(change.reason),
            "gates": (change.measures or {}).get("gates", []),
        }
        for change in changes
    ]


@login_required
@permission_required("governance.change_autonomy", raise_exception=True)
@require_POST
def promote(request: HttpRequest, agent_id: UUID, action: str) -> HttpResponse:
    """To the next stage; the verb measures again."""

    def verb(agent: Agent, reason: str) -> str:
        change = verbs.promote(agent, action, by=_person(request), actor=actor_of(request), reason=reason)
        return f"{agent.name} is now at stage {change.stage} for {action}."

    return _change(request, agent_id, action, verb)


@login_required
@permission_required("governance.change_autonomy", raise_exception=True)
@require_POST
def lower(request: HttpRequest, agent_id: UUID, action: str) -> HttpResponse:
    """To a lower stage, at any time and by any operator, the owner too."""

    def verb(agent: Agent, reason: str) -> str:
        stage = request.POST.get("stage", "")
        change = lower_stage(
            agent,
            action,
            whole(stage, most=4) or 0,
            actor=actor_of(request),
            by=_person(request),
            reason=reason,
            measures=measured_now(agent, action).as_json(),
        )
        if change is None:
            return f"{agent.name} is at that stage for {action}, or lower, already."
        return f"{agent.name} is at stage {change.stage} for {action} from now on."

    return _change(request, agent_id, action, verb)


def _change(
    request: HttpRequest, agent_id: UUID, action: str, verb: Callable[[Agent, str], str]
) -> HttpResponse:
    """Call the verb; what it refuses is told on the page, with what was typed."""
    agent = _known(agent_id, action)
    reason = request.POST.get("reason", "")
    try:
        messages.success(request, verb(agent, reason))
    except Refusal as refusal:
        status = note_refusal(request, refusal)
        return _pair(request, agent, action, refusal=in_words(refusal), typed=reason, status=status)
    return redirect(_address(agent_id, action))


def note_refusal(request: HttpRequest, refusal: Refusal) -> int:
    """Write down that somebody was refused; returns the status to answer with."""
    status = 422 if isinstance(refusal, Invalid) else 409
    match = request.resolver_match
    data = {"status": status, "refusal": type(refusal).__name__, "route": match.route if match else ""}
    counted.of_known(actor_of(request), data)
    return status


def in_words(refusal: Refusal) -> str:
    if isinstance(refusal, Invalid):
        return " ".join(error["detail"] for error in refusal.errors)
    return refusal.detail


# --- What is asked of everybody -------------------------------------------------------------------


@login_required
@permission_required("governance.view_autonomy", raise_exception=True)
@require_safe
def bounds(request: HttpRequest) -> HttpResponse:
    """What the gates ask for, and where operators ask for more."""
    return _bounds(request)


def _bounds(request: HttpRequest, *, errors: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    typed = request.POST if errors is not None else request.GET
    action = typed.get("action", "")[:100]
    now = GateBounds.objects.filter(action=action).first() or DEFAULTS
    errors = errors or {}
    context = {
        "rows": [
            (row, pieces(row.reason)) for row in GateBounds.objects.select_related("by").order_by("action")
        ],
        "defaults": DEFAULTS,
        "actions": ActionType.objects.current().order_by("name").values_list("name", flat=True),
        "action": action,
        "reason": typed.get("reason", ""),
        "errors": errors,
        "fields": [
            {
                "name": name,
                "label": label,
                "help": f"{word} {getattr(DEFAULTS, name):g}",
                "value": typed.get(name, f"{getattr(now, name):g}"),
                "error": errors.get(name, ""),
            }
            for name, label, word in FIELDS
        ],
        "may_change": request.user.has_perm("governance.change_autonomy"),
    }
    return render(request, "insights/trust/bounds.html", context, status=status)


FIELDS = [
    ("decisions", "Decisions in the stage", f"At most {MOST_DECISIONS}, at least"),
    ("approved_unchanged", "Approved unchanged (lower Wilson bound)", "At most 1, at least"),
    ("verified_success", "Verified success", "At most 1, at least"),
    ("calibration_error", "Expected calibration error", "At least 0, at most"),
    ("failures", "Failures among the last 50 that passed", "At least 0, at most"),
]


@login_required
@permission_required("governance.change_autonomy", raise_exception=True)
@require_POST
def change_bounds(request: HttpRequest) -> HttpResponse:
    """Ask for more, for every action or one; never for less than the defaults."""
    action = request.POST.get("action", "")[:100]
    try:
        set_bounds(
            action,
            _typed_bounds(request),
            by=_person(request),
            actor=actor_of(request),
            reason=request.POST.get("reason", ""),
        )
    except Invalid as refusal:
        status = note_refusal(request, refusal)
        errors = {e["pointer"][1:]: e["detail"] for e in refusal.errors}
        return _bounds(request, errors=errors, status=status)
    except Refusal as refusal:
        return _bounds(request, errors={"action": refusal.detail}, status=note_refusal(request, refusal))
    messages.success(request, f"This is asked of {f'every agent for {action}' if action else 'everybody'}.")
    return redirect("insights:bounds")


def _typed_bounds(request: HttpRequest) -> Bounds:
    values: dict[str, Any] = {}
    errors = []
    for name, label, _word in FIELDS:
        typed = request.POST.get(name, "").strip()
        is_whole = isinstance(getattr(DEFAULTS, name), int)
        values[name] = whole(typed, most=10**9) if is_whole else number(typed, least=0, most=10**9)
        if values[name] is None:
            errors.append({"pointer": f"/{name}", "detail": f"{label}: give a number."})
    if errors:
        raise Invalid(errors)
    return Bounds(**values)


# --- What is asked for ----------------------------------------------------------------------------


def _known(agent_id: UUID, action: str) -> Agent:
    agent = get_object_or_404(Agent.objects.select_related("owner"), pk=agent_id)
    if not ActionType.objects.current().filter(name=action).exists():
        raise Http404
    return agent


def _address(agent_id: UUID, action: str) -> str:
    return reverse("insights:pair", args=[agent_id, action])


def _person(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - the doors let nobody else in
    return user
