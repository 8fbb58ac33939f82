"""Incidents over the API, for people's programs."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import Strict, check
from audit.asking.parameters import page_of
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Agent, Incident
from governance.people.incidents import ATTENDS, SEES, may_attend
from governance.trust import autonomy, incidents
from insights.incidents import read
from insights.incidents.answers import (
    IncidentAnswer,
    IncidentPage,
    NoteAnswer,
    told,
    told_in_full,
    told_note,
)

PAGE = 50


class ReportBody(Strict):
    """Something is wrong with an agent; without an action, with all it does."""

    agent: str = Field(max_length=100)
    action: str = Field("", max_length=128)
    kind: Literal["reported", "drift"] = "reported"
    detail: str = Field(max_length=500)


class NoteBody(Strict):
    text: str = Field(max_length=2_000)


class CloseBody(Strict):
    reason: str = Field(max_length=500, description="How it was dealt with.")
    found_to_be: Incident.FoundToBe = Field(
        Incident.FoundToBe.OTHER, description="What the cause turned out to be."
    )


class Incidents(APIView):
    def get_permissions(self) -> list[Any]:
        reads = self.request.method in ("GET", "HEAD", "OPTIONS")
        return [has_permission(SEES if reads else "governance.change_incident")()]

    @extend_schema(
        operation_id="list_incidents",
        responses={200: IncidentPage},
        parameters=[
            OpenApiParameter("open", bool),
            OpenApiParameter("kind", str, enum=Incident.Kind.values),
            OpenApiParameter("team", str, description="Its slug."),
            OpenApiParameter("agent", str),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What went wrong, the newest first: of agents, and of the teams that you act for."""
        asked = request.query_params
        if (kind := asked.get("kind", "")) and kind not in Incident.Kind.values:
            raise Invalid.field("?kind", f"There is no kind {kind[:50]}.")
        show = read.ALL
        if state := asked.get("open"):
            show = read.CLOSED if state in ("false", "0") else read.OPEN
        filters = read.Filters(show, kind, asked.get("team", ""), asked.get("agent", ""))
        page = page_of(request, read.chosen(person_of(request), filters), size=PAGE)
        return Response(IncidentPage(incidents=[told(one) for one in page.rows], next=page.next))

    @extend_schema(operation_id="report_incident", request=ReportBody, responses={201: IncidentAnswer})
    def post(self, request: Request) -> Response:
        """Say that something is wrong: the agent goes back to stage 2 at once."""
        body = check(ReportBody, request.data)
        agent = Agent.objects.filter(name=body.agent).first()
        if agent is None:
            raise Invalid.field("/agent", f"There is no agent {body.agent}.")
        incident = autonomy.raise_alarm(
            agent,
            body.action,
            body.detail,
            actor=actor_of(request),
            kind=Incident.Kind(body.kind),
            by=person_of(request),
        )
        return Response(told(incident), status=201)


class OneIncident(APIView):
    permission_classes = [has_permission(SEES)]

    @extend_schema(operation_id="get_incident", responses={200: IncidentAnswer})
    def get(self, request: Request, incident_id: UUID) -> Response:
        """One incident, with its notes and the executions that it is about."""
        return Response(_in_full(request, _seen(request, incident_id)))


class AcknowledgeIncident(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(operation_id="acknowledge_incident", request=None, responses={200: IncidentAnswer})
    def post(self, request: Request, incident_id: UUID) -> Response:
        """Take it on: nobody is reminded any more. 409 where somebody else has."""
        incident = _attended(request, incident_id)
        taken = incidents.acknowledge(incident, by=person_of(request), actor=actor_of(request))
        return Response(_in_full(request, taken))


class NoteIncident(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(operation_id="note_incident", request=NoteBody, responses={201: NoteAnswer})
    def post(self, request: Request, incident_id: UUID) -> Response:
        """Write down what was found out or done; also once it is closed."""
        body = check(NoteBody, request.data)
        incident = _attended(request, incident_id)
        note = incidents.note(incident, by=person_of(request), actor=actor_of(request), text=body.text)
        note.refresh_from_db(fields=["at"])
        return Response(told_note(note), status=201)


class CloseIncident(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(operation_id="close_incident", request=CloseBody, responses={200: IncidentAnswer})
    def post(self, request: Request, incident_id: UUID) -> Response:
        """Say that it is dealt with, how, and what it was. Not for whoever owns the agent."""
        body = check(CloseBody, request.data)
        closed = incidents.close_incident(
            _attended(request, incident_id),
            by=person_of(request),
            actor=actor_of(request),
            reason=body.reason,
            found_to_be=body.found_to_be,
        )
        return Response(_in_full(request, closed))


def _in_full(request: Request, incident: Incident) -> IncidentAnswer:
    notes = incident.notes.select_related("by").order_by("id")
    return told_in_full(incident, notes, read.executions_of(incident, person_of(request)))


def _seen(request: Request, incident_id: UUID) -> Incident:
    incident = read.one(person_of(request), incident_id)
    if incident is None:
        raise Http404
    return incident


def _attended(request: Request, incident_id: UUID) -> Incident:
    """One that this person may see and do something about."""
    incident = _seen(request, incident_id)
    if not may_attend(person_of(request), incident):
        raise PermissionDenied("Incidents of agents are for operators.")
    return incident
