"""Autonomy over the API, for people's programs."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import Strict, check
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Agent, StageChange
from governance.trust import autonomy
from governance.trust.autonomy import lower_stage
from insights.trust import promote
from insights.trust.answers import (
    LoweredAnswer,
    PairAnswer,
    PairPage,
    StageChangeAnswer,
)
from insights.trust.gates import Measured, measured_now
from insights.trust.pairs import Filters, page

MAY_CHANGE = has_permission("governance.change_autonomy")


class PromoteBody(Strict):
    agent: str = Field(max_length=100)
    action: str = Field(max_length=128)
    reason: str = Field(max_length=500)


class LowerBody(PromoteBody):
    stage: int = Field(ge=1, le=3, strict=True)


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


def _agent(name: str) -> Agent:
    agent = Agent.objects.filter(name=name).first()
    if agent is None:
        raise Invalid.field("/agent", f"There is no agent {name}.")
    return agent
