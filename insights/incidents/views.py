"""Incidents: what went wrong, who has taken it on, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import pieces, shown
from execution.models import IncidentExecution
from governance.models import ActionType, Agent, Incident, IncidentNote, Team, User
from governance.people.incidents import ATTENDS, CHANGES, SEES, may_attend
from governance.trust import autonomy, incidents
from insights.incidents import read
from insights.incidents.read import Filters
from insights.trust.views import in_words, note_refusal

PAGE = 50
SHOWN = [(read.OPEN, "Open"), (read.CLOSED, "Closed"), (read.ALL, "All")]
BY_PEOPLE = [Incident.Kind.REPORTED, Incident.Kind.DRIFT]
_MOST_CHOICES = 500


# --- The list -------------------------------------------------------------------------------------


@login_required
@permission_required(SEES, raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(
    request: HttpRequest, *, refusal: str = "", reporting: bool = False, status: int = 200
) -> HttpResponse:
    filters = Filters.read(request.GET)
    before = read_uuid(request.GET.get("before", ""))
    rows = read.chosen(_person(request), filters)
    found = list((rows.filter(pk__lt=before) if before else rows)[: PAGE + 1])
    kept = filters.query()
    more = {**kept, "before": found[PAGE - 1].pk} if len(found) > PAGE else {}
    context = {
        "rows": [_row(one) for one in found[:PAGE]],
        "tabs": [
            {
                "label": label,
                "url": "?" + urlencode({**kept, "show": value}),
                "current": value == filters.show,
            }
            for value, label in SHOWN
        ],
        "filters": filters,
        "is_filtered": bool(filters.kind or filters.team or filters.agent),
        "every_kind": [(kind.value, kind.label.capitalize()) for kind in Incident.Kind],
        "teams": Team.objects.order_by("name")[:_MOST_CHOICES],
        **_report_form(request, filters, refusal, reporting=reporting),
        "next_url": f"?{urlencode(more)}" if more else "",
        "previous_url": f"?{urlencode(kept)}" if before else "",
    }
    return render(request, "insights/incidents/list.html", context, status=status)


def _report_form(request: HttpRequest, filters: Filters, refusal: str, *, reporting: bool) -> dict[str, Any]:
    actions = ActionType.objects.current().order_by("name").values_list("name", flat=True)
    return {
        "may_report": request.user.has_perm(CHANGES),
        "kinds": [(kind.value, kind.label.capitalize()) for kind in BY_PEOPLE],
        "agents": Agent.objects.order_by("name").values_list("name", flat=True)[:_MOST_CHOICES],
        "actions": actions[:_MOST_CHOICES],
        "typed": request.POST
        if reporting
        else {"agent": filters.agent, "action": request.GET.get("action", "")},
        "reporting": reporting or bool(request.GET.get("report")),
        "report_refusal": refusal,
    }


def _row(incident: Incident) -> dict[str, Any]:
    return {
        "incident": incident,
        "url": reverse("incidents:one", args=[incident.pk]),
        "kind": incident.get_kind_display().capitalize(),
        "detail": pieces(incident.detail),
        "closing_reason": pieces(incident.closing_reason),
        "found_to_be": incident.get_found_to_be_display(),
        "state": _state(incident),
    }


def _state(incident: Incident) -> tuple[str, str]:
    """The look and the word of where it stands."""
    if incident.closed_at:
        return "succeeded", "closed"
    if incident.acknowledged_at:
        return "running", "taken on"
    return "needs_attention", "escalated" if incident.escalated_at else "open"


# --- One of them ----------------------------------------------------------------------------------


@login_required
@permission_required(SEES, raise_exception=True)
@require_safe
def one(request: HttpRequest, incident_id: UUID) -> HttpResponse:
    return _one(request, _seen(request, incident_id))


def _one(
    request: HttpRequest, incident: Incident, *, errors: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    person = _person(request)
    about = read.executions_of(incident, person, most=read.EXAMPLES + 1)
    may = may_attend(person, incident)
    own = incident.agent is not None and incident.agent.owner_id == person.pk
    seen = read.proposals_seen(person, [incident])
    context = {
        **_row(incident),
        "proposal_url": _case(incident.proposal) if incident.proposal in seen else "",
        "pair_url": reverse("insights:pair", args=[incident.agent_id, incident.action])
        if incident.agent and incident.action
        else "",
        "about": [_about(row) for row in about[: read.EXAMPLES]],
        "more_about": len(about) > read.EXAMPLES,
        "stuck": read.still_stuck(incident, person) if about else 0,
        "many_stuck": read.COUNTED,
        "notes": [_note(note) for note in incident.notes.select_related("by").order_by("id")],
        "may_attend": may,
        "may_take": may and not incident.closed_at and not incident.acknowledged_at,
        "may_close": may and not incident.closed_at and not own,
        "own": may and not incident.closed_at and own,
        "causes": [(cause.value, cause.label.capitalize()) for cause in Incident.FoundToBe],
        "refusal": (errors or {}).get("", ""),
        "errors": errors or {},
        "typed": request.POST if errors else {},
    }
    return render(request, "insights/incidents/incident.html", context, status=status)


def _about(row: IncidentExecution) -> dict[str, Any]:
    about, execution = row.about, row.execution
    resolution = getattr(about.proposal, "resolution", None)
    return {
        "at": row.at,
        "url": _case(about.proposal_id),
        "sentence": shown((resolution.sentence if resolution else "") or about.suggestion.sentence),
        "detail": pieces(row.detail),
        "status": execution.status if execution else "cancelled",
        "status_label": execution.get_status_display() if execution else "back with its reviewers",
        "verdict": execution.verdict if execution else "",
    }


def _note(note: IncidentNote) -> dict[str, Any]:
    return {"by": note.by.printed_name, "at": note.at, "text": pieces(note.text)}


def _case(proposal: UUID | None) -> str:
    return f"/queue/{proposal}/"


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def acknowledge(request: HttpRequest, incident_id: UUID) -> HttpResponse:
    return _do(
        request,
        incident_id,
        lambda incident: incidents.acknowledge(incident, by=_person(request), actor=actor_of(request)),
        "You have taken it on. Nobody is reminded of it any more.",
    )


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def note(request: HttpRequest, incident_id: UUID) -> HttpResponse:
    text = request.POST.get("text", "")
    return _do(
        request,
        incident_id,
        lambda incident: incidents.note(incident, by=_person(request), actor=actor_of(request), text=text),
        "Noted.",
    )


@login_required
@permission_required(ATTENDS, raise_exception=True)
@require_POST
def close(request: HttpRequest, incident_id: UUID) -> HttpResponse:
    """It was dealt with. Nothing is given back by that."""
    return _do(
        request,
        incident_id,
        lambda incident: incidents.close_incident(
            incident,
            by=_person(request),
            actor=actor_of(request),
            reason=request.POST.get("reason", ""),
            found_to_be=request.POST.get("found_to_be", ""),
        ),
        "The incident is closed. What was lost by it has to be earned again.",
    )


def _do(
    request: HttpRequest, incident_id: UUID, verb: Callable[[Incident], object], done: str
) -> HttpResponse:
    """Call the verb, and go back to the incident; a refusal stands beside what it is about."""
    incident = _seen(request, incident_id)
    if not may_attend(_person(request), incident):
        raise PermissionDenied
    try:
        verb(incident)
    except Refusal as refusal:
        status = note_refusal(request, refusal)
        if isinstance(refusal, Invalid):
            errors = {error["pointer"].strip("/"): error["detail"] for error in refusal.errors}
        else:
            errors = {"": refusal.detail}
        return _one(request, _seen(request, incident_id), errors=errors, status=status)
    messages.success(request, done)
    return redirect("incidents:one", incident_id)


# --- Reported by people ---------------------------------------------------------------------------


@login_required
@permission_required(CHANGES, raise_exception=True)
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
    return redirect("incidents:list")


def _seen(request: HttpRequest, incident_id: UUID) -> Incident:
    incident = read.one(_person(request), incident_id)
    if incident is None:
        raise Http404
    return incident


def _person(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - the doors let nobody else in
    return user
