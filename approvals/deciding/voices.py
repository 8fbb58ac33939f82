"""What several people have said of one proposal: who agrees on what, who is missing, and their notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.deciding import together
from approvals.deciding.quorum import Standing, disagree, standing_of
from approvals.models import Comment, Decision
from approvals.showing.arguments import Argument, table
from approvals.showing.names import listed
from audit.ground.unseen import Piece, pieces, shown
from execution.models import FormerExecution
from governance.door.deciders import who_could_decide
from governance.models import ActionType, User
from governance.schemas.data_classes import Marks
from governance.showing.sentences import path_label, sentence
from suggestions.answering.obligations import ProposalObligations, obligations_of
from suggestions.models import Proposal, Suggestion

Verdict = Decision.Verdict
MOST_NAMES = 5
MOST_COMMENTS = 100
BRIEF = 96  # characters that a button shows of what it does


@dataclass(frozen=True, slots=True)
class Version:
    """What somebody made of a suggestion and approved, or an operator suggests in the place of what was
    approved: it can be approved like a suggestion, by its digest.

    `rank` goes on where the suggestions' own end; `arguments` have what the agent suggested as `before`.
    """

    rank: int
    of_rank: int
    suggestion: str
    by: str
    sentence: list[Piece]
    brief: str
    arguments: list[Argument]
    left_out: list[str]
    digest: str
    digest_short: str
    counts: bool
    of_operator: bool

    @property
    def folds(self) -> int:
        """How many parts of it open at a click."""
        return sum(argument.folds for argument in self.arguments)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Those who stand behind one action, and what it still lacks, in words."""

    label: str
    digest: str
    digest_short: str
    people: list[tuple[str, datetime]]
    editor: str
    missing: str


@dataclass(frozen=True, slots=True)
class Note:
    author: str
    at: datetime
    text: list[Piece]


@dataclass(frozen=True, slots=True)
class Voices:
    """What `approvals/detail/_agreement.html`, `_versions.html` and `_notes.html` draw.

    `asked` is what it takes, empty where one person's word is enough and nobody has said anything.
    """

    asked: str
    agreements: list[Agreement]
    disagreement: str
    rejections: str
    could: str
    versions: list[Version]
    notes: list[Note]
    more_notes: bool


def voices(
    proposal: Proposal,
    decisions: Sequence[Decision],
    suggestions: Sequence[Suggestion],
    *,
    comments: Sequence[Comment],
    names: dict[str, str],
    former: FormerExecution | None = None,
) -> Voices:
    """How those who decide stand to each other on this proposal; with the notes, whatever became of it.

    `comments` are the first ones, one more than `MOST_COMMENTS` where there are more; `names` those of the
    teams that are asked; `former` is the newest execution that was taken away, if any was.
    """
    notes = [Note(shown(c.author.printed_name), c.at, pieces(c.text)) for c in comments[:MOST_COMMENTS]]
    more = len(comments) > MOST_COMMENTS
    standing = [d for d in decisions if d.standing]
    if proposal.status != Proposal.Status.PENDING:
        return Voices("", [], "", "", "", [], notes, more)
    asked = obligations_of(proposal)
    versions = _versions(standing, suggestions, former, four_eyes=asked.four_eyes)
    ranks = {s.action_digest: s.rank for s in suggestions} | {v.digest: v.rank for v in versions}
    agreements = _agreements(proposal, standing, asked, ranks, names, former)
    several = asked.approvals > 1 or asked.rejections > 1 or bool(proposal.also_teams)
    silent = not several and not agreements
    return Voices(
        asked="" if silent else _asked(proposal, asked, names),
        agreements=agreements,
        disagreement=_disagreement(standing, ranks),
        rejections=_rejections(standing, asked),
        could="" if silent else _could(proposal, standing, asked),
        versions=versions,
        notes=notes,
        more_notes=more,
    )


# --- Versions that somebody edited --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Edit:
    """Arguments that somebody made of a suggestion's."""

    suggestion: UUID | None
    arguments: dict[str, Any]
    digest: str
    by: User
    of_operator: bool


def _versions(
    standing: Iterable[Decision],
    suggestions: Sequence[Suggestion],
    former: FormerExecution | None,
    *,
    four_eyes: bool,
) -> list[Version]:
    """One for each different action that came out of an edit, the first that was made first."""
    own = {s.pk: s for s in suggestions}
    first: dict[str, _Edit] = {}
    for edit in _edits(standing, suggestions, former):
        first.setdefault(edit.digest, edit)
    after = max((s.rank for s in suggestions), default=0)
    return [
        _version(edit, own[edit.suggestion], rank, counts=not four_eyes)
        for rank, edit in enumerate(first.values(), after + 1)
        if edit.suggestion in own
    ]


def _edits(
    standing: Iterable[Decision], suggestions: Sequence[Suggestion], former: FormerExecution | None
) -> Iterator[_Edit]:
    """That of an operator came before those that stand; it may be what the agent had suggested itself."""
    if former and former.edited_digest not in {s.action_digest for s in suggestions}:
        digest = former.edited_digest
        yield _Edit(former.suggestion_id, former.arguments, digest, former.by, of_operator=True)
    for decision in sorted(standing, key=lambda d: (d.at, d.pk)):
        if decision.verdict == Verdict.APPROVE and decision.arguments is not None:
            digest, by = decision.action_digest, decision.reviewer
            yield _Edit(decision.suggestion_id, decision.arguments, digest, by, of_operator=False)


