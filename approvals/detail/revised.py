"""A proposal that revises an earlier one, beside it: what changed, and what had been asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.detail.read import Whole
from approvals.showing.arguments import as_text
from approvals.showing.statuses import status_label
from approvals.showing.text_diff import Change, changes
from audit.ground.unseen import Piece, pieces, shown
from governance.models import User
from governance.showing.labels import holding, labels, ordered
from governance.showing.sentences import wording
from suggestions.models import Proposal, Suggestion

LONGEST_CHAIN = 10
MOST_LATER = 10


@dataclass(frozen=True, slots=True)
class Link:
    """Another proposal of the chain."""

    url: str
    sentence: str
    status: str
    said: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that both say, each in its own words: what of it stays, goes and comes."""

    label: str
    changes: list[Change]

    @property
    def before(self) -> list[Change]:
        return [change for change in self.changes if change.kind != "new"]

    @property
    def now(self) -> list[Change]:
        return [change for change in self.changes if change.kind != "gone"]


@dataclass(frozen=True, slots=True)
class Revised:
    """`earlier` are those that led here, the nearest first; `later` those that revise this one."""

    earlier: list[Link]
    later: list[Link]
    feedback: list[Piece]
    feedback_by: str
    differences: list[Compared]
    same: int


def revised(whole: Whole, reader: User) -> Revised | None:
    """The chain that this proposal is in, as far as this person may see it; None where it is in none."""
    proposal, suggestions = whole.proposal, whole.suggestions
    if not (proposal.revises_id or whole.is_revised):
        return None
    visible = Proposal.objects.visible_to(reader).select_related("resolution")
    earlier = _chain(proposal, visible)
    later = list(visible.filter(revises=proposal).order_by("id")[:MOST_LATER])
    if not earlier and not later:
        return None
    compared = list(_compared(earlier[0], proposal, suggestions)) if earlier else []
    resolution = getattr(earlier[0], "resolution", None) if earlier else None
    return Revised(
        earlier=[_link(one) for one in earlier],
        later=[_link(one) for one in later],
        feedback=pieces(resolution.reason) if resolution else [],
        feedback_by=shown(resolution.actor_name) if resolution else "",
        differences=[one for one in compared if _differs(one)],
        same=sum(not _differs(one) for one in compared),
    )


def _chain(proposal: Proposal, visible: Any) -> list[Proposal]:
    found: list[Proposal] = []
    at = proposal
    while at.revises_id and len(found) < LONGEST_CHAIN:
        before = visible.filter(pk=at.revises_id).first()
        if before is None:
            break
        found.append(before)
        at = before
    return found


def _link(proposal: Proposal) -> Link:
    return Link(
        url=reverse("approvals:proposal", args=[proposal.pk]),
        sentence=shown(proposal.sentence),
        status=proposal.status,
        said=status_label(proposal) or "waiting",
        at=proposal.created_at,
    )


def _differs(compared: Compared) -> bool:
    return any(change.kind != "same" for change in compared.changes)


# --- Side by side ---------------------------------------------------------------------------------


def _compared(before: Proposal, now: Proposal, suggestions: Sequence[Suggestion]) -> Iterator[Compared]:
    yield _texts("The agent’s title", before.title, now.title)
    yield _texts("The agent’s summary", before.summary, now.summary)
    old = {one.rank: one for one in before.suggestions.select_related("action_type")}
    new = {one.rank: one for one in suggestions}
    several = len(old) > 1 or len(new) > 1
    for rank in sorted(old.keys() | new.keys()):
        of = f" of suggestion {rank}" if several else ""
        yield from _suggestions(old.get(rank), new.get(rank), of)


def _suggestions(before: Suggestion | None, now: Suggestion | None, of: str) -> Iterator[Compared]:
    if before is None or now is None or before.action_type.name != now.action_type.name:
        yield _texts(f"Action{of}", _action(before), _action(now))
    old, new = (one.arguments if one else {} for one in (before, now))
    marks = wording((now or before).action_type).marks  # type: ignore[union-attr]
    parts = holding(marks, [marks.root], new or old)
    called = labels(parts, [*new, *old])
    for name in ordered(parts, [*new, *old], as_written=True):
        yield _texts(called[name] + of, _value(old, name), _value(new, name))
    yield _texts(f"Stated confidence{of}", _share(before, "confidence"), _share(now, "confidence"))
    stated = "success_probability"
    yield _texts(f"Stated success{of}", _share(before, stated), _share(now, stated))
    yield _texts(f"Risk{of}", _risk(before), _risk(now))
    yield _texts(f"Explanation{of}", before.explanation if before else "", now.explanation if now else "")


def _texts(label: str, before: str, now: str) -> Compared:
    return Compared(label, changes(before, now))


def _action(suggestion: Suggestion | None) -> str:
    return suggestion.action_type.name if suggestion else ""


def _value(arguments: dict[str, Any], name: str) -> str:
    return as_text(arguments[name]) if name in arguments else ""


def _share(suggestion: Suggestion | None, of: str) -> str:
    stated = getattr(suggestion, of, None)
    return "" if stated is None else f"{stated:.2f}"


def _risk(suggestion: Suggestion | None) -> str:
    return suggestion.get_risk_display() if suggestion else ""
