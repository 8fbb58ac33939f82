"""Which proposals may be answered together with others, and in words why one may not.

Only what can be shown whole in a line of a table, and only what asks for no more care than a table
gives: nothing critical, nothing with a step-up, nothing that the policy keeps apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Exists, OuterRef, Prefetch, QuerySet, Value, When
from django.db.models.functions import Now

from approvals.models import Decision
from approvals.showing.arguments import as_text, in_words
from approvals.showing.statuses import status_label
from audit.ground.unseen import is_honest
from audit.statements.prepared import execute
from execution.models import FormerExecution
from governance.door.teams import slugs_of
from governance.models import ActionType, Risk, Team, User
from governance.schemas.data_classes import Marks
from governance.showing.labels import holding, left_out, ordered
from governance.showing.sentences import PLACE, path_label, wording
from governance.showing.values import in_the_middle
from suggestions.answering.obligations import obligations_of
from suggestions.intake.concerns import contradictions
from suggestions.models import Proposal, Suggestion, seen_by, visible_sql

MOST = 100
LONGEST_VALUE = 120  # characters that stand whole in a cell
MOST_VALUES = 24
LOOK_AT = 500  # open proposals of an agent among which those alike are looked for
_NAMES = "jsonb_path_query_array({}.verdict, '$.rules[*].name')"
_OWN, _OTHERS = _NAMES.format("p"), _NAMES.format("o")
# What waits like a proposal `p`: of the same agent for the same action, for reasons of the same names.
ALIKE = f"""
SELECT o.id
  FROM (SELECT * FROM suggestions_proposal
         WHERE agent_id = p.agent_id AND status = 'pending' ORDER BY id DESC LIMIT {LOOK_AT}) o
 WHERE o.action = p.action AND {_OTHERS} @> {_OWN} AND {_OTHERS} <@ {_OWN} AND {visible_sql("o")}"""
_ALIKE = f"""
SELECT alike.id FROM suggestions_proposal p, LATERAL (
       {ALIKE} ORDER BY o.queue_order, o.deadline, o.id LIMIT %(most)s) alike
 WHERE p.id = %(proposal)s
"""

Path = tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A proposal with the suggestion that would be approved; `why_not` is empty where it fits."""

    proposal: Proposal
    suggestion: Suggestion
    others: list[Suggestion]
    values: dict[Path, Any]
    why_not: str
    against: tuple[str, ...] = ()  # what other open proposals would do to the same instead


def candidates(ids: Iterable[UUID], reader: User) -> list[Candidate]:
    """Those of the proposals that this person may see, in the order of the queue, in a few queries."""
    known = _with_all(Proposal.objects.visible_to(reader).filter(pk__in=list(ids)))
    teams = slugs_of(reader)
    proposals = list(known.order_by("queue_order", "deadline", "pk"))
    others = {team for p in proposals if teams.isdisjoint(p.teams) for team in p.teams}
    names = dict(Team.objects.filter(pk__in=others).values_list("pk", "name")) if others else {}
    found = [_candidate(p, reader, teams, names) for p in proposals]
    against = contradictions([one.proposal for one in found], reader)
    return [
        replace(one, against=tuple(c.sentence for c in against.get(one.proposal.pk, ()))) for one in found
    ]


def candidate(proposal_id: UUID, reader: User) -> Candidate | None:
    """The same of a single one, as it stands in the present transaction."""
    return next(iter(candidates([proposal_id], reader)), None)


def alike(proposal: Proposal, reader: User, *, most: int = MOST + 1) -> list[UUID]:
    """What waits of the same agent for the same action and for the same reasons, this one among it.

    Reasons are the names of the rules that matched, in any order. Of the agent's newest open
    proposals `LOOK_AT` are looked at.
    """
    asked = {"proposal": proposal.pk, "most": most, **seen_by(reader)}
    return [found for (found,) in execute(_ALIKE, asked)]


def _with_all(proposals: QuerySet[Proposal]) -> QuerySet[Proposal]:
    """With all that is asked of each; `overdue` by the database's clock, `came_back` with other arguments."""
    overdue = Case(When(deadline__lte=Now(), then=Value(True)), default=False, output_field=BooleanField())
    standing = Decision.objects.filter(standing=True).select_related("reviewer")
    return (
        proposals.annotate(
            overdue=overdue, came_back=Exists(FormerExecution.objects.filter(proposal=OuterRef("pk")))
        )
        .select_related("agent", "team", "resolution")
        .prefetch_related("suggestions__action_type", Prefetch("decisions", standing, to_attr="standing"))
        .defer("context", "provenance", "summary", "salt", "resolution__arguments")
    )


