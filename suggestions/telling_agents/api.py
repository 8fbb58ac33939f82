"""What agents are told, over the API: for people's programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import Strict, check
from audit.asking.parameters import check_only, cut, one_of, slice_of
from audit.asking.who import actor_of
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Agent
from suggestions.models import Callback, CallbackAttempt, CallbackEndpoint
from suggestions.telling_agents import anew, endpoints, masking, read
from suggestions.telling_agents.answers import (
    CallbackAnswer,
    CallbackAttemptAnswer,
    CallbackInFull,
    CallbackPage,
    EndpointAnswer,
    EndpointPage,
    FailedAnswer,
    FailedOrigin,
    SentAgainAnswer,
)

MAY_SEE, MAY_CHANGE = (has_permission(f"governance.{verb}_agent") for verb in ("view", "change"))


class SendFailedBody(Strict):
    until: UUID | None = Field(None, description="`until` of the preview: what failed later is left alone.")


class Callbacks(APIView):
    permission_classes = [MAY_SEE]

    @extend_schema(
        operation_id="list_callbacks",
        responses={200: CallbackPage},
        parameters=[
            OpenApiParameter("state", str, enum=list(read.STATES), description="Without: all of them."),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request, name: str) -> Response:
        """What an agent was told or is to be told."""
        check_only(request, {"state", "cursor"})
        agent = get_object_or_404(Agent, name=name)
        rows = read.of_agent(person_of(request), agent, state=one_of(request, "state", read.STATES))
        page = cut(list(slice_of(request, rows, size=read.PAGE)), size=read.PAGE)
        return Response(CallbackPage(callbacks=[_callback(row) for row in page.rows], next=page.next))


class OneCallback(APIView):
    permission_classes = [MAY_SEE]

    @extend_schema(operation_id="get_callback", responses={200: CallbackInFull})
    def get(self, request: Request, callback_id: UUID) -> Response:
        """A message with what it says, and each attempt to send it with what was answered."""
        callback = _known(request, callback_id)
        tries = [_attempt(tried.row) for tried in read.attempts(callback) if tried.row]
        data = masking.payload(callback)
        return Response(CallbackInFull(**_callback(callback).as_json(), data=data, tries=tries))


class SendAgain(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(operation_id="send_callback_again", request=None, responses={200: CallbackAnswer})
    def post(self, request: Request, callback_id: UUID) -> Response:
        """Send it once more, with the same `webhook-id` and ten attempts. 409 while it is not given up."""
        callback = _known(request, callback_id)
        anew.send_again(callback.pk, actor=actor_of(request))
        return Response(_callback(_known(request, callback_id)))


class FailedCallbacks(APIView):
    permission_classes = [MAY_SEE]

    @extend_schema(operation_id="preview_failed_callbacks", responses={200: FailedAnswer})
    def get(self, request: Request, name: str) -> Response:
        """What was given up and would be sent again; nothing is sent."""
        found = anew.failed(get_object_or_404(Agent, name=name))
        origins = [FailedOrigin(origin=origin, count=n) for origin, n in found.origins.most_common()]
        return Response(
            FailedAnswer(
                count=found.count,
                more=found.more,
                origins=origins,
                seconds=found.seconds,
                until=found.until,
            )
        )


class SendFailedAgain(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(
        operation_id="send_failed_callbacks_again", request=SendFailedBody, responses={200: SentAgainAnswer}
    )
    def post(self, request: Request, name: str) -> Response:
        """Send again what was given up, the oldest first: 1,000 at most, and 10 a second to one address.

        409 where nothing was given up.
        """
        agent = get_object_or_404(Agent, name=name)
        until = check(SendFailedBody, request.data or {}).until
        sent = anew.send_failed_again(agent, actor=actor_of(request), until=until)
        return Response(SentAgainAnswer(callbacks=sent))


class CallbackEndpoints(APIView):
    permission_classes = [MAY_SEE]

    @extend_schema(operation_id="list_callback_endpoints", responses={200: EndpointPage})
    def get(self, request: Request, name: str) -> Response:
        """The addresses of an agent that are paused, or failing."""
        found = read.endpoints(agent=get_object_or_404(Agent, name=name))
        return Response(EndpointPage(endpoints=[_endpoint(endpoint) for endpoint in found]))


class ResumeEndpoint(APIView):
    permission_classes = [MAY_CHANGE]

    @extend_schema(operation_id="resume_callback_endpoint", request=None, responses={200: SentAgainAnswer})
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Call an address that was paused again, with all that is owed to it. 409 where it is not paused."""
        endpoint = get_object_or_404(CallbackEndpoint, pk=endpoint_id)
        return Response(SentAgainAnswer(callbacks=endpoints.resume(endpoint.pk, actor=actor_of(request))))


def _known(request: Request, callback_id: UUID) -> Any:
    callback = read.one(person_of(request), callback_id)
    if callback is None:
        raise Http404
    return callback


def _callback(callback: Any) -> CallbackAnswer:
    is_tried = callback.status == Callback.Status.WAITING and not callback.endpoint_paused
    return CallbackAnswer(
        id=callback.pk,
        proposal=callback.proposal_id,
        type=callback.type,
        origin=callback.origin,
        status=callback.status,
        attempts=callback.attempts,
        created_at=callback.created_at,
        next_at=callback.due_at if is_tried else None,
        last_error=callback.last_error,
    )


def _attempt(row: CallbackAttempt) -> CallbackAttemptAnswer:
    return CallbackAttemptAnswer(
        number=row.number,
        at=row.at,
        took_ms=row.took_ms,
        http_status=row.http_status,
        answer=row.answer,
        error=row.error,
    )


def _endpoint(endpoint: CallbackEndpoint) -> EndpointAnswer:
    return EndpointAnswer(
        id=endpoint.pk,
        origin=endpoint.origin,
        failures=endpoint.failures,
        failing_since=endpoint.failing_since,
        last_error=endpoint.last_error,
        paused_at=endpoint.paused_at,
        paused_because=endpoint.paused_because,
        next_probe_at=endpoint.probe_due_at,
    )
