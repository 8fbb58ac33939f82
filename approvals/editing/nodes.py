"""What somebody is typing into the form of an edit: a tree that holds every word, right or wrong.

It is made from a value, drawn, sent by the browser, read again and turned into a value. What kind a
place has is sent along, never guessed from what was typed: the text "42" stays a text. What a browser
can't hand back as it got it (line ends) comes along beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from approvals.editing import schema as edit_schema
from approvals.editing.schema import Shape, kind_of, shapes
from approvals.showing.changes import pointer, same
from audit.asking import gate
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import pieces
from governance.showing.numbers import typed

ROOT = "r"
MOST_PLACES, DEEPEST = 200, 8  # beyond that nobody fills in a form; there is JSON
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?)(Z|[+-]\d\d:\d\d)", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?", re.ASCII)


@dataclass
class Node:
    """One place. `kind` is a kind of `edit_schema`, or `moment`: a date and time in two fields.

    `text` is what was typed (of a choice: its JSON), `was` a text as it came where no browser can keep
    it, `shape` which of the forms that the schema allows, `inside` the places within by their names.
    """

    kind: str
    text: str = ""
    zone: str = ""
    was: str | None = None
    shape: int = 0
    inside: list[tuple[str, Node]] = field(default_factory=list)


class TooLargeForAForm(Refusal):
    detail = "These arguments are too many for a form: edit them as JSON."


# --- From a value ---------------------------------------------------------------------------------


def of(value: Any, root: Any, part: Any) -> Node:
    """The tree for a value that is there. Raises `TooLargeForAForm`."""
    return _of(value, root, part, [0], 0)


def _of(value: Any, root: Any, part: Any, count: list[int], depth: int) -> Node:
    count[0] += 1
    if count[0] > MOST_PLACES or depth > DEEPEST:
        raise TooLargeForAForm
    index, shape = fitting(shapes(root, part), value)
    if shape.kind == "choice":
        return Node("choice", json.dumps(value), shape=index)
    schema = shape.schema
    if isinstance(value, dict):
        names = ordered(schema, value)
        inside = [
            (name, _of(value[name], root, edit_schema.of_property(schema, name), count, depth + 1))
            for name in names
        ]
        return Node("group", shape=index, inside=inside)
    if isinstance(value, list):
        items = [
            ("", _of(item, root, edit_schema.of_item(schema, place), count, depth + 1))
            for place, item in enumerate(value)
        ]
        return Node("list", shape=index, inside=items)
    return _leaf(value, shape, index)


class Fitting(NamedTuple):
    """One of the forms that a schema allows, and its place among them: -1 for none of them."""

    place: int
    shape: Shape


def fitting(found: Sequence[Shape], value: Any) -> Fitting:
    """Of the forms that the schema allows the one for this value; else one that shows it as it is."""
    best = max(range(len(found)), key=lambda index: found[index].fits(value))
    if found[best].fits(value) >= 0:
        return Fitting(best, found[best])
    kind = kind_of(value)
    return Fitting(-1, Shape(kind, {}, f"{edit_schema.LABELS[kind]} (not what it must be)"))


def ordered(schema: dict[str, Any], value: Mapping[str, Any]) -> list[str]:
    """The names that are there: as the schema has them, then the others."""
    return [name for name in dict.fromkeys([*edit_schema.known(schema), *value]) if name in value]


def _leaf(value: Any, shape: Shape, index: int) -> Node:
    kind = kind_of(value)
    if kind != "text":
        said = "" if kind == "nothing" else number_text(value) if kind == "number" else json.dumps(value)
        return Node(kind, said, shape=index)
    moment = _MOMENT.fullmatch(value) if shape.schema.get("format") == "date-time" else None
    if moment and _time(moment[1]):
        return Node("moment", moment[1], moment[2], value, index)
    return Node("text", _lines(value), was=value if "\r" in value else None, shape=index)


def number_text(value: int | float) -> str:
    """54.0 and 54 are one number, 0.00005 is not 5e-05, and 1e300 is as it stands in JSON."""
    return typed(value)


def blank(root: Any, part: Any, *, shape: int = 0, depth: int = 0) -> Node:
    """A new place: its default, else nothing typed yet, with what an object must have."""
    found = shapes(root, part)
    one = found[shape if 0 <= shape < len(found) else 0]
    if "default" in one.schema and one.fits(one.schema["default"]) >= 0:
        try:
            return _of(one.schema["default"], root, part, [0], depth)
        except TooLargeForAForm:
            pass
    node = Node(one.kind, shape=shape)
    if one.kind == "choice" and len(one.options) == 1:
        node.text = json.dumps(one.options[0].value)
    if one.kind == "text" and one.schema.get("format") == "date-time":
        node.kind, node.zone = "moment", "Z"
    if one.kind == "group" and depth < DEEPEST:
        node.inside = [
            (name, blank(root, edit_schema.of_property(one.schema, name), depth=depth + 1))
            for name in edit_schema.required(one.schema)
        ]
    if one.kind == "list" and depth < DEEPEST:
        least = one.schema.get("minItems", 0)
        node.inside = [
            ("", blank(root, edit_schema.of_item(one.schema, place), depth=depth + 1))
            for place in range(min(int(least), 5))
        ]
    return node


# --- From a browser -------------------------------------------------------------------------------


def read(sent: Mapping[str, str]) -> Node:
    """The tree as a form sent it. Raises `Invalid` where it is none, `TooLargeForAForm`."""
    return _read(sent, ROOT, [0], 0)


def _read(sent: Mapping[str, str], path: str, count: list[int], depth: int) -> Node:
    count[0] += 1
    if count[0] > MOST_PLACES or depth > DEEPEST + 2:
        raise TooLargeForAForm
    kind = sent.get(f"k.{path}", "")
    if kind not in edit_schema.LABELS and kind != "moment":
        raise Invalid.field("", "The form came back incomplete. Open it again.")
    node = Node(
        kind,
        _lines(sent.get(f"v.{path}", "")),
        sent.get(f"z.{path}", "").strip(),
        _name(sent[f"w.{path}"]) if f"w.{path}" in sent else None,
        _number(sent.get(f"g.{path}", "0")),
    )
    while kind in ("group", "list") and f"k.{path}-{len(node.inside)}" in sent:
        place = f"{path}-{len(node.inside)}"
        name = _name(sent.get(f"n.{place}", '""')) if kind == "group" else ""
        node.inside.append((name, _read(sent, place, count, depth + 1)))
    return node


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,3}", text) else 0


def _name(text: str) -> str:
    try:
        name = json.loads(text)
    except ValueError:
        name = None
    if not isinstance(name, str):
        raise Invalid.field("", "The form came back incomplete. Open it again.")
    return name


# --- To a value -----------------------------------------------------------------------------------


class ReadValue(NamedTuple):
    """A value, and by their paths what can't be read as what it has to be: there it is what was typed."""

    value: Any
    errors: dict[str, str]


