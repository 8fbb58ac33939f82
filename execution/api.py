"""What became of an approved proposal, over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.hand_back import report_result
from execution.queries import of_proposal, story
from governance.authentication import AgentCaller
from governance.models import Agent
from governance.permissions import IsAgent, is_agent_or
from suggestions.api import NotAnAgent
from suggestions.bodies import Strict, check
from suggestions.models import Proposal


class AttemptAnswer(BaseModel):
    number: int
    route: str
    outcome: str
    http_status: int | None
    detail: str
    started_at: datetime
    finished_at: datetime | None
    response: str | None = Field(None, description="The start of what came back; for people.")


class StepAnswer(BaseModel):
    name: str
    status: str
    completed_at: datetime | None
    receipt: dict[str, Any] | None
    attempts: list[AttemptAnswer]


class ExecutionAnswer(BaseModel):
    """Carrying out one approved suggestion, step by step."""

    id: str
    proposal: str
    status: str
    reason: str
    held: bool = Field(False, description="A kill switch is on: do nothing yet. A report is still taken.")
    held_reason: str | None = None
    action_digest: str
    created_at: datetime
    due_at: datetime
    deadline: datetime
    started_at: datetime | None
    finished_at: datetime | None
    steps: list[StepAnswer]


class ResultBody(Strict):
    """What came of an action that the agent carried out itself."""

    outcome: Literal["succeeded", "failed"]
    detail: str = Field("", max_length=500)


class ExecutionOfProposal(APIView):
    permission_classes = [is_agent_or("execution.view_execution")]

    @extend_schema(operation_id="get_execution", responses={200: ExecutionAnswer})
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """Steps, attempts and receipts of an approved proposal; 404 while nothing was approved."""
        execution = of_proposal(_visible(request), proposal_id)
        if execution is None:
            raise Http404
        is_person = not isinstance(request.user, AgentCaller)
        return Response(story(execution, with_responses=is_person))


class ReportResult(APIView):
    permission_classes = [IsAgent]

    @extend_schema(operation_id="report_result", request=ResultBody, responses={200: ExecutionAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Report what came of an action that was handed back to the agent."""
        body = check(ResultBody, request.data)
        agent = _agent(request)
        proposal = (
            Proposal.objects.asked().filter(agent=agent, pk=proposal_id, execution__isnull=False).first()
        )
        if proposal is None:
            raise Http404
        execution = report_result(proposal, agent=agent, outcome=body.outcome, detail=body.detail)
        return Response(story(execution, with_responses=False))


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
