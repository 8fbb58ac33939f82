"""The log over the API: in pages, and as a stream."""

from __future__ import annotations

import json
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.parameters import check_only, whole
from audit.asking.permissions import MayExportEvents, MayReadEvents
from audit.asking.who import actor_of
from audit.evidence.export import FORMATS, download, export
from audit.ground.refusals import Invalid
from audit.log.read import LARGEST_ID, Filters, in_order
from audit.models import Event

PAGE, LARGEST_PAGE = 100, 1_000
TYPE = OpenApiParameter(
    "type", str, description="`proposal.submitted`, or `proposal.` for all that begin so."
)
SINCE = OpenApiParameter("since", OpenApiTypes.DATETIME, description="Written at that time or later.")
UNTIL = OpenApiParameter("until", OpenApiTypes.DATETIME, description="Written before that time.")


class EventAnswer(BaseModel):
    """One line of the log; `position` is where it stands, and what `after` takes."""

    position: int
    v: int
    id: str
    at: str
    type: str
    actor: dict[str, Any]
    proposal: str | None = None
    data: dict[str, Any]


class EventPage(BaseModel):
    """Events in the order of their positions, and the `after` of the next page (null: no more yet)."""

    events: list[EventAnswer]
    next: int | None


class Events(APIView):
    permission_classes = [MayReadEvents]

    @extend_schema(
        operation_id="list_events",
        responses={200: EventPage},
        parameters=[
            OpenApiParameter("after", int, description="Position of the last event seen."),
            TYPE,
            OpenApiParameter("limit", int, description=f"At most {LARGEST_PAGE}; {PAGE} when left out."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The log from its beginning, or after a position."""
        check_only(request, {"after", "type", "limit"})
        filters = Filters.read(request.query_params, allowed=["type"])
        limit = _whole(request, "limit", PAGE, LARGEST_PAGE, least=1)
        found = in_order(filters, after=_whole(request, "after", 0, LARGEST_ID), limit=limit + 1)
        events, more = found[:limit], len(found) > limit
        return Response({"events": [_presented(e) for e in events], "next": events[-1].pk if more else None})


class EventsExport(APIView):
    permission_classes = [MayExportEvents]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """`format` and `Accept` are about the export; the framework would look for such a renderer."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(
        operation_id="export_events",
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR, (200, "text/csv"): OpenApiTypes.STR},
        parameters=[
            OpenApiParameter("format", str, required=True, enum=list(FORMATS)),
            SINCE,
            UNTIL,
            TYPE,
        ],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The log as a stream: JSONL holds the exact lines, CSV is for spreadsheets. Itself an event."""
        check_only(request, {"format", "since", "until", "type"})
        filters = Filters.read(request.query_params, allowed=["since", "until", "type"])
        wanted = request.query_params.get("format", "")
        if wanted not in FORMATS:
            raise Invalid.field("?format", f"One of {', '.join(FORMATS)}.")
        return download(wanted, export(wanted, filters, actor=actor_of(request)))


def _presented(event: Event) -> dict[str, Any]:
    return {"position": event.pk, **json.loads(event.body)}


def _whole(request: Request, name: str, otherwise: int, most: int, *, least: int = 0) -> int:
    found = whole(request.query_params.get(name, str(otherwise)), least=least, most=most)
    if found is None:
        raise Invalid.field(f"?{name}", f"Give a whole number from {least} to {most}.")
    return found
