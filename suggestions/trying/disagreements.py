"""Reading where a backtest and people disagree, the worst first, in pages."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from audit.ground.refusals import Invalid
from governance.models import User
from suggestions.models import Backtest, Disagreement, Proposal
from suggestions.trying.answers import DisagreementAnswer, ProposalPlaces
from suggestions.trying.tally import name_of

PAGE = 50


def page(
    backtest: Backtest, *, user: User, kind: int | None = None, after: str = ""
) -> tuple[list[Disagreement], str]:
    """Those about proposals that this person may know of, and the cursor of the next page if there is one.

    Raises `Invalid` for a cursor that is none.
    """
    rows = (
        Disagreement.objects.filter(backtest=backtest, proposal__in=Proposal.objects.visible_to(user))
        .select_related("proposal__agent", "proposal__resolution")
        .order_by("kind", "-proposal_id")
    )
    if kind is not None:
        rows = rows.filter(kind=kind)
    if after:
        last_kind, last = _read(after)
        rows = rows.filter(Q(kind__gt=last_kind) | Q(kind=last_kind, proposal_id__lt=last))
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    return shown, f"{shown[-1].kind}.{shown[-1].proposal_id}" if len(found) > PAGE else ""


def _read(cursor: str) -> tuple[int, UUID]:
    kind, _, proposal = cursor.partition(".")
    try:
        return int(kind), UUID(proposal)
    except ValueError as error:
        raise Invalid.field("?cursor", "This is not the cursor of a page.") from error


def presented(row: Disagreement) -> DisagreementAnswer:
    return DisagreementAnswer(
        proposal=row.proposal_id,
        kind=name_of(Disagreement.Kind(row.kind)),
        verdict=row.verdict,
        answer=row.answer,
        action=row.action,
        rules=row.rules,
        agent=row.proposal.agent.name,
        created_at=row.proposal.created_at,
        links=ProposalPlaces(page=f"/queue/{row.proposal_id}/", api=f"/api/v1/proposals/{row.proposal_id}/"),
    )
