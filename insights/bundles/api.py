"""A bundle over the API."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.asking.parameters import check_only
from audit.asking.permissions import MayExportEvents
from audit.asking.who import actor_of
from audit.evidence.api import ABOUT, SINCE, TYPE, UNTIL
from audit.log.read import NAMES
from insights.bundles import ask
from insights.bundles.views import sent


class EvidenceBundle(APIView):
    permission_classes = [MayExportEvents]

    @extend_schema(
        operation_id="export_bundle",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        parameters=[
            SINCE,
            UNTIL,
            TYPE,
            *ABOUT,
            OpenApiParameter(
                "old",
                str,
                description="A checkpoint that you kept, whole: the bundle proves that it still holds.",
            ),
        ],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Entries with all that proves them offline: a zip with its own verifier. Itself an event."""
        check_only(request, {*NAMES, "old"})
        return sent(ask.read(request.query_params), actor=actor_of(request))
