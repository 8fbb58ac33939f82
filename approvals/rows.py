"""A proposal as one row of the queue: the same for everybody who may see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.template.loader import get_template
from django.urls import reverse

from approvals.models import Decision
from approvals.pieces import shown
from governance.models import Halt, Risk
from suggestions.models import Proposal, Resolution


@dataclass(frozen=True, slots=True)
class Row:
    """What `approvals/_row.html` draws."""

    id: str
    version: int
    url: str
    sentence: str
    agent: str
    action: str
    subject: str
    risk: str
    deadline: datetime
    status: str
    status_label: str
    teams: tuple[str, ...]
    needs: str
    sort: str
    held: bool


def rows_of(ids: Iterable[UUID]) -> list[Row]:
    """The rows of these proposals, in this order, in one query however many they are."""
    wanted = list(ids)
    found = {proposal.pk: proposal for proposal in _proposals(wanted)}
    return [row_of(found[one]) for one in wanted if one in found]


def _proposals(ids: list[UUID]) -> Iterable[Proposal]:
    standing = Q(decisions__standing=True, decisions__verdict=Decision.Verdict.APPROVE)
    # What is long (context, summary, verdict) stays where it is: a row shows none of it.
    return (
        Proposal.objects.filter(pk__in=ids)
        .select_related("agent", "resolution")
        .defer(
            "context",
            "provenance",
            "summary",
            "verdict",
            "callback_url",
            "salt",
            "resolution__arguments",
            "resolution__reason",
            "agent__allowed_actions",
        )
        .annotate(approved=Count("decisions", filter=standing), held=Exists(_halts()))
    )


def _halts() -> QuerySet[Halt]:
    everything, of_action = Q(scope=Halt.Scope.EVERYTHING), Q(action=OuterRef("action"))
    return Halt.objects.on().filter(everything | of_action | Q(agent=OuterRef("agent")))


def row_of(proposal: Proposal) -> Row:
    deadline = proposal.deadline.astimezone(UTC)
    return Row(
        id=str(proposal.pk),
        version=proposal.version,
        url=reverse("approvals:proposal", args=[proposal.pk]),
        sentence=shown(proposal.sentence),
        agent=shown(proposal.agent.name),
        action=shown(proposal.action),
        subject=subject_of(proposal),
        risk=Risk(proposal.risk).label,
        deadline=deadline,
        status=proposal.status,
        status_label=status_label(proposal),
        teams=tuple(proposal.teams),
        needs=_needs(proposal),
        sort=f"{proposal.queue_order:03d}|{deadline:%Y%m%dT%H%M%S%f}|{proposal.pk}",
        held=proposal.status == Proposal.Status.PENDING and proposal.held,  # type: ignore[attr-defined]
    )


def subject_of(proposal: Proposal) -> str:
    """Whom or what it is about: "customer 19122", or the id alone where it says the type itself."""
    named = proposal.subject_id.lower().startswith(proposal.subject_type.lower())
    return shown(proposal.subject_id if named else f"{proposal.subject_type} {proposal.subject_id}")


def status_label(proposal: Proposal) -> str:
    """How it ended and by whom: "approved by Ben"; empty while it waits."""
    if proposal.status == Proposal.Status.PENDING:
        return ""
    resolution = getattr(proposal, "resolution", None)
    if resolution is None or resolution.by == Resolution.By.TIMER:
        return str(proposal.status)
    return f"{proposal.status} by {shown(resolution.actor_name)}"


def _needs(proposal: Proposal) -> str:
    if proposal.approvals_needed < 2 or proposal.status != Proposal.Status.PENDING:
        return ""
    return f"{proposal.approved} of {proposal.approvals_needed} approvals"  # type: ignore[attr-defined]


def drawn(row: Row) -> str:
    """The row as HTML, for sockets: drawn once, sent to all."""
    return get_template("approvals/_row.html").render({"row": row})
