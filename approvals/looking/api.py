"""What services say is there now, for programs that show it to people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Id, Instant, OneOf
from execution.looking import looks
from execution.models import Look
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from suggestions.answering.known import known_to
from suggestions.models import Proposal
from suggestions.past import looks as telling


class SeenAnswer(Answer):
    """One value, under the label that people see."""

    label: str
    value: Any


class LookAnswer(Answer):
    """What a service said is there now (`look`), or would change (`preview`, a dry run)."""

    id: Id
    kind: Annotated[str, OneOf(Look.Kind)]
    suggestion: Id
    says: str = Field(description="Who was asked.")
    at: Instant
    known: bool = Field(description="There is an answer.")
    status: int | None
    values: list[SeenAnswer]
    error: str = Field(description="Why there is none.")
    digest: str


class LooksAnswer(Answer):
    """The newest answers; while something is `asking`, ask again shortly."""

    looks: list[LookAnswer]
    asking: bool


class Looks(APIView):
    permission_classes = [has_permission("suggestions.view_proposal")]

    @extend_schema(operation_id="list_looks", responses={200: LooksAnswer})
    def get(self, request: Request, proposal_id: UUID) -> Response:
        """What is there now, as services say. Where an open proposal has no fresh answer, one is asked for.

        A decision names what was shown by the ids, as `looks`.
        """
        suggestions = known_to(person_of(request), proposal_id)
        if not suggestions:
            raise Http404
        proposal = suggestions[0].proposal
        found = looks.newest(proposal_id) if any(s.action_type.looks for s in suggestions) else []
        is_open = proposal.status == Proposal.Status.PENDING
        wanted = is_open and looks.is_wanted(found, suggestions)
        if wanted:
            telling.tell(proposal, [s.action_type for s in suggestions])
        answers = [_told(one, one.at) for one in found if one.at]
        on_its_way = any(one.at is None for one in found)
        return Response(LooksAnswer(looks=answers, asking=wanted or (is_open and on_its_way)))


def _told(look: Look, at: datetime) -> LookAnswer:
    return LookAnswer(
        id=look.pk,
        kind=look.kind,
        suggestion=look.suggestion_id,
        says=look.says,
        at=at,
        known=look.known,
        status=look.status,
        values=[SeenAnswer(label=label, value=value) for label, value in look.shown],
        error=look.error,
        digest=look.digest,
    )
