"""Kill switches over the API."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Id, Instant, Next, OneOf
from audit.asking.bodies import Strict, check
from audit.asking.parameters import page_of
from audit.asking.who import actor_of
from execution.halting import release
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Halt
from governance.trust import halts

PAGE = 50


class HaltAnswer(Answer):
    """A kill switch; it is on until `lifted_at`."""

    id: Id
    scope: Annotated[str, OneOf(Halt.Scope)]
    agent: str | None
    action: str | None
    reason: str
    by: str | None
    at: Instant
    lifted_by: str | None
    lifted_at: Instant | None
    lifting_reason: str | None


class HaltPage(Answer):
    """Those that are on, all of them; and those that were lifted, newest first."""

    on: list[HaltAnswer]
    lifted: list[HaltAnswer]
    next: Next


class HaltBody(Strict):
    """What to stop: `agent` or `action` is named where `scope` says so."""

    scope: Literal["everything", "agent", "action"]
    agent: str = Field("", max_length=100)
    action: str = Field("", max_length=128)
    reason: str = Field(max_length=halts.LONGEST_REASON)


class LiftBody(Strict):
    reason: str = Field(max_length=halts.LONGEST_REASON)


class Halts(APIView):
    def get_permissions(self) -> list[BasePermission]:
        may = "governance.throw_halt" if self.request.method == "POST" else "governance.view_halt"
        return [has_permission(may)()]

    @extend_schema(
        operation_id="list_halts",
        responses={200: HaltPage},
        parameters=[OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before.")],
    )
    def get(self, request: Request) -> Response:
        """The kill switches that are on, and those that were."""
        past = Halt.objects.exclude(lifted_at=None).select_related("agent", "by", "lifted_by")
        page = page_of(request, past, size=PAGE)
        answer = HaltPage(
            on=[_presented(halt) for halt in halts.on()],
            lifted=[_presented(halt) for halt in page.rows],
            next=page.next,
        )
        return Response(answer)

    @extend_schema(operation_id="throw_halt", request=HaltBody, responses={201: HaltAnswer})
    def post(self, request: Request) -> Response:
        """Stop an agent, an action type or everything, at once."""
        body = check(HaltBody, request.data)
        halt = halts.throw_named(**body.model_dump(), by=person_of(request), actor=actor_of(request))
        return Response(_presented(halt), status=201)


class LiftHalt(APIView):
    permission_classes = [has_permission("governance.lift_halt")]

    @extend_schema(operation_id="lift_halt", request=LiftBody, responses={200: HaltAnswer})
    def post(self, request: Request, halt_id: UUID) -> Response:
        """Let what was stopped go on; it does so at once."""
        body = check(LiftBody, request.data)
        halt = Halt.objects.filter(pk=halt_id).first()
        if halt is None:
            raise Http404
        by, actor = person_of(request), actor_of(request)
        return Response(_presented(release.lift(halt, reason=body.reason, by=by, actor=actor)))


def _presented(halt: Halt) -> HaltAnswer:
    return HaltAnswer(
        id=halt.pk,
        scope=halt.scope,
        agent=halt.agent.name if halt.agent else None,
        action=halt.action or None,
        reason=halt.reason,
        by=halt.by.printed_name if halt.by else None,
        at=halt.at,
        lifted_by=halt.lifted_by.printed_name if halt.lifted_by else None,
        lifted_at=halt.lifted_at,
        lifting_reason=halt.lifting_reason or None,
    )
