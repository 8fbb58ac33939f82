"""What the desk shows of a step-up: the key figure of each suggestion, to be typed in again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.deciding.step_up import key_figure
from approvals.models import Decision
from audit.ground.unseen import shown
from execution.models import FormerExecution
from suggestions.answering.obligations import obligations_of
from suggestions.models import Proposal, Suggestion


@dataclass(frozen=True, slots=True)
class Figure:
    digest: str
    label: str
    value: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class StepUp:
    """What `approvals/detail/_step_up.html` draws, for each action in its own form."""

    figures: list[Figure]


def step_up_of(
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    decisions: Sequence[Decision],
    former: FormerExecution | None = None,
) -> StepUp | None:
    """What approving this asks for beyond a click; None where it asks for nothing.

    What somebody made of a suggestion and others can agree with has a figure of its own.
    """
    if proposal.status != Proposal.Status.PENDING or not obligations_of(proposal).step_up:
        return None
    figures = {s.action_digest: _figure(proposal, s, s.arguments, s.action_digest) for s in suggestions}
    by_id = {s.pk: s for s in suggestions}
    if former and former.edited_digest not in figures:
        of, digest = by_id[former.suggestion_id], former.edited_digest
        figures[digest] = _figure(proposal, of, former.arguments, digest)
    for decision in decisions:
        suggestion = by_id.get(decision.suggestion_id) if decision.suggestion_id else None
        if suggestion and decision.standing and decision.arguments is not None:
            digest = decision.action_digest
            figures[digest] = _figure(proposal, suggestion, decision.arguments, digest)
    return StepUp(list(figures.values()))


def _figure(proposal: Proposal, suggestion: Suggestion, arguments: dict[str, Any], digest: str) -> Figure:
    found = key_figure(suggestion, proposal, arguments, digest)
    is_number = isinstance(found.value, int | float) and not isinstance(found.value, bool)
    return Figure(digest, shown(found.label), shown(found.shown), is_number)
