"""What became of an approved proposal, over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import Strict, check
from execution.desk.answers import ExecutionAnswer, GrantAnswer
from execution.desk.read import of_proposal, story
from execution.handing_back.begin import LONGEST_LEASE, Grant, begin, renew
from execution.handing_back.hand_back import report_result
from governance.door.authentication import AgentCaller
from governance.door.permissions import IsAgent, is_agent_or
from governance.models import Agent
from suggestions.intake.api import NotAnAgent
from suggestions.models import Proposal


class BeginBody(Strict):
    """Who begins, and for how long; with the `token` of an earlier answer its lease is renewed."""

    token: str = Field("", max_length=100, description="Of what this process has begun: renew its lease.")
    holder: str = Field("", max_length=100, description="A name of this process, told to later ones.")
    lease_seconds: int | None = Field(None, ge=1, le=LONGEST_LEASE, description="Else as settings have it.")


class ResultBody(Strict):
    """What came of an action that the agent carried out itself."""

    outcome: Literal["succeeded", "failed"]
    detail: str = Field("", max_length=500)
    token: str = Field("", max_length=100, description="What `begin` gave.")


class ExecutionOfProposal(APIView):
    permission_classes = [is_agent_or("execution.view_execution")]

    @extend_schema(operation_id="get_execution", responses={200: ExecutionAnswer})
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """Steps, attempts and receipts of an approved proposal; 404 while nothing was approved."""
        execution = of_proposal(_visible(request), proposal_id)
        if execution is None:
            raise Http404
        is_person = not isinstance(request.user, AgentCaller)
        return Response(story(execution, for_people=is_person))


class BeginExecution(APIView):
    permission_classes = [IsAgent]

    @extend_schema(operation_id="begin_execution", request=BeginBody, responses={200: GrantAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Ask for an action that was handed back, before carrying it out: it is granted once.

        Whoever asks later gets 409 `already-begun`, with by whom and when. With the `token` of the grant
        the lease is renewed. A lease that runs out makes the outcome unknown, and a person is asked.
        Where the approval rests on what is there now, that is looked at first: 409 `went-stale`, with what
        `moved`, takes the approval away; 409 `not-seen` wants to be asked again.
        """
        body = check(BeginBody, request.data or {})
        proposal = _own(request, proposal_id)
        agent = proposal.agent
        seconds = body.lease_seconds or 0
        if body.token:
            return Response(_grant(renew(proposal, agent=agent, token=body.token, lease_seconds=seconds)))
        granted = begin(
            proposal, agent=agent, key=str(request.auth), holder=body.holder, lease_seconds=seconds
        )
        return Response(_grant(granted))


class ReportResult(APIView):
    permission_classes = [IsAgent]

    @extend_schema(operation_id="report_result", request=ResultBody, responses={200: ExecutionAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Report what came of an action that was handed back; the same report again changes nothing.

        Send the `token` that `begin` gave. Another outcome than was reported before is a 409.
        """
        body = check(ResultBody, request.data)
        proposal = _own(request, proposal_id)
        execution = report_result(
            proposal, agent=proposal.agent, outcome=body.outcome, detail=body.detail, token=body.token
        )
        return Response(story(execution, for_people=False))


def _grant(grant: Grant) -> GrantAnswer:
    """What runs has a lease, and what is approved has arguments: the database sees to both."""
    execution, action_type = grant.execution, grant.execution.suggestion.action_type
    return GrantAnswer(
        proposal=execution.proposal_id,
        execution=execution.pk,
        step=grant.step.name,
        action=action_type.name,
        version=action_type.version,
        arguments=cast(dict[str, Any], execution.proposal.resolution.arguments),
        action_digest=execution.action_digest,
        token=grant.token,
        fence=execution.fence,
        idempotency_key=f"{execution.pk}/{grant.step.name}",
        begun_at=grant.attempt.started_at,
        lease_until=cast(datetime, execution.lease_until),
    )


def _own(request: Request, proposal_id: UUID) -> Proposal:
    """One of the agent's own proposals that there is an execution of."""
    own = Proposal.objects.asked().filter(agent=_agent(request), execution__isnull=False)
    proposal = own.select_related("agent").filter(pk=proposal_id).first()
    if proposal is None:
        raise Http404
    return proposal


def _agent(request: Request) -> Agent:
    if not isinstance(request.user, AgentCaller):
        raise NotAnAgent
    return request.user.agent


def _visible(request: Request) -> Any:
    """The proposals this caller may know about."""
    caller: Any = request.user
    if isinstance(caller, AgentCaller):
        return Proposal.objects.asked().filter(agent=caller.agent)
    return Proposal.objects.visible_to(caller)
