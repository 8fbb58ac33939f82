"""What a service says is there now, beside what the agent says is there: as `_now.html` draws it.

Whatever comes from the service is as hostile as an agent's text. Nothing here waits for it: what is not known
yet is on its way, and the part is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode

from approvals.showing.arguments import as_text, in_words
from approvals.showing.changes import same
from audit.ground.unseen import Piece, pieces, shown
from execution.holding.workflow import Workflow
from execution.looking import looks
from execution.looking.asking import member_of, plan_of, short
from execution.looking.premise import holds_now
from execution.models import Look
from execution.routes.result import facts_before
from governance.showing.names import readable
from suggestions.models import Proposal, Suggestion
from suggestions.past import looks as telling

# Milliseconds before each question whether the answer is there.
WAITS = (400, 600, 1_000, 1_500, 2_000, 3_000, 3_000, 4_000)
VERBS = ("reject", "return", "escalate")
EDIT = "edit"  # the form of an edit, on whose page the same part stands
_NOTHING = object()
_KIND = Look.Kind


@dataclass(frozen=True, slots=True)
class Seen:
    """One value as the service says it; beside it what the agent says, where it says anything."""

    label: str
    now: list[Piece]
    claim: list[Piece] | None = None
    differs: bool = False

    @property
    def claimed(self) -> str:
        """What the agent says, on one line and in brief."""
        return _text(self.claim)

    @property
    def found(self) -> str:
        """What the service says, likewise."""
        return _text(self.now)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, or why there is none; `note` says what of it is not as one would expect."""

    look: str
    at: datetime | None
    values: list[Seen] = field(default_factory=list)
    error: list[Piece] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True, slots=True)
class CameBack:
    """Why it waits again after it was approved: each value, before and now."""

    at: datetime | None
    reason: list[Piece]
    moved: list[tuple[str, list[Piece], list[Piece]]]


@dataclass(frozen=True, slots=True)
class Now:
    """All that is known about one suggestion; `wait` is set while something is on its way."""

    rank: int
    says: str
    url: str
    again: str
    wait: int | None
    asks_look: bool
    asks_preview: bool
    look: Answered | None
    preview: Answered | None
    differing: list[Seen]
    unmet: list[Piece]
    came_back: CameBack | None
    forms: list[str]

    @property
    def looks(self) -> list[str]:
        """What a decision says that was shown."""
        return [one.look for one in (self.look, self.preview) if one]


def now_of(
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    *,
    also: Sequence[tuple[int, int]] = (),
    tried: int = 0,
) -> dict[int, Now]:
    """What is known now about each suggestion that can be asked about, by rank; a worker asks for the rest.

    One question to the database, and none where nothing can be asked. `also` are ranks of what people made of
    a suggestion, with its own rank; `tried` is how often the page has asked already.
    """
    plans = {s.rank: plan for s in suggestions if (plan := plan_of(s.action_type))}
    if not plans or proposal.status != Proposal.Status.PENDING:
        return {}
    found = looks.newest(proposal.pk)
    drawn = {}
    for suggestion in (s for s in suggestions if s.rank in plans):
        own = [one for one in found if one.suggestion_id == suggestion.pk]
        plan = plans[suggestion.rank]
        stale = looks.stale_kinds(own, suggestion, plan)
        versions = [rank for rank, of in also if of == suggestion.rank]
        drawn[suggestion.rank] = _now(proposal, suggestion, plan, own, versions, tried if stale else None)
    if looks.is_wanted(found, suggestions):
        telling.tell(proposal, [s.action_type for s in suggestions])
    return drawn


def _now(
    proposal: Proposal,
    suggestion: Suggestion,
    plan: Workflow,
    own: Sequence[Look],
    versions: Sequence[int],
    tried: int | None,
) -> Now:
    look, dry_run = (looks.answer_among(own, suggestion, kind) for kind in (_KIND.LOOK, _KIND.PREVIEW))
    seen = _answered(look, suggestion, plan)
    says = shown(plan.look.says) if plan.look else "the service"
    given: list[tuple[str, Any]] = [("rank", suggestion.rank), *(("also", rank) for rank in versions)]
    address = f"{reverse('approvals:now', args=[proposal.pk])}?{urlencode(given)}"
    waits = tried is not None and tried < len(WAITS)
    return Now(
        rank=suggestion.rank,
        says=says,
        url=f"{address}&tried={(tried or 0) + 1}",
        again=f"{address}&tried=0",
        wait=WAITS[tried] if tried is not None and waits else None,
        asks_look=plan.look is not None,
        asks_preview=plan.preview is not None,
        look=seen,
        preview=_answered(dry_run, None, plan),
        differing=[value for value in seen.values if value.differs] if seen else [],
        unmet=pieces(_unmet(proposal, suggestion, plan, look)),
        came_back=next((_came_back(one) for one in own if one.reason), None),
        forms=[f"approve-{rank}" for rank in (suggestion.rank, *versions)]
        + [*(f"{verb}-form" for verb in VERBS), EDIT],
    )


