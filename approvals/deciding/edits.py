"""What a reviewer makes of a suggestion: put before schema, boundaries and policy like a new one."""

from __future__ import annotations

from copy import copy
from dataclasses import asdict, dataclass
from typing import Any

from approvals.deciding.step_up import KeyFigure, key_figure
from approvals.showing.changes import Change, changes, same
from audit.ground.refusals import Invalid, Refusal
from governance.actions import catalogue
from governance.actions.catalogue import Entry
from governance.agents import boundaries
from governance.agents.boundaries import BoundaryHit
from governance.models import PolicyVersion, Risk
from governance.policies.obligations import kept_as
from governance.policies.policy import ready
from governance.policies.verdict import Verdict
from governance.showing.sentences import sentence
from governance.trust.passing import NOTHING_KNOWN
from suggestions.allowance import budgets
from suggestions.answering import obligations
from suggestions.answering.obligations import obligations_of
from suggestions.intake.draft import action_digest
from suggestions.intake.judge import judged
from suggestions.models import Proposal, Suggestion
from suggestions.past import looks
from suggestions.past.answers import Past


class EditOutOfBounds(Refusal):
    """The agent's boundaries hold for what a reviewer makes of its proposals, too."""


class EditBlocked(Refusal):
    detail = "The policy blocks the action with these arguments."


class JudgedAnew(Refusal):
    """What is asked of those who decide is not what they saw when they checked their edit."""

    detail = "What the policy asks for has changed since you checked. Nothing was approved: look again."


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
    seen = {edited.pk: looks.last(edited, arguments)} if ready(in_force).asks_look else {}
    verdict = judged(in_force, proposal, [edited], [entry], NOTHING_KNOWN, past=past, looks=seen)
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


@dataclass(frozen=True)
class Preview:
    """What an edit would come to: nothing of it has happened.

    `asked` is what would be asked of those who decide, `was_asked` what is now; `rules` are those of
    the policy in force that match, none where nothing was changed; `key_figure` is what has to be typed
    in to approve it, where that is asked for.
    """

    arguments: dict[str, Any]
    digest: str
    sentence: str
    changes: list[Change]
    was_asked: dict[str, Any]
    asked: dict[str, Any]
    rules: list[dict[str, Any]]
    key_figure: KeyFigure | None = None


def preview(proposal: Proposal, suggestion: Suggestion, arguments: dict[str, Any]) -> Preview:
    """What these arguments would do, differ in, and be asked for, by the policy in force now.

    Changes nothing. Raises as `judge`.
    """
    entry = catalogue.entry(suggestion.action_type)
    now = asks(proposal)
    if same(arguments, suggestion.arguments):
        return Preview(arguments, suggestion.action_digest, suggestion.sentence, [], now, now, [])
    found = judge(proposal, suggestion, arguments)
    would_be = copy(proposal)
    obligations.raise_to(would_be, found.verdict, risk=found.risk)
    asked = asks(would_be)
    figure = key_figure(suggestion, proposal, arguments, found.digest) if asked["step_up"] else None
    return Preview(
        arguments,
        found.digest,
        sentence(entry.type, arguments, found=entry.marks.of(arguments)),
        changes(suggestion.arguments, arguments),
        now,
        asked,
        found.verdict.rules,
        figure,
    )


def asks(proposal: Proposal) -> dict[str, Any]:
    """What is asked of those who decide, as JSON: two of these can be compared."""
    asked = {kept_as(name): value for name, value in asdict(obligations_of(proposal)).items()}
    return {**asked, "teams": proposal.teams, "risk": Risk(proposal.risk).label}


def _check_boundaries(proposal: Proposal, edited: Suggestion, entry: Entry, past: Past) -> None:
    try:
        boundaries.check_classes(proposal.agent, entry, edited.arguments)
        budgets.check_edit(proposal, edited, past=past)
    except BoundaryHit as hit:
        raise EditOutOfBounds(hit.detail, boundary=hit.boundary) from hit
