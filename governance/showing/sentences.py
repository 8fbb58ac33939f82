"""What an action would do, as a sentence made by the server from its arguments.

The heading of a proposal, its row, its button, its notice and its line in the history are this sentence.
It is complete or says how much more there is; one digest has one sentence, however the arguments came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from governance.models import ActionType
from governance.schemas.data_classes import MASK, NOTHING, Marks, Place, SensitivePlaces, inside
from governance.showing import figures
from governance.showing.labels import Schema, alternatives, holding, labels, ordered
from governance.showing.names import readable
from governance.showing.shapes import MOST_KEPT, Left, Shape, said, shape_of
from governance.showing.values import LEFT_OUT, escaped, in_brackets, in_the_middle, plain

LONGEST = 500
LIMITS = (120, 60, 32, 20)  # characters of one text, the first with which all has room
PLACE = re.compile(r"\{([^{}]+)\}")
_OPEN, _CLOSE = '“"„«', '”"“»'
_DEEP = 4
_NESTED = (dict, list)


class _Part(NamedTuple):
    """An argument that no template names, and what of its value none does."""

    of: Left
    value: Any


class Wording:
    """The words of one action type. Made once for a type and asked for many arguments."""

    def __init__(self, action_type: ActionType) -> None:
        self.name = readable(action_type.name)
        self.template = action_type.template
        self.texts, self.named = (pieces := PLACE.split(action_type.template))[::2], pieces[1::2]
        self.marks = Marks(action_type.schema_as_written)
        root = self.marks.root
        self._always = None if alternatives(self.marks, root) else holding(self.marks, [root], {})
        self._known = frozenset(labels(self._always) if self._always else ())
        self._shapes: dict[frozenset[str], Shape] = {}

    def sentence(self, arguments: Any, *, found: SensitivePlaces = NOTHING, longest: int = LONGEST) -> str:
        """The type's template filled in, with what it does not name; without one all arguments by name.

        What is marked as sensitive (`found`) is masked: a sentence stands in lists and notices.
        """
        said = _Saying(self, arguments if isinstance(arguments, dict) else {}, found)
        for limit in LIMITS:
            text = said.whole(limit)
            if len(text) <= longest:
                return text
        return said.short(LIMITS[-1], longest)

    def shape(self, arguments: Schema) -> Shape:
        """What the names of these arguments say. Kept where the values have no say in it, and where all
        the names are the schema's: what agents may send besides has no end."""
        names = frozenset(arguments)
        if self._always is None or not names <= self._known:
            parts = self._always or holding(self.marks, [self.marks.root], arguments)
            return shape_of(parts, names, self.named)
        kept = self._shapes.get(names)
        if kept is None:
            kept = shape_of(self._always, names, self.named)
            if len(self._shapes) < MOST_KEPT:
                self._shapes[names] = kept
        return kept

    def figures(self, arguments: Any, *, found: SensitivePlaces = NOTHING) -> list[figures.Figure]:
        """What decides, the weightiest first: the recipient, the amount."""
        known = arguments if isinstance(arguments, dict) else {}
        shape = self.shape(known)
        return figures.of(shape.figures, shape.parts, shape.called, self.template, known, found)