def _answered(look: Look | None, suggestion: Suggestion | None, plan: Workflow) -> Answered | None:
    if look is None:
        return None
    if not look.known:
        return Answered(str(look.pk), look.at, error=pieces(look.error))
    claims = _claims(suggestion) if suggestion else {}
    values = [_seen(plan, label, value, claims) for label, value in look.shown]
    note = f"It answered with the status {look.status}." if (look.status or 0) >= 400 else ""
    return Answered(str(look.pk), look.at, values, note=note)


def _claims(suggestion: Suggestion) -> dict[str, Any]:
    """What the agent says is there now, by names as people read them."""
    return {_name(name): value for name, value in suggestion.before.items()}


def _name(name: str) -> str:
    return readable(name).casefold()


def _seen(plan: Workflow, label: str, value: Any, claims: dict[str, Any]) -> Seen:
    names = [label] if plan.look is None else [label, member_of(plan.look, label)]
    claim = next((claims[_name(name)] for name in names if _name(name) in claims), _NOTHING)
    if claim is _NOTHING:
        return Seen(_label(label), pieces(_said(value)))
    return Seen(_label(label), pieces(_said(value)), pieces(_said(short(claim))), _differ(claim, value))


def _label(label: str) -> str:
    """A member of an answer is called by its name, which is a program's."""
    return shown(label) if " " in label else readable(label)


def _said(value: Any) -> str:
    """A value as a person says it, lists and objects on one line."""
    nests = isinstance(value, list | dict)
    return json.dumps(value, ensure_ascii=False) if nests else in_words(value)


def _differ(claim: Any, value: Any) -> bool:
    """Numbers that somebody writes as text are the same."""
    claim = short(claim)
    try:
        return not same(claim, value) and as_text(claim) != as_text(value)
    except ValueError:
        return bool(claim != value)


def _text(said: Sequence[Piece] | None) -> str:
    text = shown("".join(piece.text for piece in said or ()))
    return text if len(text) <= 60 else f"{text[:60]}…"


def _unmet(proposal: Proposal, suggestion: Suggestion, plan: Workflow, look: Look | None) -> str:
    """Why it would not be carried out as things are, whoever approves it."""
    return (
        holds_now(plan, facts_before(proposal, suggestion.action_type, suggestion.arguments), look)
        if look
        else ""
    )


def _came_back(look: Look) -> CameBack:
    moved = [
        (_label(label), pieces(_said(short(before))), pieces(_said(short(after))))
        for label, before, after in look.moved
    ]
    return CameBack(look.at, pieces(look.reason), moved)


# --- Several at once ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Last:
    """What a service said last about one of several suggestions; no `answer` where it was not asked yet."""

    says: str
    answer: Answered | None


def last_of(suggestions: Sequence[Suggestion]) -> dict[UUID, Last]:
    """This of each that can be looked at, by their ids; nothing is asked for, and what is old says when."""
    asked = {s.pk: (s, plan) for s in suggestions if (plan := plan_of(s.action_type)) and plan.look}
    found = looks.last_of([s for s, _ in asked.values()]) if asked else {}
    return {
        pk: Last(shown(plan.look.says) if plan.look else "", _answered(found.get(pk), suggestion, plan))
        for pk, (suggestion, plan) in asked.items()
    }


# --- What somebody was shown, later ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Then:
    """What one look said when somebody decided."""

    title: str
    at: str
    values: list[tuple[str, list[Piece]]]
    error: list[Piece]


def then_of(kept: Sequence[dict[str, Any]]) -> Iterator[Then]:
    """What stands with a decision, as `approvals.looking.kept` wrote it."""
    for one in kept:
        says = shown(one["says"]) or "the service"
        dry = one["kind"] == Look.Kind.PREVIEW
        yield Then(
            f"Shown: what would change, as a dry run of {says} said" if dry else f"Shown: what {says} said",
            one["at"][:19].replace("T", " "),
            [(_label(label), pieces(_said(value))) for label, value in one["values"]],
            pieces(one["error"]),
        )
