"""Why a proposal got its verdict, and what it would get under any policy: page and API."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.detail.bar import in_short
from approvals.explaining.answers import (
    BoundaryAnswer,
    ConditionAnswer,
    ExplanationAnswer,
    RuleLookedAtAnswer,
    SuggestionLookedAtAnswer,
)
from approvals.explaining.in_words import told, versions
from audit.asking import gate
from audit.asking.bodies import Strict, check
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import shown
from governance.door.authentication import caller_of, person_of
from governance.door.permissions import has_permission
from governance.models import Agent, PolicyVersion, User
from governance.policies.explain import RuleLookedAt
from suggestions.explaining.explain import Explanation, explain_recorded, simulate
from suggestions.intake.bodies import ProposalBody
from suggestions.models import Proposal

ACTIVE = ""
CHOICES = 50  # proposals to choose from
MOST_AGENTS = 500
DIGEST = r"^sha256:[0-9a-f]{64}$"


class SimulationBody(Strict):
    """A proposal that nobody hands in: what would become of it."""

    agent: str = Field(max_length=100)
    proposal: dict[str, Any]
    policy: str | None = Field(None, pattern=DIGEST)


class ProposalExplanation(APIView):
    permission_classes = [has_permission("suggestions.view_proposal")]

    @extend_schema(
        operation_id="explain_proposal",
        responses={200: ExplanationAnswer},
        parameters=[OpenApiParameter("policy", str, description="A version to judge by instead.")],
    )
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """Every rule that was looked at, what it saw, and what the obligations merged to."""
        version = request.query_params.get("policy", ACTIVE)
        explanation = _of_recorded(person_of(request), proposal_id, version, own=True, pointer="?policy")
        if explanation is None:
            raise Http404
        return Response(presented(explanation))


class Simulations(APIView):
    permission_classes = [has_permission("governance.view_policyversion")]

    @extend_schema(operation_id="simulate", request=SimulationBody, responses={200: ExplanationAnswer})
    def post(self, request: Request) -> Response:
        """What a proposal of an agent would get now, under any policy. Nothing is stored or counted."""
        body = check(SimulationBody, request.data)
        agent = _agent(body.agent)
        proposal = _checked(body.proposal, "/proposal")
        version = _version(body.policy or ACTIVE, "/policy")
        return Response(presented(simulate(caller_of(agent), proposal, version)))


def presented(explanation: Explanation) -> ExplanationAnswer:
    """The explanation for programs: per suggestion each rule with its conditions and values."""
    return ExplanationAnswer(
        policy=explanation.policy,
        boundaries=[BoundaryAnswer(name=name, asked=asked) for name, asked in explanation.boundaries],
        verdict=explanation.verdict.as_json(),
        suggestions=[
            SuggestionLookedAtAnswer(
                rank=suggestion.rank,
                sentence=shown(suggestion.sentence),
                rules=[_rule(rule) for rule in rules],
            )
            for suggestion, rules in explanation.suggestions
        ],
    )


def _rule(rule: RuleLookedAt) -> RuleLookedAtAnswer:
    return RuleLookedAtAnswer(
        name=rule.name,
        outcome=rule.outcome,
        then=rule.then.model_dump(mode="json", exclude_none=True),
        error=rule.error,
        conditions=[ConditionAnswer(**_plain(asdict(condition))) for condition in rule.conditions],
    )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


# --- Page -----------------------------------------------------------------------------------------


@login_required
@permission_required("governance.view_policyversion", raise_exception=True)
@require_http_methods(["GET", "POST"])
def simulator(request: HttpRequest) -> HttpResponse:
    """A past proposal, or a pasted one, under any version of the policy."""
    asked = request.POST if request.method == "POST" else request.GET
    typed = {name: asked.get(name, "").strip() for name in ("proposal", "version", "agent", "body")}
    context: dict[str, Any] = {"typed": typed, "versions": versions(), "errors": []}
    context |= {"proposals": _choices(_user(request), typed["proposal"]), "agents": _agents(typed["agent"])}
    try:
        explanation = _asked_for(_user(request), typed)
    except Invalid as refusal:
        context["errors"] = refusal.errors
    except Refusal as refusal:
        context["refused"] = refusal.detail
    else:
        context["told"] = told(explanation) if explanation else None
    return render(
        request, "approvals/explaining/simulator.html", context, status=422 if context["errors"] else 200
    )


def _choices(user: User, chosen: str) -> list[dict[str, str]]:
    """The newest proposals that this person may see, and the one that is chosen, whatever its age."""
    seen = Proposal.objects.visible_to(user).select_related("agent").order_by("-pk")
    seen = seen.only("sentence", "status", "agent__name", "created_at")
    found = list(seen[:CHOICES])
    if (asked := read_uuid(chosen)) and asked not in {one.pk for one in found}:
        found = [*seen.filter(pk=asked), *found]
    return [
        {
            "id": str(one.pk),
            "label": f"{shown(in_short(one.sentence, 90))} · {shown(one.agent.name)} · {one.status}"
            f" · {one.created_at:%-d %b %H:%M}",
        }
        for one in found
    ]


def _agents(chosen: str) -> list[str]:
    names = list(Agent.objects.order_by("name").values_list("name", flat=True)[:MOST_AGENTS])
    return names if chosen in ("", *names) else [chosen, *names]


def _asked_for(user: User, typed: dict[str, str]) -> Explanation | None:
    if typed["body"]:
        body = _checked(_read(typed["body"]), "/body")
        return simulate(caller_of(_agent(typed["agent"])), body, _version(typed["version"]))
    if not typed["proposal"]:
        return None
    try:
        proposal_id = UUID(typed["proposal"])
    except ValueError as error:
        raise Invalid.field("/proposal", "This is not the id of a proposal.") from error
    explanation = _of_recorded(user, proposal_id, typed["version"], own=False)
    if explanation is None:
        raise Invalid.field("/proposal", "There is no such proposal that you may see.")
    return explanation


def _of_recorded(
    user: User, proposal_id: UUID, version: str, *, own: bool, pointer: str = "/version"
) -> Explanation | None:
    """`own`: without a version the one that judged it; else the one in force."""
    visible = Proposal.objects.visible_to(user).select_related("agent")
    proposal = visible.filter(pk=proposal_id).first()
    if proposal is None:
        return None
    own_version = own and not version
    return explain_recorded(proposal, proposal.policy_id if own_version else _version(version, pointer))


def _version(digest: str, pointer: str = "/version") -> str | None:
    """The version that is meant; the one in force where none is named. Raises `Invalid`."""
    if digest == ACTIVE:
        return PolicyVersion.objects.active().values_list("pk", flat=True).first()
    if not PolicyVersion.objects.filter(pk=digest).exists():
        raise Invalid.field(pointer, "There is no such version of the policy.")
    return digest


def _agent(name: str) -> Agent:
    agent = Agent.objects.filter(name=name).first()
    if agent is None:
        raise Invalid.field("/agent", "There is no agent of this name." if name else "Name the agent.")
    return agent


def _read(text: str) -> Any:
    try:
        return gate.read(text.encode("utf-8", "surrogatepass"), limit=settings.API_BODY_BYTES)
    except Refusal as refusal:
        raise Invalid.field("/body", refusal.detail) from refusal


def _checked(value: Any, pointer: str) -> ProposalBody:
    try:
        return check(ProposalBody, value)
    except Invalid as refusal:
        raise Invalid([{**e, "pointer": f"{pointer}{e['pointer']}"} for e in refusal.errors]) from refusal


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("This page let somebody in who is not a person.")
    return request.user
