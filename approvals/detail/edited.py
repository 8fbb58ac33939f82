"""What people changed of what was suggested or approved, as the proposal's page and the history tell it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F

from approvals.editing.form import titles
from approvals.editing.page import ShownChange, in_order, shown_changes
from approvals.models import Decision
from approvals.showing.changes import Change, changes, parts
from audit.ground.unseen import Piece, pieces, shown
from execution.board.former import drawn
from execution.models import FormerExecution
from governance.models import User
from governance.schemas.data_classes import MASK, Marks
from suggestions.models import Suggestion

MOST, LONGEST = 3, 40


@dataclass(frozen=True, slots=True)
class Edit:
    """One version that somebody made of a suggestion."""

    by: str
    rank: int
    changes: list[ShownChange]


def edits_of(
    decisions: Sequence[Decision], suggestions: Sequence[Suggestion], former: FormerExecution | None = None
) -> list[Edit]:
    """Each version that somebody stands behind, once: by who made it first."""
    by_id = {suggestion.pk: suggestion for suggestion in suggestions}
    found: dict[str, Edit] = {}
    for decision in decisions:
        suggestion = by_id.get(decision.suggestion_id) if decision.suggestion_id else None
        if not (decision.standing and decision.changes and suggestion and decision.arguments is not None):
            continue
        found_changes = shown_changes(
            suggestion.action_type.schema_as_written,
            suggestion.arguments,
            decision.arguments,
            decision.changes,
        )
        is_theirs = former is not None and former.edited_digest == decision.action_digest
        maker = former.by if former and is_theirs else decision.reviewer
        edit = Edit(shown(maker.printed_name), suggestion.rank, found_changes)
        found.setdefault(decision.action_digest, edit)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class CameBack:
    """One execution that was taken away: what is otherwise than was approved, by whom and why.

    `tried` is what had been tried before, for those who may see it.
    """

    by: str
    reason: list[Piece]
    rank: int
    changes: list[ShownChange]
    tried: dict[str, Any] | None


def came_back(
    former: Sequence[FormerExecution], suggestions: Sequence[Suggestion], reader: User
) -> list[CameBack]:
    """Each of these, the newest first."""
    by_id = {suggestion.pk: suggestion for suggestion in suggestions}
    sees = reader.has_perm("execution.view_execution")
    return [_came_back(one, by_id[one.suggestion_id], sees=sees) for one in former]


def _came_back(former: FormerExecution, suggestion: Suggestion, *, sees: bool) -> CameBack:
    schema, found = suggestion.action_type.schema_as_written, changes(former.approved, former.arguments)
    return CameBack(
        by=shown(former.by.printed_name),
        reason=pieces(former.reason),
        rank=suggestion.rank,
        changes=shown_changes(schema, former.approved, former.arguments, found),
        tried=drawn(former) if sees else None,
    )


def in_short_by_proposal(proposals: Iterable[UUID]) -> dict[str, str]:
    """`in_short` of what was approved in each of these, in one query; those that nobody edited drop out."""
    approved = Decision.objects.filter(
        proposal_id__in=list(proposals),
        standing=True,
        verdict=Decision.Verdict.APPROVE,
        action_digest=F("proposal__resolution__action_digest"),
    )
    edited = approved.exclude(changes=[]).select_related("suggestion__action_type")
    return {str(decision.proposal_id): in_short(decision) for decision in edited}


def in_short(decision: Decision) -> str:
    """On one line, for lists: "edited: Amount 54.04 → 40"; empty where nothing was.

    Sensitive values are masked.
    """
    suggestion = decision.suggestion
    if not decision.changes or suggestion is None or decision.arguments is None:
        return ""
    schema = suggestion.action_type.schema_as_written
    told = [
        _line(schema, suggestion.arguments, decision.arguments, change)
        for change in in_order(schema, decision.changes)[:MOST]
    ]
    more = len(decision.changes) - MOST
    return f"edited: {'; '.join(told)}" + (f"; and {more} more" if more > 0 else "")


def _line(schema: Any, before: dict[str, Any], after: dict[str, Any], change: Change) -> str:
    side = before if change["kind"] == "removed" else after
    title = titles(schema, change["pointer"], side) or shown(change["pointer"])
    hides = _is_sensitive(schema, side, change["pointer"])
    was, now = (MASK if hides else _value(change.get(word)) for word in ("from", "to"))
    if change["kind"] == "added":
        return f"{title} added: {now}"
    return f"{title} taken out" if change["kind"] == "removed" else f"{title} {was} → {now}"


def _is_sensitive(schema: Any, arguments: dict[str, Any], pointer: str) -> bool:
    """Whether the place, what it is in, or anything within is marked."""
    at = parts(pointer)
    places = [[str(step) for step in place] for place in Marks(schema).of(arguments).sensitive]
    return any(place[: len(at)] == at[: len(place)] for place in places)


def _value(value: Any) -> str:
    text = shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