def value_of(node: Node) -> ReadValue:
    errors: dict[str, str] = {}
    return ReadValue(_value(node, ROOT, errors), errors)


def _value(node: Node, path: str, errors: dict[str, str]) -> Any:
    if node.kind == "group":
        return {name: _value(inner, f"{path}-{n}", errors) for n, (name, inner) in enumerate(node.inside)}
    if node.kind == "list":
        return [_value(inner, f"{path}-{n}", errors) for n, (_, inner) in enumerate(node.inside)]
    if node.kind == "nothing":
        return None
    if node.kind == "text":
        return _text(node)
    reading = {"number": _read_number, "truth": _read_truth, "choice": _read_choice, "moment": _read_moment}
    try:
        return reading[node.kind](node)
    except Invalid as refusal:
        errors[path] = refusal.errors[0]["detail"]
        return node.text + node.zone


def as_sent(node: Node) -> str:
    """The text with the line ends that it came with, as long as nobody changed it."""
    untouched = node.was is not None and _lines(node.was) == _lines(node.text)
    return node.was if untouched and node.was is not None else node.text


def _text(node: Node) -> str:
    was, found = node.was, as_sent(node)
    if was is None or found is was:
        return found
    return (
        node.text.replace("\n", "\r\n") if "\r\n" in was and not re.search(r"(?<!\r)\n", was) else node.text
    )


