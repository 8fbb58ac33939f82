"""What a reviewer makes of a suggestion: put before schema, boundaries and policy like a new one."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

from audit.refusals import Invalid, Refusal
from governance import boundaries, catalogue
from governance.boundaries import BoundaryHit
from governance.catalogue import Entry
from governance.models import PolicyVersion
from governance.passing import NOTHING_KNOWN
from governance.verdict import Verdict
from suggestions import budgets, obligations
from suggestions.history import Past
from suggestions.models import Proposal, Suggestion
from suggestions.prepare import action_digest, judged


class EditOutOfBounds(Refusal):
    """The agent's boundaries hold for what a reviewer makes of its proposals, too."""


class EditBlocked(Refusal):
    detail = "The policy blocks the action with these arguments."


@dataclass(frozen=True)
class Judged:
    """Edited arguments that may be approved: their digest, and what the policy in force says of them."""

    digest: str
    verdict: Verdict
    risk: int


def judge(proposal: Proposal, suggestion: Suggestion, arguments: dict[str, Any]) -> Judged:
    """Put edited arguments before schema, boundaries and the policy in force now; changes nothing.

    Raises `Invalid`, `EditOutOfBounds`, `EditBlocked`.
    """
    entry = catalogue.entry(suggestion.action_type)
    errors = entry.errors(arguments, "/arguments")
    if errors:
        raise Invalid(errors)
    edited = copy(suggestion)
    edited.arguments = arguments
    past = Past.of(proposal, besides=proposal)
    _check_boundaries(proposal, edited, entry, past)
    in_force = PolicyVersion.objects.active().values_list("pk", flat=True).first()
    verdict = judged(in_force, proposal, [edited], [entry], NOTHING_KNOWN, past=past)
    if verdict.verdict == "block":
        raise EditBlocked(rules=verdict.rules)
    return Judged(action_digest(entry, arguments), verdict, int(edited.risk))


def admit(proposal: Proposal, suggestion: Suggestion, arguments: dict[str, Any]) -> str:
    """The digest of edited arguments that may be approved.

    The policy in force now may ask for more people, teams or care; never for less. Raises as `judge`.
    """
    found = judge(proposal, suggestion, arguments)
    if changed := obligations.raise_to(proposal, found.verdict, risk=found.risk):
        proposal.save(update_fields=changed)
    return found.digest


def _check_boundaries(proposal: Proposal, edited: Suggestion, entry: Entry, past: Past) -> None:
    try:
        boundaries.check_classes(proposal.agent, entry, edited.arguments)
        budgets.check_edit(proposal, edited, past=past)
    except BoundaryHit as hit:
        raise EditOutOfBounds(hit.detail, boundary=hit.boundary) from hit
