"""One proposal as somebody may know of it, with what it suggests, by one question."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from audit.ground.prepared import Rows
from governance.models import User
from suggestions.models import Proposal, SecondReview, Suggestion

_ASKED_AGAIN = f"""EXISTS (
    SELECT FROM {SecondReview._meta.db_table} s
     WHERE s.proposal_id = t.proposal_id AND s.second_id = %(user)s AND s.status = 'open')"""
_OF_PROPOSAL = Rows(Suggestion, "action_type", where="t.proposal_id = %s ORDER BY t.rank")
_SUGGESTED = Rows(
    Suggestion,
    "proposal",
    "action_type",
    where="t.proposal_id = %(proposal)s ORDER BY t.rank",
    also=[_ASKED_AGAIN],
)


def known_to(user: User, proposal_id: UUID) -> list[Suggestion]:
    """What a proposal suggests, by rank, where this person may know of it (`Proposal.objects.visible_to`).

    Each has its action type and the proposal, which knows all of them.
    """
    found = _SUGGESTED.with_facts({"user": user.pk, "proposal": proposal_id})
    if not found:
        return []
    first, (asked_again,) = found[0]
    if not first.proposal.may_be_known_to(user, asked_again=asked_again):
        return []
    suggestions = [suggestion for suggestion, _ in found]
    _know_each_other(first.proposal, suggestions)
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