def _read_number(node: Node) -> int | float:
    text = node.text.strip()
    if not text:
        raise Invalid.field("", "Write a number.")
    if not _NUMBER.fullmatch(text):
        told = " Write it with a point, and without signs between the digits: 1250.50" if "," in text else ""
        raise Invalid.field("", f"This is no number.{told}")
    try:
        value = gate.read(text.encode(), limit=400)
    except (gate.Malformed, gate.TooLarge) as error:
        raise Invalid.field("", "This number is out of range, or too small to be kept.") from error
    if isinstance(value, float) and Decimal(text) != Decimal(repr(value)):
        raise Invalid.field("", f"It has more digits than can be kept; the nearest is {number_text(value)}.")
    return value  # type: ignore[no-any-return]


def _read_truth(node: Node) -> bool:
    if node.text not in ("true", "false"):
        raise Invalid.field("", "Say yes or no.")
    return node.text == "true"


def _read_choice(node: Node) -> Any:
    try:
        return gate.read(node.text.encode(), limit=64 * 1024)
    except (Invalid, gate.Malformed, gate.TooLarge) as error:
        raise Invalid.field("", "Choose one.") from error


def _read_moment(node: Node) -> str:
    """As it came where it was not touched; browsers leave out seconds that are 0."""
    typed = _time(node.text)
    before = _MOMENT.fullmatch(node.was or "")
    if node.was and before and typed and (typed, node.zone) == (_time(before[1]), before[2]):
        return node.was
    if not node.text:
        raise Invalid.field("", "Write a date and a time.")
    if typed is None:
        return node.text + node.zone  # the schema says what is wrong with it
    seconds = "" if node.text.count(":") > 1 else ":00"
    return f"{node.text}{seconds}{node.zone}"


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if _LOCAL.fullmatch(text) else None
    except ValueError:
        return None


# --- Finding and changing -------------------------------------------------------------------------


