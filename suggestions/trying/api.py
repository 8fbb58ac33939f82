"""Backtests over the API, so that a team can judge its policy where it keeps it."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.bodies import Moment, Strict, check
from audit.asking.parameters import check_only
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import PolicyVersion
from suggestions.models import Backtest, Disagreement
from suggestions.trying import backtest, disagreements
from suggestions.trying.answers import BacktestAnswer, BacktestLinks, BacktestPage, DisagreementPage
from suggestions.trying.rejudge import DEFAULT_NEWEST, MOST, Chosen
from suggestions.trying.tally import name_of, sentences

NEWEST = 50
SEE, CHANGE = (
    has_permission("governance.view_policyversion"),
    has_permission("governance.change_policyversion"),
)
KINDS = {name_of(kind): kind for kind in Disagreement.Kind}


class BacktestBody(Strict):
    """Which recorded proposals to judge: the newest so many of those that fit."""

    since: Moment | None = None
    until: Moment | None = None
    agent: str = Field("", max_length=100)
    action: str = Field("", max_length=128)
    newest: int = Field(DEFAULT_NEWEST, ge=1, le=MOST, strict=True)

    def chosen(self) -> Chosen:
        return Chosen(self.since, self.until, self.agent, self.action, self.newest)


class Backtests(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [CHANGE() if self.request.method == "POST" else SEE()]

    @extend_schema(operation_id="list_backtests", responses={200: BacktestPage})
    def get(self, request: Request, policy: str) -> Response:
        """The newest backtests of a policy version."""
        version = get_object_or_404(PolicyVersion, pk=policy)
        newest = version.backtests.order_by("-id")[:NEWEST]
        return Response(BacktestPage(backtests=[presented(one) for one in newest]))

    @extend_schema(operation_id="start_backtest", request=BacktestBody, responses={202: BacktestAnswer})
    def post(self, request: Request, policy: str) -> Response:
        """Have the workers put a policy version before recorded proposals."""
        version = get_object_or_404(PolicyVersion, pk=policy)
        body = check(BacktestBody, request.data or {})
        asked = backtest.ask(version, chosen=body.chosen(), by=person_of(request), actor=actor_of(request))
        return Response(presented(asked), status=202)


class OneBacktest(APIView):
    permission_classes = [SEE]

    @extend_schema(operation_id="get_backtest", responses={200: BacktestAnswer})
    def get(self, request: Request, backtest_id: UUID) -> Response:
        """How far it is, and what it measured."""
        return Response(presented(get_object_or_404(Backtest, pk=backtest_id)))


class CancelBacktest(APIView):
    permission_classes = [CHANGE]

    @extend_schema(operation_id="cancel_backtest", request=None, responses={200: BacktestAnswer})
    def post(self, request: Request, backtest_id: UUID) -> Response:
        """End a backtest without a result."""
        backtest.cancel(backtest_id, actor=actor_of(request))
        return Response(presented(Backtest.objects.get(pk=backtest_id)))


class Disagreements(APIView):
    permission_classes = [SEE]

    @extend_schema(
        operation_id="list_disagreements",
        responses={200: DisagreementPage},
        parameters=[
            OpenApiParameter("kind", str, enum=list(KINDS)),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request, backtest_id: UUID) -> Response:
        """Where it and people disagree, the worst first: of each kind the newest that you may see."""
        check_only(request, {"kind", "cursor"})
        kind = request.query_params.get("kind")
        if kind is not None and kind not in KINDS:
            raise Invalid.field("?kind", f"One of {', '.join(KINDS)}.")
        rows, following = disagreements.page(
            get_object_or_404(Backtest, pk=backtest_id),
            user=person_of(request),
            kind=KINDS[kind] if kind else None,
            after=request.query_params.get("cursor", ""),
        )
        found = [disagreements.presented(row) for row in rows]
        return Response(DisagreementPage(disagreements=found, next=following or None))


def presented(asked: Backtest) -> BacktestAnswer:
    address = f"/api/v1/backtests/{asked.pk}/"
    return BacktestAnswer(
        id=asked.pk,
        policy=asked.policy_id,
        status=asked.status,
        chosen=asked.chosen,
        done=backtest.done(asked),
        total=asked.total,
        summary=sentences(asked.result) if asked.result else [],
        result=asked.result,
        error=asked.error,
        created_at=asked.created_at,
        started_at=asked.started_at,
        finished_at=asked.finished_at,
        links=BacktestLinks(
            self=address, disagreements=f"{address}disagreements/", page=f"/governance/backtests/{asked.pk}/"
        ),
    )