def _candidate(proposal: Proposal, reader: User, teams: set[str], names: Mapping[str, str]) -> Candidate:
    first, *others = proposal.suggestions.all()
    kind = first.action_type
    values = dict([*leaves(first.arguments, kind), *defaults(first.arguments, kind)])
    why_not = (
        _undecidable(proposal, first, reader, teams, names) or _apart(proposal) or _not_whole(first, values)
    )
    if not why_not and not all(map(is_honest, (proposal.title, proposal.subject_id, proposal.subject_type))):
        why_not = "Hidden or mixed characters stand in what it is about."
    return Candidate(proposal, first, others, values, why_not)


def _undecidable(
    proposal: Proposal, first: Suggestion, reader: User, teams: set[str], names: Mapping[str, str]
) -> str:
    if proposal.status != Proposal.Status.PENDING:
        said = status_label(proposal)
        return f"{said[0].upper()}{said[1:]}, meanwhile."
    if teams.isdisjoint(proposal.teams):
        asked = " and ".join(names[team] for team in proposal.teams)
        return f"It is for {asked}; only its members decide on it."
    if proposal.overdue:  # type: ignore[attr-defined]
        return "Its time to decide is over."
    standing: list[Decision] = proposal.standing  # type: ignore[attr-defined]
    if any(d.reviewer_id == reader.pk for d in standing):
        return "You have decided on it already; it waits for somebody else."
    if proposal.agent.owner_id == reader.pk and not obligations_of(proposal).owner_may_approve:
        return "You own its agent, so somebody else has to decide."
    another = next(
        (d for d in standing if d.verdict == "approve" and d.action_digest != first.action_digest), None
    )
    if another:
        return f"{another.reviewer.printed_name} approved another version of it."
    came_back: bool = proposal.came_back  # type: ignore[attr-defined]
    return "Somebody suggests other arguments for it, to be decided by itself." if came_back else ""


def _apart(proposal: Proposal) -> str:
    asked = obligations_of(proposal)
    if proposal.risk >= Risk.CRITICAL:
        return "Its risk is critical."
    if asked.step_up:
        return "It asks for a fresh log-in and the key figure."
    return "" if asked.bulk else "The policy wants it decided by itself."


def _not_whole(suggestion: Suggestion, values: dict[Path, Any]) -> str:
    """What a line of a table would not show of it."""
    if not is_honest(suggestion.sentence):
        return "Hidden or mixed characters stand in what would happen."
    marked = Marks(suggestion.action_type.schema).of(suggestion.arguments)
    if marked.sensitive:
        return "It has a sensitive value, which no list shows."
    if len(values) > MOST_VALUES:
        return f"It has {len(values)} values, more than a table shows."
    for path, value in values.items():
        text = as_text(value)
        if not is_honest(text) or not all(map(is_honest, path)):
            return f"Hidden or mixed characters stand in {_name(suggestion, path)}."
        if len(text) > LONGEST_VALUE or "\n" in text:
            return f"{_name(suggestion, path)} is too long for a table."
    return ""


def _name(suggestion: Suggestion, path: Path) -> str:
    label = path_label(suggestion.action_type, suggestion.arguments, path)
    return f"“{in_the_middle(label, 60)}”"


def leaves(arguments: dict[str, Any], kind: ActionType) -> Iterable[tuple[Path, Any]]:
    """Each value that stands alone, with its place: in the order of the sentence."""
    marks = wording(kind).marks
    for name in ordered(holding(marks, [marks.root], arguments), arguments):
        yield from _leaves((name,), arguments[name])


def defaults(arguments: dict[str, Any], kind: ActionType) -> Iterator[tuple[Path, str]]:
    """What is left out and has a default, in words: that is what will hold."""
    marks = wording(kind).marks
    given = left_out(marks, holding(marks, [marks.root], arguments), arguments)
    for name, value in given.items():
        yield (name,), f"left out; default {in_words(value)}"


def _leaves(path: Path, value: Any) -> Iterable[tuple[Path, Any]]:
    inside: Sequence[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = [(str(n), one) for n, one in enumerate(value, start=1)]
    if not inside:
        yield path, value
    for name, one in inside:
        yield from _leaves((*path, name), one)


def placeholders(kind: ActionType) -> set[Path]:
    """What the sentence of the action type names."""
    return {tuple(found.split(".")) for found in PLACE.findall(kind.template)}
