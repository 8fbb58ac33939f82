"""Who has what, for programs that compare it with a list of their own."""

from __future__ import annotations

from typing import Annotated

from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, Instant, OneOf
from audit.asking.parameters import check_only, one_of
from audit.ground.refusals import Invalid
from governance.access import grants
from governance.access.grants import Filters, Kind, Position
from governance.door.permissions import has_permission

PAGE = 200
_ASKED = {
    "holder": "A part of the name of a person or agent.",
    "kind": f"One of {', '.join(Kind.values)}.",
    "role": "Name of a role; then roles alone are listed.",
    "team": "Slug of a team; then memberships alone are listed.",
    "unused": f"`yes`: what nobody has used for {grants.UNUSED_DAYS} days.",
    "cursor": "`next` of the page before.",
}


class AccessGrantAnswer(Answer):
    """What somebody has. `holder` is the account of a person or the name of an agent."""

    holder: str
    name: str
    kind: Annotated[str, OneOf(Kind)]
    target: str = Field(description="Which of this kind: a role, a team's slug, the id of a key.")
    what: str = Field(description="The same in words.")
    since: Instant | None = Field(description="Null where nobody vouches for a moment.")
    given_by: str = Field(description="As the log names them; empty where that is not known.")
    last_used_at: Instant | None
    unused: bool = Field(description=f"Not used for {grants.UNUSED_DAYS} days.")
    second_factor: bool | None = Field(description="Whether the person has one; null where it is an agent's.")


class AccessGrantsAnswer(Answer):
    grants: list[AccessGrantAnswer]
    next: str | None = Field(description="The `cursor` of the page after this one; null: it is the last.")


class Grants(APIView):
    permission_classes = [has_permission("governance.view_accessreview")]

    @extend_schema(
        operation_id="list_access",
        parameters=[OpenApiParameter(name, str, description=said) for name, said in _ASKED.items()],
        responses={200: AccessGrantsAnswer},
    )
    def get(self, request: Request) -> Response:
        """Every account, role, team, key, token and standing approval that counts now, by holder."""
        check_only(request, set(_ASKED))
        one_of(request, "unused", ("yes",))
        rows, has_more = grants.page(Filters.read(request.query_params), after=_after(request), size=PAGE)
        following = Position.of(rows[-1]).as_text() if has_more else None
        return Response(AccessGrantsAnswer(grants=[_presented(row) for row in rows], next=following))


def _after(request: Request) -> Position | None:
    cursor = request.query_params.get("cursor", "")
    after = Position.read(cursor)
    if cursor and after is None:
        raise Invalid.field("?cursor", "No page before has named this.")
    return after


def _presented(grant: grants.Grant) -> AccessGrantAnswer:
    return AccessGrantAnswer(
        holder=grant.holder,
        name=grant.holder_name,
        kind=grant.kind,
        target=grant.target,
        what=grant.what,
        since=grant.since,
        given_by=grant.given_by,
        last_used_at=grant.last_used_at,
        unused=grant.is_unused,
        second_factor=grant.second_factor,
    )
