"""The form of an edit as `approvals/editing/_edit.html` draws it: a field for each place in the arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from approvals.editing import nodes
from approvals.editing import schema as edit_schema
from approvals.editing.nodes import ROOT, Node
from approvals.editing.schema import Shape, shapes
from approvals.showing.arguments import as_text, in_words
from approvals.showing.changes import parts, pointer, same
from audit.ground.unseen import Piece, is_honest, pieces, shown
from governance.schemas.data_classes import Marks, SensitivePlaces
from governance.schemas.words import counted, such_as
from governance.showing.labels import labels, left_out
from governance.showing.values import in_the_middle

LONG = 60  # characters, from which on a text gets lines
LONG_BEFORE = 300
_GONE, _NOT_TOLD = object(), object()
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LIKE = {
    "time": "Like 14:30:00Z.",
    "uuid": "A UUID, like 0b3f8a52-7c1e-4f0a-9a55-2f8d3c1e6b70.",
    "ipv4": "An address like 192.0.2.7.",
    "uri": "An address like https://example.com/.",
    "duration": "A span like P3DT12H.",
}


class Option(NamedTuple):
    """One thing that can be chosen, as the browser sends it and as people read it."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Field:
    """One place. `inside` are the places within; `lost` what can be put in again."""

    path: str
    pointer: str
    name: str
    kind: str
    widget: str
    label: str
    description: str
    hint: str
    text: str
    zone: str
    was: str | None
    rows: int
    shape: int
    shapes: list[tuple[int, str]]
    options: list[Option]
    limits: dict[str, str]
    error: str
    marks: list[Piece]
    can_clean: bool
    sensitive: bool
    must_be: bool
    can_go: bool
    suggested: list[Piece] | None
    inside: list[Field]
    lost: list[tuple[str, str]]
    can_name: bool
    can_add: bool
    new_name: str
    item: int
    is_last: bool

    @property
    def id(self) -> str:
        return f"f-{self.path}"

    @property
    def was_json(self) -> str:
        """The text as it came, in a spelling that every browser hands back."""
        return json.dumps(self.was)

    @property
    def described_by(self) -> str:
        """The ids of what explains it, for those who hear the page."""
        there = {
            "help": self.description or self.hint or self.sensitive,
            "was": self.suggested is not None,
            "marks": self.marks,
            "error": self.error,
        }
        return " ".join(f"{self.id}-{part}" for part, is_there in there.items() if is_there)


