"""One proposal as somebody may know of it, with what it suggests, by one question."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from audit.statements.prepared import Rows
from governance.models import User
from suggestions.models import Proposal, Suggestion, seen_by, visible_sql

_OF_PROPOSAL = Rows(Suggestion, "action_type", where="t.proposal_id = %s ORDER BY t.rank")
_KNOWN = Rows(
    Suggestion,
    "proposal",
    "action_type",
    where=f"t.proposal_id = %(proposal)s AND {visible_sql('proposal')} ORDER BY t.rank",
)


def known_to(user: User, proposal_id: UUID) -> list[Suggestion]:
    """What a proposal suggests, by rank, where this person may know of it (`Proposal.objects.visible_to`).

    Each has its action type and the proposal, which knows all of them.
    """
    suggestions = _KNOWN({"proposal": proposal_id, **seen_by(user)})
    if suggestions:
        _know_each_other(suggestions[0].proposal, suggestions)
    return suggestions


def suggestions_of(proposal: Proposal) -> list[Suggestion]:
    """All that it suggests, by rank, with the action types; asked for once by an instance."""
    if "suggestions" not in proposal.__dict__.get("_prefetched_objects_cache", {}):
        _know_each_other(proposal, _OF_PROPOSAL([proposal.pk]))
    return list(proposal.suggestions.all())


def _know_each_other(proposal: Proposal, suggestions: list[Suggestion]) -> None:
    """As `prefetch_related` would have it."""
    for suggestion in suggestions:
        suggestion.proposal = proposal
    together: Any = proposal.suggestions.all()
    together._result_cache, together._prefetch_done = suggestions, True
    proposal.__dict__["_prefetched_objects_cache"] = {"suggestions": together}
