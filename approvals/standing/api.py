"""Standing approvals over the API, with a person's token."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.standing import standing as drafting
from approvals.standing.standing import Like
from audit.asking.answers import Answer, DocumentedAs, Id, Instant, Next, OneOf
from audit.asking.bodies import Strict, check
from audit.asking.parameters import check_only, one_of, page_of
from audit.asking.who import actor_of
from audit.ground.durations import Duration
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission
from governance.models import StandingApproval
from governance.trust import standing
from governance.trust.standing import DAYS, USES, Bound
from suggestions.models import Proposal

PAGE = 50
READ = has_permission("governance.view_standingapproval")


class StandingBody(Strict):
    """The like of a proposal that a person approved: a bound for each of its arguments."""

    proposal: UUID
    arguments: dict[str, Bound]
    any_subject: bool = False
    any_version: bool = False
    lasts: Annotated[Duration, Field(gt=0, le=standing.LONGEST.total_seconds())] = DAYS * 86_400.0
    uses: int = Field(USES, ge=1, le=standing.MOST_USES, strict=True)
    note: str = Field("", max_length=300)


class RevokeBody(Strict):
    reason: str = Field("", max_length=300)


class SubjectAnswer(Answer):
    type: str
    id: str


class StandingAnswer(Answer):
    """What two people signed so that the like of a proposal passes."""

    id: Id
    status: Annotated[str, OneOf(StandingApproval.Status)]
    agent: str
    action: str
    version: int | None = Field(description="Of the action type; null: any.")
    subject: SubjectAnswer | None = Field(description="Null: any.")
    arguments: Annotated[dict[str, Any], DocumentedAs(dict[str, Bound])] = Field(
        description="Name of an argument to what it may be."
    )
    rule: str = Field(description="All of that as the condition that is asked, in CEL.")
    team: str
    proposal: Id = Field(description="The one whose like is approved.")
    note: str
    uses: int
    uses_allowed: int
    expires_at: Instant
    drafted_by: str
    activated_by: str | None
    ended_by: str | None
    ending_reason: str
    not_yet: list[str] = Field(description="Why it lets nothing pass at present, in sentences.")


class StandingPage(Answer):
    """The newest first."""

    standing_approvals: list[StandingAnswer]
    next: Next


class StandingApprovals(APIView):
    def get_permissions(self) -> list[Any]:
        drafting = has_permission(DECIDES)
        return [drafting() if self.request.method == "POST" else READ()]

    @extend_schema(
        operation_id="list_standing_approvals",
        responses={200: StandingPage},
        parameters=[
            OpenApiParameter("status", str, enum=StandingApproval.Status.values),
            OpenApiParameter("agent", str, description="Name of an agent."),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The standing approvals of the caller's teams, newest first, in pages."""
        check_only(request, {"status", "agent", "cursor"})
        rows = _visible(request)
        if status := one_of(request, "status", StandingApproval.Status.values):
            rows = rows.filter(status=status)
        if agent := request.query_params.get("agent"):
            rows = rows.filter(agent__name=agent)
        page = page_of(request, rows, size=PAGE)
        reasons = standing.not_yet(page.rows)
        found = [presented(row, reasons[row.pk]) for row in page.rows]
        return Response(StandingPage(standing_approvals=found, next=page.next))

    @extend_schema(
        operation_id="draft_standing_approval", request=StandingBody, responses={201: StandingAnswer}
    )
    def post(self, request: Request) -> Response:
        """Draft one from a proposal that a person approved; it counts once somebody else activates it."""
        body = check(StandingBody, request.data)
        visible = Proposal.objects.visible_to(person_of(request))
        proposal = visible.select_related("agent", "team", "resolution").filter(pk=body.proposal).first()
        if proposal is None:
            raise Invalid.field("/proposal", "There is no such proposal that you may see.")
        like = Like(
            arguments=body.arguments,
            any_subject=body.any_subject,
            any_version=body.any_version,
            lasts=timedelta(seconds=body.lasts),
            uses=body.uses,
            note=body.note,
        )
        approval = drafting.draft(proposal, like, reviewer=person_of(request), actor=actor_of(request))
        return Response(_one(request, approval.pk), status=201)


class ActivateStanding(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="activate_standing_approval", request=None, responses={200: StandingAnswer})
    def post(self, request: Request, approval_id: UUID) -> Response:
        """Let a draft count from now on: by a second person of its team."""
        _check_visible(request, approval_id)
        standing.activate(approval_id, by=person_of(request), actor=actor_of(request))
        return Response(_one(request, approval_id))


class RevokeStanding(APIView):
    permission_classes = [READ]

    @extend_schema(
        operation_id="revoke_standing_approval", request=RevokeBody, responses={200: StandingAnswer}
    )
    def post(self, request: Request, approval_id: UUID) -> Response:
        """End it at once: whoever might have activated it may, and operators."""
        body = check(RevokeBody, request.data or {})
        _check_visible(request, approval_id)
        standing.revoke(approval_id, by=person_of(request), actor=actor_of(request), reason=body.reason)
        return Response(_one(request, approval_id))


def _one(request: Request, approval_id: UUID) -> StandingAnswer:
    approval = _visible(request).get(pk=approval_id)
    return presented(approval, standing.not_yet([approval])[approval_id])


def presented(approval: StandingApproval, not_yet: list[str]) -> StandingAnswer:
    subject = SubjectAnswer(type=approval.subject_type, id=approval.subject_id)
    return StandingAnswer(
        id=approval.pk,
        status=approval.status,
        agent=approval.agent.name,
        action=approval.action,
        version=approval.version,
        subject=None if approval.any_subject else subject,
        arguments=approval.arguments,
        rule=approval.rule,
        team=approval.team_id,
        proposal=approval.proposal,
        note=approval.note,
        uses=approval.uses,
        uses_allowed=approval.uses_allowed,
        expires_at=approval.expires_at,
        drafted_by=approval.drafted_by.printed_name,
        activated_by=approval.activated_by.printed_name if approval.activated_by else None,
        ended_by=approval.ended_by.printed_name if approval.ended_by else None,
        ending_reason=approval.ending_reason,
        not_yet=not_yet if approval.is_open else [],
    )


def _visible(request: Request) -> Any:
    rows = StandingApproval.objects.visible_to(person_of(request))
    return rows.select_related("agent", "drafted_by", "activated_by", "ended_by")


def _check_visible(request: Request, approval_id: UUID) -> None:
    if not _visible(request).filter(pk=approval_id).exists():
        raise Http404
