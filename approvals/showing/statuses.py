"""What became of a proposal, in a few words."""

from __future__ import annotations

from audit.ground.unseen import shown
from suggestions.models import Proposal, Resolution


def status_label(proposal: Proposal) -> str:
    """How it ended and by whom: "approved by Ben"; empty while it waits."""
    if proposal.status == Proposal.Status.PENDING:
        return ""
    resolution = getattr(proposal, "resolution", None)
    if resolution is None or resolution.by == Resolution.By.TIMER:
        return str(proposal.status)
    return f"{proposal.status} by {shown(resolution.actor_name)}"
