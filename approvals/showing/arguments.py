"""The arguments of an action as a table: what will be done, by the schema's own titles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from approvals.showing.changes import same
from approvals.showing.text_diff import Change, changes
from audit.ground.figures import count
from audit.ground.unseen import Piece, pieces, shown, told
from governance.schemas.data_classes import Marks, Place, SensitivePlaces, inside
from governance.showing.labels import holding, labels, left_out, ordered
from governance.showing.names import readable
from governance.showing.numbers import grouped, written
from governance.showing.values import in_the_middle

LONG = 600  # characters, from which on a value opens at a click
MANY_LINES = 8
DEEP = 4  # levels that are rows of their own; below, a value is shown as JSON
MOST_ROWS = 600  # of one table, nested ones included; then values are shown as JSON
_IDENTIFIER = re.compile(r"(?=.*\d)[#@]?[\w.:/+-]{3,}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")
_MISSING = object()
_SHORT = 40  # a text of at most so many characters is exchanged as a whole


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, or a part of one. What the agent says is there now is in `before`, or, within a
    longer text, in `changes`; both are None where it says nothing."""

    name: str
    title: str
    description: str
    shown: list[Piece]
    kind: str
    id: str = ""
    type: str = ""  # as people call it
    unit: str = ""
    told: str = ""  # what a date or a code means
    moment: str = ""  # a point in time, for the clock of the reader
    before: list[Piece] | None = None
    same: bool = False  # the agent says that it is so already
    difference: str = ""
    changes: list[Change] | None = None
    rows: list[Argument] = field(default_factory=list)
    long: bool = False
    length: str = ""
    sensitive: bool = False

    @property
    def claims(self) -> bool:
        """Does the agent say of it, or of a part of it, what is there now?"""
        own = self.before is not None or self.changes is not None or self.same
        return own or any(row.claims for row in self.rows)

    @property
    def folds(self) -> int:
        """How many parts of it open at a click."""
        return self.long + sum(row.folds for row in self.rows)

    @property
    def warning(self) -> str:
        """What of it is not what it seems: "3 hidden characters"; empty where all of it is."""
        return told(self._pieces())

    def _pieces(self) -> Iterator[Piece]:
        yield from pieces(self.name)
        yield from self.shown
        yield from self.before or ()
        for row in self.rows:
            yield from row._pieces()


def table(schema: Any, arguments: dict[str, Any], before: dict[str, Any], *, id: str = "") -> list[Argument]:
    """All arguments in the schema's order, then those that it does not name; nothing is left out.

    `before` is what the agent says is there now, by the same names. Objects and lists are rows of
    rows, as long as they are not too many or too deep.
    """
    return _Table(schema, arguments).rows((), arguments, before, [schema], id)


def also_there(arguments: dict[str, Any], before: dict[str, Any]) -> list[tuple[str, list[Piece]]]:
    """What the agent says is there now of what no argument names."""
    return [
        (readable(name), pieces(as_text(value))) for name, value in before.items() if name not in arguments
    ]


def edited(schema: Any, proposed: dict[str, Any], approved: dict[str, Any]) -> Iterator[Argument]:
    """What a reviewer changed before approving, each as it was approved."""
    changed = {
        name: value
        for name, value in approved.items()
        if name not in proposed or not same(proposed[name], value)
    }
    for argument in table(schema, changed, {}, id="approved"):
        if argument.kind != "left":
            yield replace(argument, title=f"{argument.title}, as approved")
    called = labels(holding(Marks(schema), [schema], approved), [*proposed, *approved])
    for name in ordered([], proposed.keys() - approved.keys()):
        yield Argument(shown(name), f"{called[name]}, as approved", "", [Piece("left out")], "string")


# --- Rows -----------------------------------------------------------------------------------------


class _Table:
    def __init__(self, schema: Any, arguments: dict[str, Any]) -> None:
        self.marks = Marks(schema)
        self.found: SensitivePlaces = self.marks.of(arguments)
        self.left = MOST_ROWS

    def rows(self, place: Place, value: Any, before: Any, schemas: Sequence[Any], id: str) -> list[Argument]:
        """A row for each part of an object or a list, and for what the agent says was there besides."""
        applying = self.marks.applying(schemas)
        parts = holding(self.marks, schemas, value)
        old = _parts(before) if type(before) is type(value) else {}
        gone = [name for name in old if name not in _parts(value)] if place else []
        called = labels(parts, [*value, *gone]) if isinstance(value, dict) else {}
        names: list[Any] = list(range(len(value)))
        if isinstance(value, dict):
            names = ordered(parts, value, as_written=True)
        self.left -= len(names)
        found = [
            self._row(
                (*place, name),
                _parts(value)[name],
                old.get(name, _MISSING),
                applying,
                f"{id}-{n}",
                called.get(name) or str(n),
            )
            for n, name in enumerate(names, start=1)
        ]
        found += [_gone(name, called.get(name) or str(name + 1), old[name]) for name in gone]
        return [*found, *self._left_out(parts, value, called, id)]

    def _left_out(
        self, parts: Sequence[dict[str, Any]], value: Any, called: dict[str, str], id: str
    ) -> Iterator[Argument]:
        """What is not given and has a default: that is what will hold."""
        given = left_out(self.marks, parts, value) if isinstance(value, dict) else {}
        for n, (name, default) in enumerate(given.items(), start=1):
            told = in_the_middle(in_words(default), LONG)
            yield Argument(
                name=shown(name),
                title=called[name],
                description="",
                shown=[Piece("left out; default "), *pieces(told)],
                kind="left",
                id=f"{id}-d{n}",
                type="left out",
            )

    def _row(
        self, place: Place, value: Any, before: Any, above: list[dict[str, Any]], id: str, title: str
    ) -> Argument:
        applying = self.marks.applying([s for s in inside(above, place[-1]) if s is not None])
        row = _described(place[-1], value, applying, title)
        row = replace(row, id=id, sensitive=place in self.found.sensitive)
        if isinstance(value, dict | list) and value and len(place) < DEEP and len(value) <= self.left:
            rows = self.rows(place, value, before, applying, id)
            so_already = before is not _MISSING and same(before, value)
            claims = before is not _MISSING and type(before) is not type(value)
            return replace(
                row, rows=rows, same=so_already, before=pieces(as_text(before)) if claims else None
            )
        within = any(found[: len(place)] == place for found in self.found.sensitive)
        return _compared(replace(_whole(row, value, applying), sensitive=within), value, before)


