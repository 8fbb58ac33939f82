"""Checking afterwards over the API, with a reviewer's token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.vigilance import samples
from approvals.vigilance.samples import asked_of
from audit.asking.answers import Answer, Id, Next, OneOf
from audit.asking.bodies import Strict, check
from audit.asking.parameters import one_of, page_of
from audit.ground.unseen import shown
from governance.door.authentication import person_of
from governance.door.deciders import DECIDES
from governance.door.permissions import has_permission
from suggestions.models import Sample

PAGE = 50
STATES = [status for status in Sample.Status.values if status != Sample.Status.CHOSEN]


class SampleLinks(Answer):
    """Addresses on this server."""

    page: str = Field(description="For people.")
    answer: str


class SampleAnswer(Answer):
    """Something that passed by itself and is checked afterwards."""

    id: Id
    proposal: Id
    agent: str
    action: str
    sentence: str
    team: str
    status: Annotated[str, OneOf(STATES)]
    opened_at: datetime | None
    deadline: datetime | None
    ended_at: datetime | None
    reviewer: str | None
    links: SampleLinks


class SamplePage(Answer):
    """The newest first."""

    samples: list[SampleAnswer]
    next: Next


class AnswerBody(Strict):
    answer: Literal["right", "wrong"]
    reason: str = Field("", max_length=2_000, description="What was wrong; needed with `wrong`.")


class Samples(APIView):
    permission_classes = [has_permission("suggestions.view_proposal")]

    @extend_schema(
        operation_id="list_samples",
        responses={200: SamplePage},
        parameters=[
            OpenApiParameter("status", str, enum=STATES, description="`open` where left out."),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What was carried out without a person and is asked about, or was."""
        status = one_of(request, "status", STATES, otherwise=Sample.Status.OPEN)
        page = page_of(request, asked_of(person_of(request)).filter(status=status), size=PAGE)
        return Response(SamplePage(samples=[_presented(one) for one in page.rows], next=page.next))


class AnswerSample(APIView):
    permission_classes = [has_permission(DECIDES)]

    @extend_schema(operation_id="answer_sample", request=AnswerBody, responses={200: SampleAnswer})
    def post(self, request: Request, sample_id: UUID) -> Response:
        """Say whether it was right that this passed. "wrong" demotes the agent at once."""
        reviewer = person_of(request)
        sample = asked_of(reviewer).filter(pk=sample_id).first()
        if sample is None:
            raise Http404
        body = check(AnswerBody, request.data)
        answered = samples.answer(
            sample,
            right=body.answer == "right",
            reviewer=reviewer,
            actor=reviewer.as_actor(session=str(request.auth), authenticated_by="api_token"),
            reason=body.reason,
        )
        return Response(_presented(answered))


def _presented(sample: Sample) -> SampleAnswer:
    return SampleAnswer(
        id=sample.pk,
        proposal=sample.proposal_id,
        agent=sample.agent.name,
        action=sample.action,
        sentence=shown(sample.proposal.sentence),
        team=sample.team_id,
        status=sample.status,
        opened_at=sample.opened_at,
        deadline=sample.deadline,
        ended_at=sample.ended_at,
        reviewer=sample.reviewer.printed_name if sample.reviewer else None,
        links=SampleLinks(
            page=f"/queue/{sample.proposal_id}/", answer=f"/api/v1/samples/{sample.pk}/answer/"
        ),
    )
