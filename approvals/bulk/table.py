"""Several proposals side by side: what they have in common, where they differ, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from approvals.deciding.together import Candidate, Path, placeholders
from approvals.looking.part import Last, last_of
from approvals.queue.rows import subject_of
from approvals.showing import sums
from approvals.showing.arguments import as_text
from approvals.showing.arguments import in_words as in_words_of
from approvals.showing.names import listed
from audit.ground.unseen import Piece, pieces, shown
from governance.models import Risk
from governance.showing.sentences import path_labels
from suggestions.answering.obligations import obligations_of

_MISSING = object()
_AMOUNTS = ("amount", "total", "sum", "value", "price")


@dataclass(frozen=True, slots=True)
class Cell:
    """One value; `note` says why it stands out, empty where it does not."""

    text: list[Piece]
    note: str = ""
    given: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """A value in which they differ; `total` where its numbers can be added up."""

    title: str
    is_number: bool
    total: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One proposal of a table."""

    id: str
    digest: str
    url: str
    sentence: list[Piece]
    subject: str
    agent: str
    risk: str
    rank_of: int
    others: list[list[Piece]]
    indicators: list[str]
    approvals: str
    deadline: datetime
    in_columns: list[tuple[Column, Cell]]
    contradicts: str = ""
    now: Last | None = None

    @property
    def shown(self) -> str:
        """What the form says of it: its id, the digest, and which answer of a service stood beside it."""
        look = self.now.answer.look if self.now and self.now.answer else ""
        return f"{self.id}:{self.digest}" + (f",{look}" if look else "")


@dataclass(frozen=True)
class Table:
    """Proposals of one kind of action."""

    action: str
    count: str
    common: list[tuple[str, list[Piece]]]
    columns: list[Column]
    lines: list[Line]
    several_agents: bool
    several_risks: bool

    @property
    def has_totals(self) -> bool:
        return any(column.total for column in self.columns)


@dataclass(frozen=True)
class Left:
    """One that is not among them, with why."""

    id: str
    url: str
    sentence: list[Piece]
    why: str


@dataclass(frozen=True)
class SideBySide:
    """What `approvals/bulk/bulk.html` draws."""

    tables: list[Table]
    left: list[Left]
    said: str
    number: int
    grace_seconds: float
    several_needed: bool
    of: list[str] = field(default_factory=list)  # what holds for all of them, in words


def side_by_side(found: Sequence[Candidate]) -> SideBySide:
    """Those that can be answered together as tables, and the others each with why not."""
    fitting = [one for one in found if not one.why_not]
    now = last_of([one.suggestion for one in fitting])
    tables = [_table(of_kind, now) for of_kind in _by_kind(fitting)]
    return SideBySide(
        tables=tables,
        left=[
            Left(str(one.proposal.pk), _url(one), pieces(one.suggestion.sentence), shown(one.why_not))
            for one in found
            if one.why_not
        ],
        said=in_words(fitting),
        number=len(fitting),
        grace_seconds=min((obligations_of(one.proposal).grace for one in fitting), default=0),
        several_needed=any(one.proposal.approvals_needed > 1 or one.proposal.also_teams for one in fitting),
        of=_for_all(fitting),
    )


def in_words(found: Sequence[Candidate]) -> str:
    """What they come to: "12 refunds, 512.40 in total"; "12 refunds (512.40 in total) and 3 closures"."""
    of_action: dict[str, list[Candidate]] = {}
    for one in found:
        of_action.setdefault(one.suggestion.action_type.name, []).append(one)
    said = [(sums.count_of(shown(action), len(ones)), _totals(ones)) for action, ones in of_action.items()]
    if len(said) == 1:
        [(count, totals)] = said
        return f"{count}, {totals} in total" if totals else count
    return listed([f"{count} ({totals} in total)" if totals else count for count, totals in said])


def _totals(found: Sequence[Candidate]) -> str:
    """The sums of the numbers that the sentence names; apart for each currency where there are several."""
    named = [path for path in dict.fromkeys(p for one in found for p in one.values) if _counts(path, found)]
    titles = _titles(named, found) if len(named) > 1 else {}
    told = []
    for path in named:
        sum_of = _by_unit([(one.values[path], _unit(one)) for one in found if path in one.values])
        told.append(sum_of if len(named) == 1 else f"{titles[path].lower()} {sum_of}")
    return ", ".join(told)


def _counts(path: Path, found: Sequence[Candidate]) -> bool:
    if not sums.is_amount(path[-1], [one.values.get(path) for one in found]):
        return False
    return any(path in placeholders(one.suggestion.action_type) or path[-1] in _AMOUNTS for one in found)


def _unit(one: Candidate) -> str:
    return next((shown(str(one.values[(name,)])) for name in sums.UNITS if (name,) in one.values), "")


def _by_unit(numbers: Sequence[tuple[Any, str]]) -> str:
    units = dict.fromkeys(unit for _, unit in numbers)
    of_each = {unit: sums.total_written([n for n, of in numbers if of == unit]) for unit in units}
    return " and ".join(f"{amount} {unit}".strip() for unit, amount in of_each.items())


# --- Tables -----------------------------------------------------------------------------------------


def _by_kind(found: Sequence[Candidate]) -> list[list[Candidate]]:
    kinds: dict[int, list[Candidate]] = {}
    for one in found:
        kinds.setdefault(one.suggestion.action_type_id, []).append(one)
    return list(kinds.values())