def paths(node: Node, path: str = ROOT, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every place: its path in the form, and its pointer in the arguments."""
    yield path, pointer(place)
    for n, (name, inner) in enumerate(node.inside):
        yield from paths(inner, f"{path}-{n}", (*place, n if node.kind == "list" else name))


@dataclass(frozen=True)
class PlaceInForm:
    """A place in the tree with what the schema says of it, and what it is inside of."""

    node: Node
    part: Any
    shape: Shape
    holder: Node | None
    index: int


def find(root: Any, tree: Node, path: str) -> PlaceInForm:
    """The place of this path. Raises `Invalid`."""
    steps = path.split("-")
    if steps[0] != ROOT or not all(step.isdecimal() and len(step) < 5 for step in steps[1:]):
        raise Invalid.field("", "There is no such place in the form.")
    node, part, holder, index = tree, root, None, 0
    for step in map(int, steps[1:]):
        schema = shape_of(root, part, node).schema
        if step >= len(node.inside):
            raise Invalid.field("", "There is no such place in the form.")
        holder, index = node, step
        name, node = holder.inside[step]
        is_list = holder.kind == "list"
        part = edit_schema.of_item(schema, step) if is_list else edit_schema.of_property(schema, name)
    return PlaceInForm(node, part, shape_of(root, part, node), holder, index)


def shape_of(root: Any, part: Any, node: Node) -> Shape:
    """The form that the schema allows and that is shown here."""
    found = shapes(root, part)
    kind = "text" if node.kind == "moment" else node.kind
    if 0 <= node.shape < len(found) and found[node.shape].kind == kind:
        return found[node.shape]
    return fitting([shape for shape in found if shape.kind == kind] or found, value_of(node).value).shape


def act(root: Any, tree: Node, do: str, sent: Mapping[str, str]) -> str:
    """Carry out what a button says, in place; returns the path to go on at. Raises `Invalid`."""
    word, _, path = do.partition(" ")
    acts = {"add": _add, "name": _name_new, "out": _out, "up": _up, "down": _down, "clean": _clean}
    if word not in acts:
        return ""
    return acts[word](root, tree, path, sent)


def turn_all(root: Any, tree: Node, sent: Mapping[str, str]) -> str:
    """Give every place the form that was chosen for it since it was drawn; returns the last one's path."""
    turned = ""
    for path, _ in list(paths(tree)):
        wanted = sent.get(f"f.{path}")
        if wanted is None or wanted == sent.get(f"g.{path}"):
            continue
        try:
            found = find(root, tree, path)
        except Invalid:
            continue  # it was inside of one that was turned
        _turn(root, found, _number(wanted))
        turned = path
    return turned


def _turn(root: Any, found: PlaceInForm, index: int) -> None:
    """Another form; what it can keep of what was there it keeps."""
    node, possible = found.node, shapes(root, found.part)
    if not 0 <= index < len(possible):
        return
    value, _ = value_of(node)
    new = blank(root, found.part, shape=index)
    if possible[index].kind == "choice":
        new.text = json.dumps(value) if possible[index].fits(value) >= 0 else new.text
    elif possible[index].fits(value) >= 0 and new.kind != "group":
        new = _of(value, root, {"anyOf": [possible[index].schema]}, [0], 0)
    elif new.kind in ("text", "number") and node.kind in ("text", "number", "moment"):
        new.text = node.text + node.zone
    elif new.kind == "group" and node.kind == "group":
        new.inside = list(_kept(root, possible[index].schema, dict(node.inside), dict(new.inside)))
    node.kind, node.text, node.zone, node.was = new.kind, new.text, new.zone, None
    node.inside, node.shape = new.inside, index


def _kept(
    root: Any, schema: dict[str, Any], before: dict[str, Node], fresh: dict[str, Node]
) -> Iterator[tuple[str, Node]]:
    """What an object of another form has: what was there, as far as that may stand there now."""
    known = edit_schema.known(schema)
    for name in dict.fromkeys([*fresh, *before]):
        part = edit_schema.of_property(schema, name)
        fits = name in before and any(
            shape.fits(value_of(before[name]).value) >= 0 for shape in shapes(root, part)
        )
        if fits and (name in known or name in fresh):
            yield name, before[name]
        elif name in fresh:
            yield name, fresh[name]


def _add(root: Any, tree: Node, path: str, sent: Mapping[str, str]) -> str:
    """A new item at the end; or the property that is chosen in the list of those left out."""
    found = find(root, tree, path)
    node, schema = found.node, found.shape.schema
    name = ""
    if node.kind == "group":
        name = _name(sent.get(f"p.{path}", "null"))
        if name in dict(node.inside):
            return path
    elif node.kind != "list":
        return path
    part = (
        edit_schema.of_property(schema, name)
        if node.kind == "group"
        else edit_schema.of_item(schema, len(node.inside))
    )
    node.inside.append((name, blank(root, part)))
    return f"{path}-{len(node.inside) - 1}"


def _name_new(root: Any, tree: Node, path: str, sent: Mapping[str, str]) -> str:
    """A property that the schema does not name, of the name that was typed."""
    found = find(root, tree, path)
    name = sent.get(f"new.{path}", "").strip()
    if not name or found.node.kind != "group":
        raise Invalid.field("", "Write the name of what is to be added.")
    if name in dict(found.node.inside):
        raise Invalid.field("", f"{name[:60]} is there already.")
    found.node.inside.append((name, blank(root, edit_schema.of_property(found.shape.schema, name))))
    return f"{path}-{len(found.node.inside) - 1}"


def _out(root: Any, tree: Node, path: str, sent: Mapping[str, str]) -> str:
    found = find(root, tree, path)
    if found.holder is not None:
        del found.holder.inside[found.index]
    return path.rpartition("-")[0]


def _up(root: Any, tree: Node, path: str, sent: Mapping[str, str]) -> str:
    return _move(find(root, tree, path), path, -1)


def _down(root: Any, tree: Node, path: str, sent: Mapping[str, str]) -> str:
    return _move(find(root, tree, path), path, 1)


def _move(found: PlaceInForm, path: str, by: int) -> str:
    if found.holder is None or found.holder.kind != "list":
        return path
    items, to = found.holder.inside, found.index + by
    if 0 <= to < len(items):
        items[found.index], items[to] = items[to], items[found.index]
        return f"{path.rpartition('-')[0]}-{to}"
    return path


def _clean(root: Any, tree: Node, path: str, sent: Mapping[str, str]) -> str:
    """Take out what is hidden in a text; words that mix alphabets stay, for somebody to read."""
    node = find(root, tree, path).node
    node.text = "".join(piece.text for piece in pieces(node.text) if not (piece.mark and piece.text))
    node.was = None
    return path


def unchanged(tree: Node, arguments: Any) -> bool:
    """Is it still what it was made from?"""
    value, errors = value_of(tree)
    try:
        return not errors and same(value, arguments)
    except ValueError:
        return False
