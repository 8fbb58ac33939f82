"""What a decided proposal leads to, and what the reader may still do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from approvals.deciding.reopen import standing_against
from governance.door.deciders import DECIDES
from governance.models import User
from suggestions.models import Proposal, RejectedAction, Resolution


@dataclass(frozen=True, slots=True)
class Afterwards:
    """`asks_again` is from when on the agent may ask for this again; addresses are empty where they are not
    for the reader."""

    asks_again: datetime | None = None
    reopen_url: str = ""
    standing_url: str = ""


def afterwards(proposal: Proposal, reader: User, query: str) -> Afterwards:
    """Nothing, while it waits."""
    if proposal.status == Proposal.Status.REJECTED:
        return _rejected(proposal, reader, query)
    if proposal.status == Proposal.Status.APPROVED and _may_draft(proposal, reader):
        return Afterwards(standing_url=reverse("approvals:standing", args=[proposal.pk]))
    return Afterwards()


def _rejected(proposal: Proposal, reader: User, query: str) -> Afterwards:
    until = (
        RejectedAction.objects.standing()
        .filter(proposal=proposal)
        .order_by("-until")
        .values_list("until", flat=True)
        .first()
    )
    address = reverse("approvals:reopen", args=[proposal.pk]) + query
    return Afterwards(until, address if until and _may_reopen(proposal, reader) else "")


def _may_draft(proposal: Proposal, reader: User) -> bool:
    return (
        proposal.resolution.by == Resolution.By.HUMAN
        and not proposal.also_teams
        and reader.has_perm(DECIDES)
        and proposal.agent.owner_id != reader.pk
        and reader.teams.filter(pk=proposal.team_id).exists()
    )


def _may_reopen(proposal: Proposal, reader: User) -> bool:
    return (
        reader.has_perm(DECIDES)
        and proposal.agent.owner_id != reader.pk
        and standing_against(proposal, reader).exists()
    )