class _Saying:
    def __init__(self, wording: Wording, arguments: Schema, found: SensitivePlaces) -> None:
        self.wording, self.arguments, self.found = wording, arguments, found
        self.shape = wording.shape(arguments)
        self.rest = list(self._rest())

    def _rest(self) -> Iterator[_Part]:
        """What no template names, in order."""
        for left in self.shape.left:
            value = self.arguments[left.name]
            if left.named:
                value = _without(value, left.named)
            if value is not _NAMED:
                yield _Part(left, value)

    # --- The whole of it, as long as it may be ----------------------------------------------------

    def whole(self, limit: int) -> str:
        """All of it. What a template leaves out and does not decide is only counted, by name."""
        if not self.wording.template:
            return self._joined(self.wording.name, [self._said(part, limit) for part in self.rest], ": ")
        deciding = [self._said(part, limit) for part in self.rest if part.of.decides]
        told = self._joined(self._filled(limit), deciding, "; ")
        return told + self._more([part for part in self.rest if not part.of.decides])

    def short(self, limit: int, longest: int) -> str:
        """As much as there is room for, what decides before the rest, and how much more there is."""
        begin, between = self.wording.name, ": "
        if self.wording.template:
            deciding = [self._said(part, limit) for part in self.rest if part.of.decides]
            needed = len("; , and 999 more") + sum(len(said) + 2 for said in deciding)
            begin = in_the_middle(self._filled(limit), max(longest // 2, longest - needed))
            between = "; "
        room = longest - len(begin) - len(between) - len(", and 999 more")
        taken: dict[int, str] = {}
        for n, part in sorted(enumerate(self.rest), key=lambda one: not one[1].of.decides):
            said = in_the_middle(self._said(part, limit), max(limit, min(room, 3 * limit)))
            if len(said) + 2 <= room:
                taken[n], room = said, room - len(said) - 2
        told = self._joined(begin, [taken[n] for n in sorted(taken)], between)
        left = len(self.rest) - len(taken)
        return told + (f", and {left} more" if left and taken else f"; {left} arguments" if left else "")

    @staticmethod
    def _joined(begin: str, said: list[str], between: str) -> str:
        return begin + (between + ", ".join(said) if said else "")

    def _more(self, left: list[_Part]) -> str:
        if not left:
            return ""
        names = f": {', '.join(part.of.called for part in left)}" if len(left) <= 3 else ""
        return f", and {len(left)} more{names}"

    # --- One value --------------------------------------------------------------------------------

    def _said(self, part: _Part, limit: int) -> str:
        name = part.of.name
        schemas = inside(self.shape.parts, name) if isinstance(part.value, _NESTED) else ()
        return f"{part.of.called} {self._value((name,), part.value, schemas, limit)}"

    def _value(self, place: Place, value: Any, schemas: Sequence[Any], limit: int) -> str:
        if self.found.is_sensitive(*place):
            return MASK
        if not isinstance(value, _NESTED):
            return plain(value, limit)
        if len(place) >= _DEEP:
            return f"{{{len(value)} more}}" if isinstance(value, dict) else f"[{len(value)} more]"
        if isinstance(value, list) and len(value) == 1:
            return self._value((*place, 0), value[0], self._inside(schemas, value, 0), limit)
        return in_brackets(value, lambda: self._items(place, value, schemas, limit), 3 * limit)

    def _items(self, place: Place, value: Any, schemas: Sequence[Any], limit: int) -> Iterator[str]:
        parts = holding(self.wording.marks, schemas, value)
        if isinstance(value, list):
            for n, item in enumerate(value):
                yield self._value((*place, n), item, inside(parts, n), limit)
            return
        called = labels(parts, value)
        for name in ordered(parts, value):
            inner = self._value((*place, name), value[name], inside(parts, name), limit)
            yield f"{said(parts, name, called[name])} {inner}"

    def _inside(self, schemas: Sequence[Any], value: Any, name: str | int) -> list[Any]:
        return inside(holding(self.wording.marks, schemas, value), name)

    # --- The template -----------------------------------------------------------------------------

    def _filled(self, limit: int) -> str:
        told, *texts = self.wording.texts
        for place, after in zip(self.shape.places, texts, strict=True):
            told = self._placed(told, place, after, limit) + after
        return told

    def _placed(self, before: str, place: Place, after: str, limit: int) -> str:
        """The template so far, with the value of this place behind it."""
        value, schemas = self._at(place)
        if value is _NAMED:
            return before + LEFT_OUT
        quoted = before[-1:] in _OPEN and after[:1] in _CLOSE and before[-1:] and after[:1]
        if isinstance(value, str) and quoted and not self.found.is_sensitive(*place):
            return before + escaped(in_the_middle(value, limit))
        told = self._value(place, value, schemas, limit)
        return _without_its_kind(before, str(place[-1]), told) + told

    def _at(self, place: Place) -> tuple[Any, list[Any]]:
        """What stands there; of what is masked as a whole, the mask."""
        value: Any = self.arguments
        schemas: list[Any] = []
        for depth, name in enumerate(place):
            if self.found.is_sensitive(*place[:depth]):
                return MASK, []
            if not isinstance(value, dict) or name not in value:
                return _NAMED, []
            # What holds for the arguments as a whole is known already.
            above, value = value, value[name]
            if isinstance(value, _NESTED):
                schemas = self._inside(schemas, above, name) if depth else inside(self.shape.parts, name)
        return value, schemas


_NAMED = object()


def _without(value: Any, paths: Sequence[Place]) -> Any:
    """What is left of a value without these parts."""
    if not paths:
        return value
    if () in paths or not isinstance(value, dict):
        return _NAMED
    left = {}
    for name, inner in value.items():
        rest = _without(inner, [path[1:] for path in paths if path[0] == name])
        if rest is not _NAMED:
            left[name] = rest
    return left if left else _NAMED


def _without_its_kind(before: str, name: str, said: str) -> str:
    """ "for customer " before customer-19124 is "for ": the number says itself of what it is one.

    Only a word that is part of the argument's own name is left out, so that no value can take another.
    """
    if not said[:1].isalpha():
        return before
    word = before.rstrip().rpartition(" ")[2]
    of_name = re.split(r"[^A-Za-z0-9]+", name.lower())
    stands_alone = len(word) > 2 and before.endswith(f"{word} ") and word.lower() in of_name[:-1]
    if stands_alone and re.match(rf"{re.escape(word.lower())}[-_:]\d", said.lower()):
        return before[: -len(word) - 1]
    return before


def sentence(
    action_type: ActionType, arguments: Any, *, found: SensitivePlaces = NOTHING, longest: int = LONGEST
) -> str:
    """What this action would do; see `Wording.sentence`."""
    return wording(action_type).sentence(arguments, found=found, longest=longest)


def path_label(action_type: ActionType, arguments: Any, path: Sequence[str]) -> str:
    """What a place in the arguments is called, with all that it is in: "Lines › 2 › Amount".

    The items of a list go by their numbers, from 1.
    """
    return path_labels(action_type, arguments, [tuple(path)])[tuple(path)]


def path_labels(
    action_type: ActionType, arguments: Any, paths: Iterable[tuple[str, ...]]
) -> dict[tuple[str, ...], str]:
    """The same of many places, each part of the arguments looked at once."""
    marks = wording(action_type).marks
    # By place: what stands there, the schemas that may hold for it, and what its parts are called.
    seen: dict[tuple[str, ...], tuple[Any, list[Schema], dict[str, str]]] = {}

    def at(
        place: tuple[str, ...], value: Any, schemas: list[Any]
    ) -> tuple[Any, list[Schema], dict[str, str]]:
        if place not in seen:
            parts = holding(marks, schemas, value)
            called = (
                {} if isinstance(value, list) else labels(parts, value if isinstance(value, dict) else ())
            )
            seen[place] = (value, parts, called)
        return seen[place]

    found = {}
    for path in paths:
        value, schemas, said = arguments, [marks.root], []
        for depth, name in enumerate(path):
            value, parts, called = at(path[:depth], value, schemas)
            if isinstance(value, list):
                place = int(name) - 1 if name.isdecimal() else 0
                value = value[place] if 0 <= place < len(value) else None
                schemas = inside(parts, place)
                said.append(name)
            else:
                value = value.get(name) if isinstance(value, dict) else None
                schemas = inside(parts, name)
                said.append(called.get(name) or labels(parts, [name])[name])
        found[path] = " › ".join(said)
    return found


def wording(action_type: ActionType) -> Wording:
    """The words of this action type, kept with it."""
    kept: Wording | None = action_type.__dict__.get("_wording")
    if kept is None:
        kept = action_type.__dict__["_wording"] = Wording(action_type)
    return kept
