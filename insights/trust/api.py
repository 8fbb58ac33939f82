"""Autonomy and incidents over the API, for people's programs."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import Strict, check
from audit.asking.parameters import page_of
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Agent, Incident, StageChange
from governance.trust import autonomy
from governance.trust.autonomy import lower_stage
from insights.trust import promote
from insights.trust.answers import (
    IncidentAnswer,
    IncidentPage,
    LoweredAnswer,
    PairAnswer,
    PairPage,
    StageChangeAnswer,
)
from insights.trust.gates import Measured, measured_now
from insights.trust.pairs import Filters, page

PAGE = 50
MAY_CHANGE = has_permission("governance.change_autonomy")


class PromoteBody(Strict):
    agent: str = Field(max_length=100)
    action: str = Field(max_length=128)
    reason: str = Field(max_length=500)


class LowerBody(PromoteBody):
    stage: int = Field(ge=1, le=3, strict=True)


class ReportBody(Strict):
    """Something is wrong with an agent; without an action, with all it does."""

    agent: str = Field(max_length=100)
    action: str = Field("", max_length=128)
    kind: Literal["reported", "drift"] = "reported"
    detail: str = Field(max_length=500)


class CloseBody(Strict):
    reason: str = Field(max_length=500)


# --- Stages ---------------------------------------------------------------------------------------


class AutonomyBoard(APIView):
    permission_classes = [has_permission("governance.view_autonomy")]

    @extend_schema(
        operation_id="list_autonomy",
        responses={200: PairPage},
        parameters=[
            OpenApiParameter("agent", str),
            OpenApiParameter("action", str),
            OpenApiParameter("stage", int, enum=[1, 2, 3, 4]),
            OpenApiParameter("ready", bool, description="Only those that may be promoted."),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """How far each agent is trusted with each action, and each gate with how far it is."""
        asked = {name: str(value) for name, value in request.query_params.items()}
        if asked.get("ready", "") in ("false", "0"):
            asked["ready"] = ""
        agent, _, action = asked.get("cursor", "").partition("|")
        found = page(Filters.read(asked), after=(agent, action))
        following = "|".join(found.next) if found.next else None
        return Response(PairPage(pairs=[_pair(one) for one in found.rows], next=following))


class Promote(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(operation_id="promote_agent", request=PromoteBody, responses={200: StageChangeAnswer})
    def post(self, request: Request) -> Response:
        """To the next stage, where every gate is passed; 409 with the gates where one is missing.

        For operators who do not own the agent.
        """
        body = check(PromoteBody, request.data)
        change = promote.promote(
            _agent(body.agent),
            body.action,
            by=person_of(request),
            actor=actor_of(request),
            reason=body.reason,
        )
        return Response(_change(change))


class Lower(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(operation_id="lower_stage", request=LowerBody, responses={200: LoweredAnswer})
    def post(self, request: Request) -> Response:
        """To a lower stage, at any time; `change` is null where it is no higher already."""
        body = check(LowerBody, request.data)
        agent = _agent(body.agent)
        autonomy.check_action(body.action)
        change = lower_stage(
            agent,
            body.action,
            body.stage,
            actor=actor_of(request),
            by=person_of(request),
            reason=body.reason,
            measures=measured_now(agent, body.action).as_json(),
        )
        return Response(LoweredAnswer(change=_change(change) if change else None))


def _pair(measured: Measured) -> PairAnswer:
    pair = measured.pair
    return PairAnswer(
        agent=pair.agent,
        action=pair.action,
        stage=pair.stage,
        since=pair.since,
        reason=pair.reason,
        ready=measured.is_ready,
        record=measured.record.told(),
        gates=[gate.told() for gate in measured.gates],
    )


def _change(change: StageChange) -> StageChangeAnswer:
    return StageChangeAnswer(
        id=change.pk,
        agent=change.agent.name,
        action=change.action,
        kind=change.kind,
        before=change.before,
        stage=change.stage,
    )


# --- Incidents ------------------------------------------------------------------------------------


class Incidents(APIView):
    def get_permissions(self) -> list[Any]:
        name = "view" if self.request.method in ("GET", "HEAD", "OPTIONS") else "change"
        return [has_permission(f"governance.{name}_incident")()]

    @extend_schema(
        operation_id="list_incidents",
        responses={200: IncidentPage},
        parameters=[
            OpenApiParameter("open", bool),
            OpenApiParameter("agent", str),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What spoke against trusting agents, the newest first."""
        rows = Incident.objects.select_related("agent", "opened_by", "closed_by")
        asked = request.query_params
        if state := asked.get("open"):
            rows = rows.filter(closed_at__isnull=state not in ("false", "0"))
        if agent := asked.get("agent"):
            rows = rows.filter(agent__name=agent)
        page = page_of(request, rows, size=PAGE)
        return Response(IncidentPage(incidents=[_incident(one) for one in page.rows], next=page.next))

    @extend_schema(operation_id="report_incident", request=ReportBody, responses={201: IncidentAnswer})
    def post(self, request: Request) -> Response:
        """Say that something is wrong: the agent goes back to stage 2 at once."""
        body = check(ReportBody, request.data)
        incident = autonomy.raise_alarm(
            _agent(body.agent),
            body.action,
            body.detail,
            actor=actor_of(request),
            kind=Incident.Kind(body.kind),
            by=person_of(request),
        )
        return Response(_incident(incident), status=201)


class CloseIncident(APIView):
    permission_classes = [has_permission("governance.change_incident")]

    @extend_schema(operation_id="close_incident", request=CloseBody, responses={200: IncidentAnswer})
    def post(self, request: Request, incident_id: UUID) -> Response:
        """Say that it is dealt with, and how. For operators who do not own the agent."""
        body = check(CloseBody, request.data)
        incident = Incident.objects.filter(pk=incident_id).first()
        if incident is None:
            raise Http404
        closed = autonomy.close_incident(
            incident, by=person_of(request), actor=actor_of(request), reason=body.reason
        )
        return Response(_incident(closed))


def _incident(incident: Incident) -> IncidentAnswer:
    return IncidentAnswer(
        id=incident.pk,
        agent=incident.agent.name,
        action=incident.action,
        kind=incident.kind,
        detail=incident.detail,
        proposal=incident.proposal,
        opened_at=incident.opened_at,
        opened_by=incident.opened_by.printed_name if incident.opened_by else None,
        closed_at=incident.closed_at,
        closed_by=incident.closed_by.printed_name if incident.closed_by else None,
        closing_reason=incident.closing_reason,
    )


def _agent(name: str) -> Agent:
    agent = Agent.objects.filter(name=name).first()
    if agent is None:
        raise Invalid.field("/agent", f"There is no agent {name}.")
    return agent
