"""Incidents: what spoke against trusting an agent, and who dealt with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Refusal
from audit.ground.unseen import pieces
from governance.models import ActionType, Agent, Incident, User
from governance.trust import autonomy
from insights.trust.views import in_words, note_refusal

PAGE = 50
MAY_CHANGE = "governance.change_incident"
SHOWN = [("open", "Open"), ("closed", "Closed"), ("", "All")]
BY_PEOPLE = [Incident.Kind.REPORTED, Incident.Kind.DRIFT]


@login_required
@permission_required("governance.view_incident", raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(
    request: HttpRequest,
    *,
    refusal: str = "",
    refused: UUID | None = None,
    reporting: bool = False,
    status: int = 200,
) -> HttpResponse:
    shown = request.GET.get("show", "open")
    shown = shown if shown in dict(SHOWN) else "open"
    name = request.GET.get("agent", "").strip()
    rows = _chosen(shown, name, read_uuid(request.GET.get("before", "")))
    found = list(rows[: PAGE + 1])
    kept = {"show": shown, **({"agent": name} if name else {})}
    more = {**kept, "before": found[PAGE - 1].pk} if len(found) > PAGE else {}
    context = {
        "rows": [_row(request, one, refusal if one.pk == refused else "") for one in found[:PAGE]],
        "tabs": [
            {"label": label, "url": "?" + urlencode({**kept, "show": value}), "current": value == shown}
            for value, label in SHOWN
        ],
        "shown": shown,
        "agent_name": name,
        "may_report": request.user.has_perm(MAY_CHANGE),
        "kinds": [(kind.value, kind.label.capitalize()) for kind in BY_PEOPLE],
        "agents": Agent.objects.order_by("name").values_list("name", flat=True)[:500],
        "actions": ActionType.objects.current().order_by("name").values_list("name", flat=True)[:500],
        "typed": request.POST if reporting else {"agent": name, "action": request.GET.get("action", "")},
        "reporting": reporting or bool(request.GET.get("report")),
        "report_refusal": refusal if reporting else "",
        "next_url": f"?{urlencode(more)}" if more else "",
        "previous_url": f"?{urlencode(kept)}" if request.GET.get("before") else "",
    }
    return render(request, "insights/trust/incidents.html", context, status=status)


def _chosen(shown: str, agent: str, before: UUID | None) -> Any:
    rows = Incident.objects.select_related("agent", "opened_by", "closed_by").order_by("-id")
    if shown:
        rows = rows.filter(closed_at__isnull=shown == "open")
    if agent:
        rows = rows.filter(agent__name=agent)
    return rows.filter(pk__lt=before) if before else rows


def _row(request: HttpRequest, incident: Incident, refusal: str) -> dict[str, Any]:
    may = request.user.has_perm(MAY_CHANGE) and incident.closed_at is None
    own = incident.agent.owner_id == request.user.pk
    return {
        "incident": incident,
        "kind": incident.get_kind_display().capitalize(),
        "detail": pieces(incident.detail),
        "closing_reason": pieces(incident.closing_reason),
        "proposal_url": f"/queue/{incident.proposal}/" if incident.proposal else "",
        "pair_url": reverse("insights:pair", args=[incident.agent_id, incident.action])
        if incident.action
        else "",
        "close_url": reverse("insights:close-incident", args=[incident.pk]) if may and not own else "",
        "own": may and own,
        "refusal": refusal,
        "typed": request.POST.get("reason", "") if refusal else "",
    }


@login_required
@permission_required(MAY_CHANGE, raise_exception=True)
@require_POST
def close(request: HttpRequest, incident_id: UUID) -> HttpResponse:
    """It was dealt with. Nothing is given back by that."""
    incident = get_object_or_404(Incident, pk=incident_id)
    reason = request.POST.get("reason", "")
    try:
        autonomy.close_incident(incident, by=_person(request), actor=actor_of(request), reason=reason)
    except autonomy.IncidentIsClosed as refusal:  # no line of the list has a form for it any more
        messages.warning(request, refusal.detail)
        return _list(request, status=note_refusal(request, refusal))
    except Refusal as refusal:
        status = note_refusal(request, refusal)
        return _list(request, refusal=in_words(refusal), refused=incident_id, status=status)
    messages.success(request, "The incident is closed. What was lost by it has to be earned again.")
    return redirect("insights:incidents")


@login_required
@permission_required(MAY_CHANGE, raise_exception=True)
@require_POST
def report(request: HttpRequest) -> HttpResponse:
    """Something is wrong with an agent: whatever it was trusted with goes back to stage 2."""
    agent = Agent.objects.filter(name=request.POST.get("agent", "")).first()
    kind = request.POST.get("kind", "")
    try:
        if agent is None:
            raise autonomy.UnknownAgent
        autonomy.raise_alarm(
            agent,
            request.POST.get("action", ""),
            request.POST.get("detail", ""),
            actor=actor_of(request),
            kind=Incident.Kind(kind if kind in BY_PEOPLE else Incident.Kind.REPORTED),
            by=_person(request),
        )
    except Refusal as refusal:
        status = note_refusal(request, refusal)
        return _list(request, refusal=in_words(refusal), reporting=True, status=status)
    messages.success(request, f"An incident is open against {agent.name}.")
    return redirect("insights:incidents")


def _person(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - the doors let nobody else in
    return user
