"""What a policy in the shadow would have said otherwise, on a page and over the API."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.asking.parameters import check_only, cursor_of, one_of
from audit.ground.figures import count
from audit.ground.ids import read_uuid
from audit.ground.unseen import shown
from governance.door.authentication import person_of
from governance.door.permissions import has_permission
from governance.models import PolicyVersion, User
from governance.policies.obligations import KEPT, compared
from suggestions.intake import shadow
from suggestions.models import ShadowDifference
from suggestions.trying.answers import DifferenceAnswer, DifferencePage, ProposalPlaces
from suggestions.trying.shown import SAID

SEE = "governance.view_policyversion"
Kind = ShadowDifference.Kind
WOULD = {"auto_approve": "pass", "review": "be reviewed", "block": "be blocked"}
WAS = {"auto_approve": "passing", "review": "being reviewed", "block": "being blocked"}
NOT_SAID = {"passed": "Passed by policy", "blocked": "Blocked by policy", "nobody": "No answer yet, or none"}
ANSWERS = SAID | NOT_SAID


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def differences(request: HttpRequest, policy: str) -> HttpResponse:
    """How often it said the same, and where it did not."""
    version = get_object_or_404(PolicyVersion, pk=policy)
    asked = request.GET.get("kind", "")
    kind = asked if asked in Kind.values else ""
    before = read_uuid(request.GET.get("before", ""))
    rows = shadow.page(version, user=cast(User, request.user), kind=kind, before=before)
    here = reverse("backtests:differences", args=[version.pk])
    chosen = {"kind": kind} if kind else {}
    first = f"{here}?{urlencode(chosen)}" if chosen else here
    older = {**chosen, "before": rows[shadow.PAGE - 1].pk} if len(rows) > shadow.PAGE else None
    context = {
        "version": version,
        "version_name": version.pk.removeprefix("sha256:")[:12],
        "version_url": f"/governance/policies/{version.pk}/",
        **summary(version),
        "rows": [_row(row) for row in rows[: shadow.PAGE]],
        "tabs": [
            {"label": label, "url": f"{here}?{urlencode({'kind': k})}" if k else here, "current": k == kind}
            for k, label in [("", "All"), *((k.value, k.label.capitalize()) for k in Kind)]
        ],
        "next_url": f"{here}?{urlencode(older)}" if older else None,
        "previous_url": first if before else None,
    }
    return render(request, "suggestions/trying/differences.html", context)


class Differences(APIView):
    permission_classes = [has_permission(SEE)]

    @extend_schema(
        operation_id="list_shadow_differences",
        responses={200: DifferencePage},
        parameters=[
            OpenApiParameter("kind", str, enum=Kind.values),
            OpenApiParameter("cursor", OpenApiTypes.UUID, description="`next` of the page before."),
        ],
    )
    def get(self, request: Request, policy: str) -> Response:
        """What a policy in the shadow has seen, and would have said otherwise, the newest first."""
        check_only(request, {"kind", "cursor"})
        version = get_object_or_404(PolicyVersion, pk=policy)
        kind = one_of(request, "kind", Kind.values)
        cursor = request.query_params.get("cursor", "")
        before = cursor_of(cursor) if cursor else None
        told = shadow.told(version)
        rows = shadow.page(version, user=person_of(request), kind=kind, before=before)
        page = rows[: shadow.PAGE]
        answer = DifferencePage(
            in_shadow=version.shadow,
            looked_at=told.looked_at,
            same=told.same,
            different=told.different,
            capped=told.capped,
            answers=told.kinds,
            differences=[_presented(row) for row in page],
            next=page[-1].pk if len(rows) > shadow.PAGE else None,
        )
        return Response(answer)


def summary(version: PolicyVersion) -> dict[str, Any]:
    """The counts, in the words of a page."""
    told = shadow.told(version)
    used = [answer for answer in ANSWERS if any(answer in found for found in told.kinds.values())]
    return {
        "in_shadow": version.shadow,
        "looked_at": told.looked_at,
        "said": f"Same on {told.same:,} of {told.looked_at:,} proposals, different on {told.different:,}.",
        "capped": count(shadow.MOST) if told.capped else "",
        "answers": [ANSWERS[answer] for answer in used],
        "kinds": [
            {
                "label": Kind(kind).label.capitalize(),
                "count": count(sum(found.values())),
                "answers": [{"label": ANSWERS[a], "count": count(found.get(a, 0))} for a in used],
            }
            for kind, found in sorted(told.kinds.items(), key=lambda item: Kind.values.index(item[0]))
        ],
        "answered_most": count(shadow.ANSWERED_MOST),
    }


def _presented(row: ShadowDifference) -> DifferenceAnswer:
    return DifferenceAnswer(
        proposal=row.pk,
        kind=row.kind,
        differs=row.differs,
        was=row.was,
        would=row.would,
        status=row.proposal.status,
        links=ProposalPlaces(page=f"/queue/{row.pk}/", api=f"/api/v1/proposals/{row.pk}/"),
    )


def _row(row: ShadowDifference) -> dict[str, Any]:
    proposal = row.proposal
    resolution = getattr(proposal, "resolution", None)
    return {
        "url": f"/queue/{row.pk}/",
        "sentence": shown(proposal.sentence),
        "agent": proposal.agent.name,
        "kind": row.get_kind_display(),
        "changes": _changes(row),
        "rules": row.would.get("rules", []),
        "status": proposal.status,
        "status_label": proposal.get_status_display(),
        "decided_by": resolution.actor_name if resolution else "",
        "created": proposal.created_at,
    }


def _changes(row: ShadowDifference) -> list[str]:
    """What differs, in words."""
    if "error" in row.differs:
        return [f"It stopped with {row.would.get('error', 'an error')}."]
    was, would = row.was, row.would
    said = []
    if "verdict" in row.differs:
        said.append(f"would {WOULD[would['verdict']]} instead of {WAS[was['verdict']]}")
    elif "wished" in row.differs:
        said.append(
            f"would {WOULD[would['wished']]} instead of {WAS[was['wished']]}, had the agent earned it"
        )
    if "teams" in row.differs:
        said.append(f"teams: {', '.join(would['teams'])} instead of {', '.join(was['teams'])}")
    said += [compared(name, was.get(name), would.get(name)) for name in KEPT if name in row.differs]
    return said
