"""The ranked suggestions of a proposal, as its page draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from approvals.deciding.voices import Version
from approvals.detail.worth import Record, Worth, records_of
from approvals.looking.part import Now
from approvals.showing.arguments import Argument, also_there, edited, table
from audit.ground.unseen import Piece, pieces, told
from governance.actions.words import hazards
from governance.models import ActionType, Risk
from governance.schemas.data_classes import Marks
from governance.showing.sentences import sentence
from suggestions.answering.obligations import obligations_of
from suggestions.models import Proposal, Resolution, Suggestion


@dataclass(frozen=True, slots=True)
class Option:
    """One ranked suggestion."""

    id: str
    rank: int
    sentence: list[Piece]
    action: str
    reversibility: str
    undo: list[str]
    by: str
    risk: str
    confidence: float | None
    confidence_worth: Worth | None
    success_probability: float | None
    success_worth: Worth | None
    arguments: list[Argument]
    also_there: list[tuple[str, list[Piece]]]
    warnings: list[str]
    digest: str
    digest_short: str
    explanation: list[Piece]
    indicators: list[dict[str, list[Piece]]]
    chosen: bool
    now: Now | None = None

    @property
    def folds(self) -> int:
        """How many parts of what would be carried out open at a click."""
        return sum(argument.folds for argument in self.arguments)

    @property
    def claims(self) -> bool:
        return any(argument.claims for argument in self.arguments)


@dataclass(frozen=True, slots=True)
class Heading:
    """What would happen, by the choice of this rank: the sentence that the server made of it."""

    rank: int
    sentence: list[Piece]


def options_of(
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    resolution: Resolution | None,
    chosen: str,
    seen: Mapping[int, Now],
) -> list[Option]:
    """`seen` is what is there now, by rank, where a service can be asked."""
    approved = str(resolution.suggestion_id) if resolution and resolution.suggestion_id else ""
    wanted = approved or chosen
    known = wanted in {str(s.pk) for s in suggestions}
    records = records_of(proposal.agent_id, {s.action_type.name for s in suggestions})
    options = [
        _option(
            proposal,
            s,
            record=records[s.action_type.name],
            chosen=str(s.pk) == wanted if known else s.rank == 1,
            now=seen.get(s.rank),
        )
        for s in suggestions
    ]
    if resolution is None or resolution.arguments is None:
        return options
    return [
        _as_approved(o, s, resolution) if str(s.pk) == approved else o
        for o, s in zip(options, suggestions, strict=True)
    ]


def headings_of(options: Sequence[Option], versions: Sequence[Version], *, open: bool) -> list[Heading]:
    """One for each that can be chosen; of what was answered the one that was."""
    if open:
        chosen = [(one.rank, one.sentence) for one in options]
        return [Heading(*one) for one in chosen + [(v.rank, v.sentence) for v in versions]]
    return [Heading(one.rank, one.sentence) for one in options if one.chosen]


def _option(
    proposal: Proposal, suggestion: Suggestion, *, record: Record, chosen: bool, now: Now | None
) -> Option:
    kind = suggestion.action_type
    schema = kind.schema_as_written
    arguments = table(schema, suggestion.arguments, suggestion.before, id=str(suggestion.rank))
    means = undone(kind, proposal)
    return Option(
        id=str(suggestion.pk),
        rank=suggestion.rank,
        sentence=pieces(suggestion.sentence),
        action=str(kind),
        reversibility=kind.get_reversibility_display(),
        undo=means.sentences,
        by=means.by,
        risk=Risk(suggestion.risk).label,
        confidence=suggestion.confidence,
        confidence_worth=record.of_confidence(suggestion.confidence),
        success_probability=suggestion.success_probability,
        success_worth=record.of_success(suggestion.success_probability),
        arguments=arguments,
        also_there=also_there(suggestion.arguments, suggestion.before),
        warnings=list(_warnings(suggestion, arguments)),
        digest=suggestion.action_digest,
        digest_short=f"{suggestion.action_digest[:11]}…{suggestion.action_digest[-4:]}",
        explanation=pieces(suggestion.explanation),
        indicators=[
            {name: pieces(str(value)) for name, value in i.items()} for i in suggestion.risk_indicators
        ],
        chosen=chosen,
        now=now,
    )


def _warnings(suggestion: Suggestion, arguments: Sequence[Argument]) -> Iterator[str]:
    """What is not as it seems, by where it stands: "3 hidden characters in Note"."""
    for argument in arguments:
        if argument.warning:
            yield f"{argument.warning} in {argument.title}"
    if found := told(pieces(suggestion.explanation)):
        yield f"{found} in what the agent says"
    indicators = (
        piece for i in suggestion.risk_indicators for text in i.values() for piece in pieces(str(text))
    )
    if found := told(indicators):
        yield f"{found} in the risk indicators"


def _as_approved(option: Option, suggestion: Suggestion, resolution: Resolution) -> Option:
    """With what the reviewer changed, for that is what runs."""
    kind = suggestion.action_type
    changes = list(edited(kind.schema_as_written, suggestion.arguments, resolution.arguments or {}))
    if not changes:
        return option
    digest = resolution.action_digest
    approved = resolution.arguments or {}
    return replace(
        option,
        sentence=pieces(sentence(kind, approved, found=Marks(kind.schema).of(approved))),
        arguments=[*option.arguments, *changes],
        digest=digest,
        digest_short=f"{digest[:11]}…{digest[-4:]}",
    )


# --- What carrying it out means -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undone:
    """`sentences` say what undoing it would mean, `by` who or what carries it out."""

    sentences: list[str]
    by: str


def undone(kind: ActionType, proposal: Proposal) -> Undone:
    """What it means to let this kind of action run, here."""
    sentences = hazards(kind)
    grace = obligations_of(proposal).grace
    if grace:
        sentences.append(f"After an approval there are {grace:g} s to undo it, before anything runs.")
    return Undone(sentences, _by(kind.workflow))


def _by(workflow: Any) -> str:
    """ "shop.internal · 2 routes"; the agent itself where nothing else is known."""
    steps = workflow.get("steps", []) if isinstance(workflow, dict) else []
    routes = [route for step in steps for route in step.get("routes", [])]
    if not routes:
        return "done by the agent"
    places = list(dict.fromkeys(filter(None, map(_place, routes))))
    counted = [f"{len(steps)} steps"] if len(steps) > 1 else []
    counted += [f"{len(routes)} routes"] if len(routes) > 1 else []
    return " · ".join([", ".join(places), *counted])


def _place(route: dict[str, Any]) -> str:
    if route.get("kind") == "handback":
        return "the agent"
    return urlsplit(str(route.get("url", ""))).hostname or str(route.get("call", ""))
