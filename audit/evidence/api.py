"""The log over the API: in pages, and as a stream."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.answers import Answer, DocumentedAs, left_out
from audit.asking.parameters import check_only, whole
from audit.asking.permissions import MayExportEvents, MayReadEvents
from audit.asking.who import actor_of
from audit.evidence.export import FORMATS, download, export
from audit.ground.refusals import Invalid
from audit.log.read import LARGEST_ID, NAMES, Filters
from audit.sealing.sealed import SealedEvent, following

PAGE, LARGEST_PAGE = 100, 1_000
TYPE = OpenApiParameter(
    "type", str, description="`proposal.submitted`, or `proposal.` for all that begin so."
)
SINCE = OpenApiParameter("since", OpenApiTypes.DATETIME, description="Written at that time or later.")
UNTIL = OpenApiParameter("until", OpenApiTypes.DATETIME, description="Written before that time.")
ABOUT = [
    OpenApiParameter("actor", str, description="Name of who did it, as it is printed."),
    OpenApiParameter("action", str, description="Name of the kind of action."),
    OpenApiParameter("proposal", OpenApiTypes.UUID, description="All that happened to one."),
]


class ActorAnswer(Answer):
    """Who did it, with the name they had at that time."""

    type: Literal["user", "agent", "policy", "timer", "worker", "system", "anonymous"]
    id: str
    name: str
    session: str = left_out("Of a person: a hash of the session, or the start of the token.")
    authenticated_by: str = left_out("Of a person: how they proved who they are, as `password+totp`.")


class EventAnswer(Answer):
    """One line of the log; `position` counts it and all before it, and is what `after` takes."""

    position: int = Field(description="`leaf_index` + 1.")
    leaf_index: int = Field(description="Its place in the sealed order, from 0, which never changes.")
    v: int = Field(description="Which form of a line this is.")
    id: str
    at: str = Field(description="RFC 3339, in UTC, to the microsecond.")
    type: str = Field(description="A noun and what happened to it: `proposal.submitted`.")
    actor: Annotated[dict[str, Any], DocumentedAs(ActorAnswer)]
    proposal: str = left_out("The proposal that it is about, if of one.")
    data: dict[str, Any] = Field(description="Facts, versions and digests; each type of event has its own.")


class EventPage(Answer):
    """Events in sealed order. A page can be short, even empty, and have a next one all the same."""

    events: list[EventAnswer]
    next: int | None = Field(description="The `after` of the next page; null: no more yet.")
    read_to: int = Field(description="How many entries were read: the `after` to go on with later.")


class Events(APIView):
    permission_classes = [MayReadEvents]

    @extend_schema(
        operation_id="list_events",
        responses={200: EventPage},
        parameters=[
            OpenApiParameter(
                "after", int, description="Position of the last event seen, or the `read_to` of a page."
            ),
            TYPE,
            OpenApiParameter("limit", int, description=f"At most {LARGEST_PAGE}; {PAGE} when left out."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The sealed log from its beginning, or after a position. Events are sealed in a second or two."""
        check_only(request, {"after", "type", "limit"})
        filters = Filters.read(request.query_params, allowed=["type"])
        limit = _whole(request, "limit", PAGE, LARGEST_PAGE, least=1)
        found = following(filters, after=_whole(request, "after", 0, LARGEST_ID), limit=limit)
        return Response(
            EventPage(
                events=list(map(_presented, found.events)),
                next=found.read_to if found.more else None,
                read_to=found.read_to,
            )
        )


class EventsExport(APIView):
    permission_classes = [MayExportEvents]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """`format` and `Accept` are about the export; the framework would look for such a renderer."""
        [renderer] = self.get_renderers()
        return renderer, renderer.media_type

    @extend_schema(
        operation_id="export_events",
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR, (200, "text/csv"): OpenApiTypes.STR},
        parameters=[
            OpenApiParameter("format", str, required=True, enum=list(FORMATS)),
            SINCE,
            UNTIL,
            TYPE,
            *ABOUT,
        ],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The log as a stream: JSONL holds the exact lines, CSV is for spreadsheets. Itself an event."""
        check_only(request, {"format", *NAMES})
        filters = Filters.read(request.query_params, allowed=NAMES)
        wanted = request.query_params.get("format", "")
        if wanted not in FORMATS:
            raise Invalid.field("?format", f"One of {', '.join(FORMATS)}.")
        return download(wanted, export(wanted, filters, actor=actor_of(request)))


def _presented(sealed: SealedEvent) -> EventAnswer:
    place = sealed.leaf_index
    return EventAnswer(position=place + 1, leaf_index=place, **json.loads(sealed.event.body))


def _whole(request: Request, name: str, otherwise: int, most: int, *, least: int = 0) -> int:
    found = whole(request.query_params.get(name, str(otherwise)), least=least, most=most)
    if found is None:
        raise Invalid.field(f"?{name}", f"Give a whole number from {least} to {most}.")
    return found
