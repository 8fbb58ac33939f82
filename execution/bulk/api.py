"""Bulk retries over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import check
from audit.asking.parameters import check_only, page_of
from audit.asking.who import actor_of
from audit.ground.unseen import shown
from execution.bulk import answers, read, start
from execution.bulk.choosing import Chosen, Preview, preview, seconds_for
from execution.models import BulkRetry
from governance.door.authentication import person_of
from governance.door.permissions import has_permission

VIEWS, ATTENDS = "execution.view_execution", "execution.attend_execution"
PAGE = 50


class PreviewBulkRetry(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="preview_bulk_retry",
        request=answers.PreviewBody,
        responses={200: answers.PreviewAnswer},
    )
    def post(self, request: Request) -> Response:
        """How many executions would be retried, which are left out and why, and how long it takes."""
        body = check(answers.PreviewBody, request.data or {})
        found = preview(body.filter.chosen(), person_of(request))
        return Response(_preview(found, body.rate))


class BulkRetries(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [has_permission(ATTENDS if self.request.method == "POST" else VIEWS)()]

    @extend_schema(
        operation_id="list_bulk_retries",
        responses={200: answers.BulkRetryPage},
        parameters=[OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before.")],
    )
    def get(self, request: Request) -> Response:
        """Those that run, and those that were."""
        check_only(request, {"cursor"})
        page = page_of(request, BulkRetry.objects.select_related("by"), size=PAGE)
        return Response(
            answers.BulkRetryPage(bulk_retries=[_bulk_retry(one) for one in page.rows], next=page.next)
        )

    @extend_schema(
        operation_id="start_bulk_retry",
        request=answers.StartBody,
        responses={201: answers.BulkRetryAnswer},
    )
    def post(self, request: Request) -> Response:
        """Have executions that need attention retried one after another, as long as that helps.

        Left out is what could act twice, what a kill switch or open breakers stop, and what is being undone.
        409 `already-runs` where the same runs, `other-bulk-retry` where the `id` was used for another one.
        """
        body = check(answers.StartBody, request.data)
        bulk = start.start(
            body.filter.chosen(),
            by=person_of(request),
            actor=actor_of(request),
            reason=body.reason,
            rate=body.rate,
            bulk_id=body.id,
            as_of=body.as_of,
        )
        return Response(_with_results(bulk), status=201)


class OneBulkRetry(APIView):
    permission_classes = [has_permission(VIEWS)]

    @extend_schema(operation_id="get_bulk_retry", responses={200: answers.BulkRetryAnswer})
    def get(self, request: Request, bulk_id: UUID) -> Response:
        """How far it is, and how those stand that were retried."""
        return Response(_with_results(_known(bulk_id)))


class StopBulkRetry(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="stop_bulk_retry",
        request=answers.ReasonBody,
        responses={200: answers.BulkRetryAnswer},
    )
    def post(self, request: Request, bulk_id: UUID) -> Response:
        """Begin none of what is left: it stays as it was. 409 `not-running` where it does not run."""
        return _change(request, bulk_id, start.stop)


class GoOnWithBulkRetry(APIView):
    permission_classes = [has_permission(ATTENDS)]

    @extend_schema(
        operation_id="go_on_with_bulk_retry",
        request=answers.ReasonBody,
        responses={200: answers.BulkRetryAnswer},
    )
    def post(self, request: Request, bulk_id: UUID) -> Response:
        """Retry what is left, from now on in your name. 409 `not-stopped`, or `already-runs`."""
        return _change(request, bulk_id, start.go_on)


def _change(request: Request, bulk_id: UUID, verb: Any) -> Response:
    body = check(answers.ReasonBody, request.data)
    verb(_known(bulk_id), by=person_of(request), actor=actor_of(request), reason=body.reason)
    return Response(_with_results(_known(bulk_id)))


def _known(bulk_id: UUID) -> BulkRetry:
    found = BulkRetry.objects.select_related("by").filter(pk=bulk_id).first()
    if found is None:
        raise Http404
    return found


def _preview(found: Preview, rate: int) -> answers.PreviewAnswer:
    return answers.PreviewAnswer(
        count=len(found.retried),
        left_out=_left_out(found.counts),
        more=found.more,
        rate=rate,
        seconds=seconds_for(len(found.retried), rate),
        as_of=found.as_of,
        examples=[
            answers.ExampleAnswer(
                execution=one.execution.pk,
                proposal=one.execution.proposal_id,
                sentence=shown(one.sentence),
                why=one.why or None,
            )
            for one in read.examples(found)
        ],
    )


def _left_out(counts: dict[str, int]) -> list[answers.LeftOutAnswer]:
    return [answers.LeftOutAnswer(why=why, count=count) for why, count in sorted(counts.items())]


def _with_results(bulk: BulkRetry) -> answers.BulkRetryAnswer:
    return _bulk_retry(bulk, answers.ResultsAnswer(**read.results(bulk)._asdict()))


def _bulk_retry(bulk: BulkRetry, results: answers.ResultsAnswer | None = None) -> answers.BulkRetryAnswer:
    chosen = Chosen.from_json(bulk.chosen)
    return answers.BulkRetryAnswer(
        id=bulk.pk,
        status=bulk.status,
        filter=answers.FilterAnswer(**vars(chosen)),
        rate=bulk.rate,
        reason=bulk.reason,
        by=bulk.by.printed_name,
        total=bulk.total,
        retried=bulk.retried,
        left_out=bulk.left_out,
        waiting=bulk.waiting,
        left_out_before=_left_out(bulk.left_out_before),
        said=bulk.said,
        said_by=bulk.said_by or None,
        said_at=bulk.said_at,
        started_at=bulk.started_at,
        ended_at=bulk.ended_at,
        results=results,
    )
