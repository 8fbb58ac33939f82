"""Deciding over the API, with a reviewer's token; and letting an agent ask again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.deciding import checks, decide
from approvals.deciding.decide import Decided
from approvals.deciding.reopen import reopen
from approvals.looking.kept import MOST
from approvals.models import Decision
from audit.asking.answers import Answer, Id, OneOf
from audit.asking.bodies import Strict, check
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission
from governance.models import Team
from suggestions.answering import present, resolve
from suggestions.answering.answers import ProposalAnswer, ResolutionAnswer
from suggestions.answering.known import known_to
from suggestions.models import Proposal, Suggestion


class DecisionBody(Strict):
    """What a reviewer says, with the digest of exactly what they were shown; `team` to escalate to.

    `looks` are the ids of what services said is there now, as it was shown.
    """

    verdict: Literal["approve", "reject", "return", "escalate"]
    suggestion: UUID | None = None
    action_digest: str | None = Field(None, pattern=r"^sha256:[0-9a-f]{64}$")
    arguments: dict[str, Any] | None = None
    team: str | None = Field(None, max_length=64)
    reason: str = Field("", max_length=4_000)
    looks: list[UUID] = Field([], max_length=MOST)


class DecisionAnswer(Answer):
    """A decision as it was written."""

    id: Id
    proposal: Id
    verdict: Annotated[str, OneOf(Decision.Verdict)]
    suggestion: Id | None
    action_digest: str | None
    resolution: ResolutionAnswer | None = Field(description="Null while more people have to agree.")
    check: str | None = Field(description="It was a check item, and this is how you answered.")


class Decisions(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="decide", request=DecisionBody, responses={201: DecisionAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Approve one suggestion, reject the proposal, return it to the agent with feedback, or escalate it.

        An approval names the suggestion and the `action_digest` that was shown. Of many who decide
        at once one wins; the others get 409 and are told who won.
        What somebody else made of a suggestion is approved by its digest. Escalating names the `team`
        that is asked in the place of one's own.
        """
        suggestions = known_to(person_of(request), proposal_id)
        if not suggestions:
            raise Http404
        body = check(DecisionBody, request.data)
        verb = {"approve": _approve, "escalate": _escalate}.get(body.verdict, _end)
        return Response(_presented(verb(suggestions, body, request)), status=201)


class ReopenBody(Strict):
    reason: str = Field("", max_length=2_000)


class Reopen(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="reopen", request=ReopenBody, responses={200: ProposalAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Let the agent ask again for what this rejected proposal suggested; it is told."""
        visible(request, proposal_id)
        body = check(ReopenBody, request.data or {})
        reopen(proposal_id, reviewer=person_of(request), actor=actor_of(request), reason=body.reason)
        return Response(answer_of(request, proposal_id))


def visible(request: Request, proposal_id: UUID) -> Proposal:
    """The proposal, where this person may know of it; else it does not exist for them."""
    known = Proposal.objects.visible_to(person_of(request)).select_related("agent", "resolution")
    proposal = known.filter(pk=proposal_id).first()
    if proposal is None:
        raise Http404
    return proposal


def answer_of(request: Request, proposal_id: UUID) -> ProposalAnswer:
    """The proposal as it is now."""
    proposal = visible(request, proposal_id)
    return present.presented(proposal, proposal.suggestions.select_related("action_type"))


def _approve(suggestions: Sequence[Suggestion], body: DecisionBody, request: Request) -> Decided:
    suggestion = next((one for one in suggestions if one.pk == body.suggestion), None)
    if suggestion is None:
        raise Invalid.field("/suggestion", "Name the suggestion of this proposal that you approve.")
    if body.action_digest is None:
        raise Invalid.field("/action_digest", "Send the action_digest that you were shown.")
    return decide.approve(
        suggestion,
        reviewer=person_of(request),
        actor=actor_of(request),
        shown_digest=body.action_digest,
        arguments=body.arguments,
        reason=body.reason,
        shown=body.looks,
    )


def _end(suggestions: Sequence[Suggestion], body: DecisionBody, request: Request) -> Decided:
    verb = decide.reject if body.verdict == "reject" else decide.give_back
    return verb(
        suggestions[0].proposal_id,
        reviewer=person_of(request),
        actor=actor_of(request),
        reason=body.reason,
        shown=body.looks,
    )


def _escalate(suggestions: Sequence[Suggestion], body: DecisionBody, request: Request) -> Decided:
    team = Team.objects.filter(pk=body.team or "").first()
    if team is None:
        raise Invalid.field("/team", "Name the team, by its slug, that is to decide.")
    return decide.escalate(
        suggestions[0].proposal_id,
        to=team,
        reviewer=person_of(request),
        actor=actor_of(request),
        reason=body.reason,
        shown=body.looks,
    )


def _presented(decided: Decided) -> DecisionAnswer:
    decision, resolution = decided.decision, decided.resolution
    return DecisionAnswer(
        id=decision.pk,
        proposal=decision.proposal_id,
        verdict=decision.verdict,
        suggestion=decision.suggestion_id,
        action_digest=decision.action_digest or None,
        resolution=resolve.presented(resolution) if resolution else None,
        check=checks.told(decided.check) if decided.check else None,
    )