class Drawing:
    """Draws a tree against the schema and what was suggested, where anything was; errors at their places."""

    def __init__(
        self,
        schema: Any,
        suggested: dict[str, Any] | None,
        tree: Node,
        *,
        errors: Mapping[str, str],
        sent: Mapping[str, str],
    ) -> None:
        self.schema = schema
        self.suggested = suggested
        self.tree = tree
        self.errors = errors
        self.sent = sent
        self.marks = Marks(schema)
        self.found: SensitivePlaces = self.marks.of(_object(nodes.value_of(tree).value))

    def field(self) -> Field:
        before = _NOT_TOLD if self.suggested is None else self.suggested
        return self._field(self.tree, self.schema, ROOT, (), before, "Arguments", holder=None)

    def _field(
        self,
        node: Node,
        part: Any,
        path: str,
        place: tuple[str | int, ...],
        suggested: Any,
        label: str,
        *,
        holder: Node | None,
        must_be: bool = True,
        item: int = 0,
    ) -> Field:
        shape = nodes.shape_of(self.schema, part, node)
        schema = shape.schema
        value = nodes.value_of(node).value
        differs = suggested is not _NOT_TOLD and (suggested is _GONE or not _same(value, suggested))
        is_leaf = node.kind not in ("group", "list")
        as_sent = nodes.as_sent(node)
        marks = [] if node.kind != "text" or is_honest(as_sent) else pieces(as_sent)
        return Field(
            path=path,
            pointer=pointer(place),
            name=json.dumps(place[-1]) if place and isinstance(place[-1], str) else "",
            kind=node.kind,
            widget=_widget(node, schema),
            label=label,
            description=shown(str(schema.get("description") or "")) if place else "",
            hint=_hint(node, schema),
            text=node.text,
            zone=node.zone,
            was=node.was,
            rows=min(14, max(3, node.text.count("\n") + 2, len(node.text) // 70 + 1)),
            shape=node.shape,
            shapes=self._shapes(node, part),
            options=_options(node, shape),
            limits=_limits(node, schema),
            error=self.errors.get(path, ""),
            marks=marks,
            can_clean=any(piece.mark and piece.text for piece in marks),
            sensitive=place in self.found.sensitive,
            must_be=must_be,
            can_go=holder is not None and (holder.kind == "list" or not must_be),
            suggested=_before(suggested) if differs and is_leaf and place else None,
            inside=list(self._inside(node, shape, path, place, suggested)),
            lost=self._lost(node, schema),
            can_name=node.kind == "group" and edit_schema.takes_others(schema),
            can_add=node.kind == "list",
            new_name=self.sent.get(f"new.{path}", ""),
            item=item,
            is_last=holder is not None and item == len(holder.inside),
        )

    def _inside(
        self, node: Node, shape: Shape, path: str, place: tuple[str | int, ...], suggested: Any
    ) -> Iterator[Field]:
        required = set(edit_schema.required(shape.schema))
        called = labels([shape.schema], [name for name, _ in node.inside]) if node.kind == "group" else {}
        for n, (name, inner) in enumerate(node.inside):
            if node.kind == "list":
                part = edit_schema.of_item(shape.schema, n)
                # Items move: which of those suggested one was, only the differences can tell.
                yield self._field(
                    inner,
                    part,
                    f"{path}-{n}",
                    (*place, n),
                    _NOT_TOLD,
                    f"Item {n + 1}",
                    holder=node,
                    item=n + 1,
                )
            else:
                gone = _NOT_TOLD if suggested is _NOT_TOLD else _GONE
                before = suggested.get(name, gone) if isinstance(suggested, dict) else gone
                part = edit_schema.of_property(shape.schema, name)
                yield self._field(
                    inner,
                    part,
                    f"{path}-{n}",
                    (*place, name),
                    before,
                    called[name],
                    holder=node,
                    must_be=name in required,
                )

    def _shapes(self, node: Node, part: Any) -> list[tuple[int, str]]:
        possible = [(index, shape.label) for index, shape in enumerate(shapes(self.schema, part))]
        if node.shape < 0:
            kind = "text" if node.kind == "moment" else node.kind
            label = edit_schema.LABELS[kind]  # type: ignore[index]
            return [(node.shape, f"{label} (not what it must be)"), *possible]
        return possible if len(possible) > 1 else []

    def _lost(self, node: Node, schema: dict[str, Any]) -> list[tuple[str, str]]:
        there = {name for name, _ in node.inside}
        names = (
            [name for name in edit_schema.known(schema) if name not in there] if node.kind == "group" else []
        )
        called = labels([schema], there)
        defaults = left_out(self.marks, [schema], dict.fromkeys(there)) if names else {}
        return [(json.dumps(name), _with_default(called[name], name, defaults)) for name in names]


def _with_default(label: str, name: str, defaults: Mapping[str, Any]) -> str:
    """What is left out and has a default says so: that is what will hold."""
    if name not in defaults:
        return label
    return f"{label} (left out; default {in_the_middle(in_words(defaults[name]), LONG)})"


def titles(schema: Any, place: str, arguments: Any) -> str:
    """A pointer in words: "Items › 2 › Note"."""
    said: list[str] = []
    part, value = schema, arguments
    for step in parts(place):
        found = shapes(schema, part)
        shape = max(found, key=lambda one: one.fits(value))
        if isinstance(value, list) and step.isdecimal():
            part = edit_schema.of_item(shape.schema, int(step))
            value = value[int(step)] if int(step) < len(value) else None
            said.append(str(int(step) + 1))
        else:
            part = edit_schema.of_property(shape.schema, step)
            there = list(value) if isinstance(value, dict) else []
            said.append(labels([shape.schema], [*there, step])[step])
            value = value.get(step) if isinstance(value, dict) else None
    return " › ".join(said)


def _same(value: Any, suggested: Any) -> bool:
    try:
        return same(value, suggested)
    except ValueError:
        return False


def _before(suggested: Any) -> list[Piece]:
    """What was suggested here; of a long text the differences tell more, once it is checked."""
    if suggested is _GONE:
        return [Piece("left out")]
    text = as_text(suggested)
    if len(text) > LONG_BEFORE:
        return [Piece(f"another text, of {len(text):,} characters. Check shows what differs.")]
    return pieces(text)


def _widget(node: Node, schema: dict[str, Any]) -> str:
    """What it is typed into. A browser throws away what its date field can't show, so that gets text."""
    if node.kind != "text":
        return node.kind
    text, form = node.text, schema.get("format")
    if "\n" in text or "\r" in text or len(text) > LONG or int(schema.get("maxLength") or 0) > 200:
        return "textarea"
    if node.was is not None or _is_multiline(schema):
        return "textarea"
    if form == "date" and (not text or _is_date(text)):
        return "date"
    if form in ("email", "uri") and text.isascii() and text == text.strip() and text.isprintable():
        return "url" if form == "uri" else "email"
    return "text"


def _is_multiline(schema: dict[str, Any]) -> bool:
    return schema.get("format") in ("textarea", "multiline") or schema.get("contentMediaType") is not None


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _options(node: Node, shape: Shape) -> list[Option]:
    """What a choice allows, and what stands there where that is something else."""
    if node.kind == "truth":
        return [Option("true", "Yes", node.text == "true"), Option("false", "No", node.text == "false")]
    if node.kind != "choice":
        return []
    value, errors = nodes.value_of(node)
    options = [
        Option(json.dumps(o.value), _said(o), not errors and _same(o.value, value)) for o in shape.options
    ]
    if any(option.chosen for option in options):
        return options
    label = f"{shown(node.text)} (none of these)" if node.text else "Choose…"
    return [Option(node.text, label, True), *options]


def _said(option: edit_schema.Option) -> str:
    value = shown(as_text(option.value))
    if not option.title or shown(option.title) == value:
        return value
    return f"{shown(option.title)} ({value})"


def _limits(node: Node, schema: dict[str, Any]) -> dict[str, str]:
    """What a script checks while somebody types: never more than the schema says."""
    if node.kind == "number":
        words = {
            "minimum": "min",
            "exclusiveMinimum": "above",
            "maximum": "max",
            "exclusiveMaximum": "below",
            "multipleOf": "step",
        }
        found = {new: str(schema[word]) for word, new in words.items() if _is_number(schema.get(word))}
        return {**found, **({"whole": "1"} if schema.get("type") == "integer" else {})}
    if node.kind == "text":
        words = {"minLength": "least", "maxLength": "most"}
        return {new: str(schema[word]) for word, new in words.items() if _is_number(schema.get(word))}
    return {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hint(node: Node, schema: dict[str, Any]) -> str:
    """The limits in words."""
    said = [f"{word} {as_text(schema[name])}." for name, word in _WORDS.get(node.kind, ()) if name in schema]
    if node.kind == "text":
        lengths = [("minLength", "At least"), ("maxLength", "At most")]
        said += [
            f"{word} {counted(schema[name], 'character')}." for name, word in lengths if schema.get(name)
        ]
        said += [_LIKE[schema["format"]]] if schema.get("format") in _LIKE else []
        said += [f"It must be {shown(such_as(schema, schema['pattern']))}."] if "pattern" in schema else []
    if node.kind == "list":
        counts = [("minItems", "At least"), ("maxItems", "At most")]
        said += [f"{word} {counted(schema[name], 'item')}." for name, word in counts if schema.get(name)]
        said += ["No item twice."] if schema.get("uniqueItems") else []
    return " ".join(said)


_WORDS = {
    "number": (
        ("minimum", "At least"),
        ("exclusiveMinimum", "More than"),
        ("maximum", "At most"),
        ("exclusiveMaximum", "Less than"),
        ("multipleOf", "A multiple of"),
    )
}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# --- As JSON ----------------------------------------------------------------------------------------


def as_json(value: Any) -> str:
    """The arguments as JSON to be typed in; what can't be seen is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(
        _escaped(piece.text) if piece.mark and piece.text else piece.text for piece in pieces(text)
    )


def _escaped(hidden: str) -> str:
    return json.dumps(hidden)[1:-1]