def _parts(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}


def _gone(name: str | int, title: str, value: Any) -> Argument:
    """A part that the agent says is there now, and would be no longer."""
    return Argument(
        shown(str(name)),
        title,
        "",
        [Piece("left out")],
        "gone",
        before=pieces(as_text(value)),
        type="no longer there",
    )


def _described(name: str | int, value: Any, applying: list[dict[str, Any]], title: str) -> Argument:
    """The row as the schema speaks of it, without its value."""
    own = [part for part in applying if "const" not in part]
    unit = _first(own, "x-unit") or _first(own, "unit")
    return Argument(
        name=shown(str(name)),
        title=title,
        description=shown(_first(own, "description")),
        shown=[],
        kind=_kind(value, applying),
        type=_type(value),
        unit=shown(unit),
    )


def _whole(row: Argument, value: Any, applying: list[dict[str, Any]]) -> Argument:
    """With its value in one piece."""
    text = as_text(value)
    long = len(text) > LONG or text.count("\n") >= MANY_LINES
    meaning, moment = _meaning(value, applying)
    return replace(
        row,
        shown=pieces(in_words(value)),
        told=meaning,
        moment=moment,
        long=long,
        length=count(len(text)) if long else "",
    )


def _compared(row: Argument, value: Any, before: Any) -> Argument:
    """With what the agent says is there now."""
    if before is _MISSING:
        return row
    if same(before, value):
        return replace(row, same=True)
    if isinstance(value, str) and isinstance(before, str) and min(len(value), len(before)) > _SHORT:
        return replace(row, changes=changes(before, value))
    said = pieces(in_words(before))
    return replace(row, before=said, difference=_difference(before, value))


def _difference(before: Any, after: Any) -> str:
    """How much more or less it is: "+842.1"; empty where that says nothing."""
    numbers = (before, after)
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e15 for n in numbers):
        return ""
    difference = Decimal(str(after)) - Decimal(str(before))
    if difference.adjusted() < -9:
        return ""
    decimals = max(0, -int(difference.normalize().as_tuple().exponent))
    sign = "−" if difference < 0 else "+"
    return f"{sign}{grouped(abs(difference), decimals)}" if difference else ""


# --- Values ---------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """A value as it is, nothing left out: text bare, everything else as JSON."""
    if isinstance(value, str):
        return value if value.strip() else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, indent=2)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return written(value)
    return json.dumps(value)


def in_words(value: Any) -> str:
    """A value as a person says it: yes, no, nothing; anything else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else as_text(value)


def _meaning(value: Any, applying: Iterable[dict[str, Any]]) -> tuple[str, str]:
    """What a code or a date means, and the point in time that it names, if it names one."""
    for part in applying:  # enums with titles are written as `oneOf` of constants
        if part.get("const", _MISSING) == value and isinstance(part.get("title"), str):
            return shown(part["title"]), ""
    if not isinstance(value, str):
        return "", ""
    try:
        if _DATE.fullmatch(value):
            return f"{date.fromisoformat(value):%A}", ""
        if _MOMENT.fullmatch(value):
            moment = datetime.fromisoformat(value)
            aware = moment.tzinfo is not None
            return f"{moment:%A}" + ("" if aware else ", no time zone"), moment.isoformat() if aware else ""
    except ValueError:
        pass  # the 31st of April: shown as it is
    return "", ""


def _first(parts: Iterable[dict[str, Any]], word: str) -> str:
    """What the nearest of these schemas says under this word."""
    return next((part[word] for part in parts if isinstance(part.get(word), str) and part[word]), "")


def _type(value: Any) -> str:
    if isinstance(value, list):
        return f"list of {len(value):,}" if value else "empty list"
    if isinstance(value, dict):
        return f"{len(value):,} field{'s' if len(value) > 1 else ''}" if value else "no fields"
    if value is None:
        return "null"
    names = {bool: "yes or no", int: "number", float: "number", str: "text" if value else "empty text"}
    return names[type(value)]


def _kind(value: Any, applying: Iterable[dict[str, Any]]) -> str:
    if isinstance(value, bool) or value is None:
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    named = any(part.get("format") in ("uuid", "uri", "email") or "enum" in part for part in applying)
    return "identifier" if named or _IDENTIFIER.fullmatch(value) else "string"
