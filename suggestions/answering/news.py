"""That a proposal changed: its next version, and a hint to whoever has it open."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from audit.ground.announce import announce
from audit.statements.writes import change
from suggestions.models import Proposal


def changed(proposal: Proposal, *fields: str) -> None:
    """Save these fields of a locked proposal with its next version, and announce it once committed."""
    proposal.version += 1
    change(proposal, "version", *fields)
    transaction.on_commit(partial(announce, proposal.pk), robust=True)
