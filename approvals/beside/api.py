"""What people do about a proposal besides deciding, over the API: claim, assign, note, take back, undo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.beside import claims, comments
from approvals.deciding import decide
from approvals.deciding import undo as undoing
from approvals.deciding.api import answer_of, visible
from approvals.models import Claim, Comment
from audit.asking.answers import Answer, Id, Instant, Next
from audit.asking.bodies import Strict, check
from audit.asking.parameters import page_of
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission
from governance.models import User
from suggestions.answering.answers import ProposalAnswer

PAGE = 50
MAY_DECIDE = has_permission(DECIDES)


class ClaimBody(Strict):
    """`take_over` says aloud that somebody else’s running claim ends."""

    take_over: bool = False


class AssignBody(Strict):
    """`to` is the user name of somebody who could decide on it."""

    to: str = Field(min_length=1, max_length=150)


class CommentBody(Strict):
    text: str = Field(min_length=1, max_length=comments.LONGEST)


class ClaimAnswer(Answer):
    """Who is on a proposal, and until when; by their user names."""

    proposal: Id
    user: str
    by: str = Field(description="Who assigned it, or that same person.")
    at: Instant
    until: Instant


class CommentAnswer(Answer):
    """What somebody noted for the others who decide."""

    id: Id
    author: str
    at: Instant
    text: str


class CommentPage(Answer):
    """The oldest first."""

    comments: list[CommentAnswer]
    next: Next


class Claims(APIView):
    permission_classes = [MAY_DECIDE]

    @extend_schema(operation_id="claim", request=ClaimBody, responses={200: ClaimAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Take a lease of ten minutes, or begin one’s own anew; it tells the others and forbids nothing.

        409 while somebody else’s runs, unless it is taken over.
        """
        proposal = visible(request, proposal_id)
        body = check(ClaimBody, request.data or {})
        found = claims.claim(
            proposal.pk, user=person_of(request), actor=actor_of(request), take_over=body.take_over
        )
        return Response(_claim(found))

    @extend_schema(operation_id="release", request=None, responses={204: None})
    def delete(self, request: Request, proposal_id: UUID) -> Response:
        """Give up one’s own claim."""
        proposal = visible(request, proposal_id)
        claims.release(proposal.pk, user=person_of(request), actor=actor_of(request))
        return Response(status=204)


class Assign(APIView):
    permission_classes = [MAY_DECIDE]

    @extend_schema(operation_id="assign", request=AssignBody, responses={200: ClaimAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Put somebody on it who could decide, for a day or until its deadline."""
        proposal = visible(request, proposal_id)
        body = check(AssignBody, request.data)
        to = User.objects.filter(username=body.to).first()
        if to is None:
            raise Invalid.field("/to", "There is nobody of that name.")
        found = claims.assign(proposal.pk, to=to, by=person_of(request), actor=actor_of(request))
        return Response(_claim(found))


class Comments(APIView):
    def get_permissions(self) -> list[Any]:
        reading = self.request is not None and self.request.method == "GET"
        return [has_permission("suggestions.view_proposal")()] if reading else [MAY_DECIDE()]

    @extend_schema(
        operation_id="list_comments",
        responses={200: CommentPage},
        parameters=[OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before.")],
    )
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """What people noted beside a proposal, oldest first; agents never see it."""
        rows = visible(request, proposal_id).comments.select_related("author")
        page = page_of(request, rows, size=PAGE, oldest_first=True)
        return Response(CommentPage(comments=[_comment(one) for one in page.rows], next=page.next))

    @extend_schema(operation_id="comment", request=CommentBody, responses={201: CommentAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Note something for the others who decide."""
        proposal = visible(request, proposal_id)
        body = check(CommentBody, request.data)
        made = comments.comment(
            proposal.pk, author=person_of(request), actor=actor_of(request), text=body.text
        )
        return Response(_comment(made), status=201)


class TakeBack(APIView):
    permission_classes = [MAY_DECIDE]

    @extend_schema(operation_id="take_back", request=None, responses={200: ProposalAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Let one’s own approval or rejection stand no longer, while others are still awaited."""
        proposal = visible(request, proposal_id)
        decide.take_back(proposal.pk, reviewer=person_of(request), actor=actor_of(request))
        return Response(answer_of(request, proposal_id))


class Undo(APIView):
    permission_classes = [MAY_DECIDE]

    @extend_schema(operation_id="undo", request=None, responses={200: ProposalAnswer})
    def post(self, request: Request, proposal_id: UUID) -> Response:
        """Let one’s approval not have happened, before `undo_until` of the proposal; it waits again."""
        proposal = visible(request, proposal_id)
        undoing.undo(proposal.pk, reviewer=person_of(request), actor=actor_of(request))
        return Response(answer_of(request, proposal_id))


def _claim(claim: Claim) -> ClaimAnswer:
    return ClaimAnswer(
        proposal=claim.proposal_id,
        user=claim.user.username,
        by=claim.by.username,
        at=claim.at,
        until=claim.until,
    )


def _comment(comment: Comment) -> CommentAnswer:
    return CommentAnswer(id=comment.pk, author=comment.author.printed_name, at=comment.at, text=comment.text)
