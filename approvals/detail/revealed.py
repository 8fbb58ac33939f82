"""What somebody who answered a check is told on its page; nobody is told before."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from approvals.deciding import checks
from approvals.models.checks import Check
from approvals.queue import read
from approvals.queue.read import Filters
from audit.ground.unseen import Piece, pieces
from governance.models import User
from suggestions.models import Proposal


@dataclass(frozen=True, slots=True)
class Revealed:
    """`said` and `result` are empty for whoever did not answer it themselves."""

    said: list[Piece]
    result: str
    next_url: str = ""
    has_next: bool = False


def revealed(proposal: Proposal, reader: User, query: str) -> Revealed | None:
    """That it was a check; None while it waits, and of what was none."""
    if not proposal.is_check or proposal.status == Proposal.Status.PENDING:
        return None
    check = Check.objects.select_related("proposal").filter(pk=proposal.pk, reviewer=reader).first()
    if check is None:
        return Revealed([], "")
    teams = [team.slug for team in read.teams_of(reader)]
    following = read.following(proposal, teams, Filters(), reviewer=reader)
    address = reverse("approvals:proposal", args=[following]) if following else reverse("approvals:queue")
    return Revealed(pieces(checks.told(check)), check.result, address + query, following is not None)