def _table(found: Sequence[Candidate], now: dict[UUID, Last]) -> Table:
    paths = list(dict.fromkeys(path for one in found for path in one.values))
    differing = [path for path in paths if _differ(found, path)]
    titles = _titles(paths, found)
    columns = [_column(found, path, titles[path]) for path in differing]
    action = shown(found[0].suggestion.action_type.name)
    return Table(
        action=action,
        count=sums.count_of(action, len(found)),
        common=[(titles[path], _text(found[0].values[path])) for path in paths if path not in differing],
        columns=[column for column, _ in columns],
        lines=[
            _line(one, [(column, cells[n]) for column, cells in columns], now.get(one.suggestion.pk))
            for n, one in enumerate(found)
        ],
        several_agents=_several(found, lambda one: one.proposal.agent_id),
        several_risks=_several(found, lambda one: one.suggestion.risk),
    )


def _several(found: Sequence[Candidate], what: Callable[[Candidate], Any]) -> bool:
    return len({what(one) for one in found}) > 1


def _differ(found: Sequence[Candidate], path: Path) -> bool:
    values = [one.values.get(path, _MISSING) for one in found]
    # True is 1 to Python and not to whoever reads it.
    return any((type(value), value) != (type(values[0]), values[0]) for value in values)


def _column(found: Sequence[Candidate], path: Path, title: str) -> tuple[Column, list[Cell]]:
    values = [one.values.get(path, _MISSING) for one in found]
    numbers = [value for value in values if value is not _MISSING]
    if all(map(sums.is_number, numbers)):
        return _number_column(found, path, values, title)
    lonely = _lonely(values)
    cells = [
        _cell(value, "the only one of these" if value is not _MISSING and as_text(value) == lonely else "")
        for value in values
    ]
    return Column(title, is_number=False), cells


def _number_column(
    found: Sequence[Candidate], path: Path, values: Sequence[Any], title: str
) -> tuple[Column, list[Cell]]:
    there = [value for value in values if value is not _MISSING]
    if not sums.is_amount(path[-1], there):
        return Column(title, is_number=True), [_cell(value, "") for value in values]
    text, far = iter(sums.written(there)), iter(sums.outliers(there))
    cells = [
        Cell([], given=False)
        if value is _MISSING
        else Cell([Piece(next(text))], "far from the others" if next(far) else "")
        for value in values
    ]
    units = [(one.values[path], _unit(one)) for one in found if path in one.values]
    return Column(title, is_number=True, total=_by_unit(units)), cells


def _lonely(values: Sequence[Any]) -> str | None:
    """The text of the one value that differs where all others are the same, among five at least."""
    texts = Counter(as_text(value) for value in values if value is not _MISSING)
    if len(values) < 5 or len(texts) != 2 or min(texts.values()) != 1 or sum(texts.values()) != len(values):
        return None
    return min(texts, key=lambda text: texts[text])


def _cell(value: Any, note: str) -> Cell:
    if value is _MISSING:
        return Cell([], given=False)
    return Cell(_text(value), note)


def _text(value: Any) -> list[Piece]:
    return pieces(in_words_of(value)) if value not in ("", [], {}) else [Piece("(empty)")]


def _titles(paths: Iterable[Path], found: Sequence[Candidate]) -> dict[Path, str]:
    """By the labels of their parts, "Address › City"; none alike, whosever they are."""
    together = {name: value for one in reversed(found) for name, value in one.suggestion.arguments.items()}
    return path_labels(found[0].suggestion.action_type, together, paths)


def _line(one: Candidate, in_columns: list[tuple[Column, Cell]], now: Last | None) -> Line:
    proposal, first = one.proposal, one.suggestion
    standing = [d for d in proposal.standing if d.verdict == "approve"]  # type: ignore[attr-defined]
    return Line(
        id=str(proposal.pk),
        digest=first.action_digest,
        url=_url(one),
        sentence=pieces(first.sentence),
        subject=subject_of(proposal) if proposal.subject_id else "",
        agent=shown(proposal.agent.name),
        risk=Risk(proposal.risk).label,
        rank_of=1 + len(one.others),
        others=[pieces(other.sentence) for other in one.others],
        indicators=[shown(str(i.get("code", ""))) for i in first.risk_indicators],
        approvals=f"{len(standing)} of {proposal.approvals_needed} approvals"
        if proposal.approvals_needed > 1
        else "",
        deadline=proposal.deadline,
        in_columns=in_columns,
        contradicts=_contradicts(one),
        now=now,
    )


def _contradicts(one: Candidate) -> str:
    """Which other open proposals would do something else to the same."""
    count = len(one.against)
    if not count:
        return ""
    return f"Contradicts another: {shown(one.against[0])}" + (f" and {count - 1} more" if count > 1 else "")


def _url(one: Candidate) -> str:
    return reverse("approvals:proposal", args=[one.proposal.pk])


def _for_all(found: Sequence[Candidate]) -> list[str]:
    """What all of them share beside their arguments; nothing of a single one."""
    if len(found) < 2:
        return []
    proposals = [one.proposal for one in found]
    told = []
    for what, values in {
        "Agent": {shown(p.agent.name) for p in proposals},
        "Team": {" and ".join(p.teams) for p in proposals},
        "Risk": {Risk(p.risk).label for p in proposals},
        "Reasons": {
            ", ".join(sorted(shown(r["name"]) for r in p.verdict.get("rules", []))) for p in proposals
        },
        "About": {shown(p.subject_type) for p in proposals},
    }.items():
        if len(values) == 1 and (value := values.pop()):
            told.append(f"{what}: {value}")
    return told
