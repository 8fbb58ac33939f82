"""Deployments over the API: a team's CI registers, operators approve and activate."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Id, Instant, Next, OneOf
from audit.asking.parameters import page_of
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.agents import deployments
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import Agent, Deployment, PromptTemplate

PAGE = 50
READ = has_permission("governance.view_deployment")
CHANGE = has_permission(deployments.PERMISSION)


class DeploymentAnswer(Answer):
    """What an agent runs with, ran with or is to run with."""

    id: Id
    agent: str
    label: str = Field(description="What proposals name as `provenance.deployment`.")
    status: Annotated[str, OneOf(Deployment.Status)]
    model: str
    prompts: dict[str, str] = Field(description="Name of a prompt to the digest of its template.")
    policy: str | None = Field(description="The digest of a policy version.")
    workflows: dict[str, int] = Field(description="Name of an action type to its version.")
    scores: dict[str, float] = Field(description="Name of a validation to its score.")
    note: str
    registered_by: str
    registered_at: Instant
    approved_by: str | None
    approved_at: Instant | None
    activated_at: Instant | None = Field(description="The last time.")


class DeploymentPage(Answer):
    deployments: list[DeploymentAnswer]
    next: Next


class PromptAnswer(Answer):
    """The text of a prompt template, and its digest."""

    digest: str
    text: str


class RegisterBody(deployments.DeploymentText):
    agent: str


class RollBackBody(BaseModel):
    agent: str
    reason: str


def presented(deployment: Deployment) -> DeploymentAnswer:
    """A deployment as programs read it; prompts by digest."""
    return DeploymentAnswer(
        id=deployment.pk,
        agent=deployment.agent.name,
        label=deployment.label,
        status=deployment.status,
        model=deployment.model,
        prompts=deployment.prompts,
        policy=deployment.policy_id,
        workflows=deployment.workflows,
        scores=deployment.scores,
        note=deployment.note,
        registered_by=deployment.registered_by.printed_name,
        registered_at=deployment.registered_at,
        approved_by=deployment.approved_by.printed_name if deployment.approved_by else None,
        approved_at=deployment.approved_at,
        activated_at=deployment.activated_at,
    )


class Deployments(APIView):
    permission_classes = [READ]

    @extend_schema(
        operation_id="list_deployments",
        responses={200: DeploymentPage},
        parameters=[
            OpenApiParameter("agent", str, description="Name of an agent."),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What agents run and ran with, the newest first."""
        rows = _all()
        if name := request.query_params.get("agent"):
            rows = rows.filter(agent__name=name)
        page = page_of(request, rows, size=PAGE)
        return Response(DeploymentPage(deployments=[presented(d) for d in page.rows], next=page.next))

    @extend_schema(
        operation_id="register_deployment",
        request=RegisterBody,
        responses={200: DeploymentAnswer, 201: DeploymentAnswer},
    )
    def post(self, request: Request) -> Response:
        """Register what an agent is to run with; the same again is answered with 200.

        For the agent's owner and for operators. Somebody else approves it before it counts.
        """
        value = request.data if isinstance(request.data, dict) else {}
        agent = _agent(value.get("agent"))
        text = deployments.read({name: item for name, item in value.items() if name != "agent"})
        made, new = deployments.register(agent, text, by=person_of(request), actor=actor_of(request))
        return Response(presented(_one(made.pk)), status=201 if new else 200)


class OneDeployment(APIView):
    permission_classes = [READ]

    @extend_schema(operation_id="get_deployment", responses={200: DeploymentAnswer})
    def get(self, request: Request, deployment_id: UUID) -> Response:
        return Response(presented(_one(deployment_id)))


class Approve(APIView):
    permission_classes = [CHANGE]

    @extend_schema(operation_id="approve_deployment", request=None, responses={200: DeploymentAnswer})
    def post(self, request: Request, deployment_id: UUID) -> Response:
        """Let it be activated; not by who registered it."""
        moved = deployments.approve(_one(deployment_id), by=person_of(request), actor=actor_of(request))
        return Response(presented(_one(moved.pk)))


class Activate(APIView):
    permission_classes = [CHANGE]

    @extend_schema(operation_id="activate_deployment", request=None, responses={200: DeploymentAnswer})
    def post(self, request: Request, deployment_id: UUID) -> Response:
        """From now on this is what the agent is known to run with."""
        moved = deployments.activate(_one(deployment_id), by=person_of(request), actor=actor_of(request))
        return Response(presented(_one(moved.pk)))


class RollBack(APIView):
    permission_classes = [CHANGE]

    @extend_schema(
        operation_id="roll_back_deployment", request=RollBackBody, responses={200: DeploymentAnswer}
    )
    def post(self, request: Request) -> Response:
        """Back to what the agent ran with before."""
        value = request.data if isinstance(request.data, dict) else {}
        agent, reason = _agent(value.get("agent")), value.get("reason")
        moved = deployments.roll_back(
            agent,
            by=person_of(request),
            reason=reason if isinstance(reason, str) else "",
            actor=actor_of(request),
        )
        return Response(presented(_one(moved.pk)))


class OnePrompt(APIView):
    permission_classes = [READ]

    @extend_schema(operation_id="get_prompt_template", responses={200: PromptAnswer})
    def get(self, request: Request, digest: str) -> Response:
        """A prompt template by the SHA-256 of its text."""
        found = PromptTemplate.objects.filter(pk=digest).first()
        if found is None:
            raise Http404
        return Response(PromptAnswer(digest=found.pk, text=found.text))


def _all() -> Any:
    return Deployment.objects.select_related("agent", "registered_by", "approved_by")


def _one(deployment_id: UUID) -> Deployment:
    found = _all().filter(pk=deployment_id).first()
    if found is None:
        raise Http404
    return found


def _agent(name: Any) -> Agent:
    found = Agent.objects.filter(name=name).first() if isinstance(name, str) else None
    if found is None:
        raise Invalid.field("/agent", "Name an agent that exists.")
    return found