def _version(edit: _Edit, suggestion: Suggestion, rank: int, *, counts: bool) -> Version:
    kind, arguments = suggestion.action_type, edit.arguments
    # Only what was changed stands against what the agent had suggested.
    before = {n: v for n, v in suggestion.arguments.items() if arguments.get(n, v) != v}
    return Version(
        rank=rank,
        of_rank=suggestion.rank,
        suggestion=str(suggestion.pk),
        by=shown(edit.by.printed_name),
        sentence=pieces(sentence(kind, arguments, found=Marks(kind.schema).of(arguments))),
        brief=brief(kind, arguments),
        arguments=table(kind.schema_as_written, arguments, before, id=str(rank)),
        left_out=_left_out(kind, suggestion.arguments, arguments),
        digest=edit.digest,
        digest_short=shortened(edit.digest),
        counts=counts,
        of_operator=edit.of_operator,
    )


def _left_out(kind: ActionType, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What was taken out, by its label; what has a default stands in the table, with that."""
    defaults = {path[0] for path, _ in together.defaults(now, kind)}
    gone = [name for name in before if name not in now and name not in defaults]
    return [path_label(kind, before, (name,)) for name in gone]


def brief(kind: ActionType, arguments: dict[str, Any]) -> str:
    """The sentence as a button has room for it: what decides is in it, and how much more there is."""
    return sentence(kind, arguments, found=Marks(kind.schema).of(arguments), longest=BRIEF)


def shortened(digest: str) -> str:
    return f"{digest[:11]}…{digest[-4:]}"


# --- Who agrees, and who is missing -------------------------------------------------------------------


def _agreements(
    proposal: Proposal,
    standing: Sequence[Decision],
    asked: ProposalObligations,
    ranks: dict[str, int],
    names: dict[str, str],
    former: FormerExecution | None,
) -> list[Agreement]:
    found = []
    approving = [d for d in standing if d.verdict == Verdict.APPROVE]
    for digest in dict.fromkeys(d.action_digest for d in approving):
        of = standing_of(proposal, digest, approving, asked, former=former)
        people = [d for d in approving if d.action_digest == digest]
        editor = next((d for d in people if d.reviewer_id == of.editor), None)
        found.append(
            Agreement(
                label=str(ranks.get(digest, "")),
                digest=digest,
                digest_short=shortened(digest),
                people=[(shown(d.reviewer.printed_name), d.at) for d in people if d is not editor],
                editor=shown(editor.reviewer.printed_name) if editor else "",
                missing=_missing(of, names),
            )
        )
    return found


def _missing(standing: Standing, names: dict[str, str]) -> str:
    """ "2 more people, with somebody of Finance among them"; empty once it is enough."""
    teams = standing.missing_teams if len(names) > 1 or not standing.needed else ()
    of = listed([names.get(team, team) for team in teams])
    if not of:
        return _people(standing.needed) if standing.needed else ""
    if standing.needed <= len(teams):
        return f"somebody of {of}"
    return f"{_people(standing.needed)}, with somebody of {of} among them"


def _people(count: int) -> str:
    return "1 more person" if count == 1 else f"{count} more people"


def _asked(proposal: Proposal, asked: ProposalObligations, names: dict[str, str]) -> str:
    who = "1 person" if asked.approvals == 1 else f"{asked.approvals} people"
    of = listed([names.get(team, team) for team in proposal.teams])
    told = f"{who} of {of} must approve exactly the same action"
    if proposal.also_teams:
        told = f"{who}, with somebody of {of} among them, must approve exactly the same action"
    if asked.four_eyes:
        told += "; whoever edited it does not count"
    return f"{told}."


def _disagreement(standing: Iterable[Decision], ranks: dict[str, int]) -> str:
    """ "Ana approved 1, Ben approved 2: these do not add up."; empty where nobody disagrees."""
    said = [d for d in standing if d.verdict in (Verdict.APPROVE, Verdict.REJECT)]
    opposed = {d.verdict for d in said} == {Verdict.APPROVE, Verdict.REJECT}
    if not opposed and not disagree(said):
        return ""
    told = [f"{shown(d.reviewer.printed_name)} {_did(d, ranks)}" for d in said]
    return f"{', '.join(told)}: these do not add up."


def _did(decision: Decision, ranks: dict[str, int]) -> str:
    if decision.verdict == Verdict.REJECT:
        return "rejected it"
    return f"approved {ranks.get(decision.action_digest, 'another version')}"


def _rejections(standing: Iterable[Decision], asked: ProposalObligations) -> str:
    said = [d for d in standing if d.verdict == Verdict.REJECT]
    if asked.rejections < 2 and not said:
        return ""
    told = f"{len(said)} of {asked.rejections} rejections"
    names = ", ".join(
        f"{shown(d.reviewer.printed_name)}{f' (“{shown(d.reason[:200])}”)' if d.reason else ''}" for d in said
    )
    return f"{told}: {names}" if names else told


def _could(proposal: Proposal, standing: Iterable[Decision], asked: ProposalObligations) -> str:
    """Who could still say something, by name; a few of them where there are many."""
    spoken = {d.reviewer_id for d in standing}
    people = who_could_decide(proposal.teams).exclude(pk__in=spoken)
    if not asked.owner_may_approve:
        people = people.exclude(pk=proposal.agent.owner_id)
    found = list(people.order_by("first_name", "username")[: MOST_NAMES + 1])
    names = [shown(person.printed_name) for person in found[:MOST_NAMES]]
    if not names:
        return "Nobody else could approve it now: it can only be escalated, taken back or rejected."
    return f"Could still answer: {', '.join(names)}{' and others' if len(found) > MOST_NAMES else ''}."
