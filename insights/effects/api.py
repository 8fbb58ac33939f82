"""What was found of effects, over the API."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, ShareAnswer
from governance.door.permissions import has_permission
from insights.effects.figures import MOST, SPANS, Effects, Filters, page


class EffectsAnswer(Answer):
    """Of an agent and an action, of the newest that came to an end: what was found of the effects."""

    agent: str
    action: str
    ended: int = Field(description=f"The newest, {MOST} at most.")
    verified: ShareAnswer = Field(description="The effect was looked for and found; of all with a verdict.")
    unverified: int = Field(description="Nobody looked, or there is the agent’s word alone.")
    unverifiable: int = Field(description="It was looked for and could not be seen.")
    mismatch: int = Field(description="It was said to be done, and is not there.")
    failed: int
    unknown: int = Field(description="It may have taken effect, and nobody knows: no failure.")
    waiting: int = Field(description="For a person, for another reason.")


class EffectsPage(Answer):
    pairs: list[EffectsAnswer]
    next: str | None = Field(description="The `cursor` of the page after this one; null: it is the last.")


class EffectsFound(APIView):
    permission_classes = [has_permission("governance.view_autonomy")]

    @extend_schema(
        operation_id="list_effects",
        responses={200: EffectsPage},
        parameters=[
            OpenApiParameter("days", int, enum=list(SPANS), description="Else 30."),
            OpenApiParameter("agent", str),
            OpenApiParameter("action", str),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """How much of what was said to be done was seen to be done, by agent and action."""
        asked = {name: str(value) for name, value in request.query_params.items()}
        agent, _, action = asked.get("cursor", "").partition("|")
        found = page(Filters.read(asked), after=(agent, action))
        following = "|".join(found.next) if found.next else None
        return Response(EffectsPage(pairs=[_told(row) for row in found.rows], next=following))


def _told(row: Effects) -> EffectsAnswer:
    return EffectsAnswer(
        agent=row.agent,
        action=row.action,
        ended=row.ended,
        verified=ShareAnswer(**row.share_of("verified").as_json()),
        unverified=row.unverified,
        unverifiable=row.unverifiable,
        mismatch=row.mismatch,
        failed=row.failed,
        unknown=row.unknown,
        waiting=row.waiting,
    )
