"""One edit as it stands: what was typed, what is wrong with it, and what it would come to."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from approvals.deciding.edits import EditBlocked, EditOutOfBounds, Preview
from approvals.deciding.voices import brief
from approvals.editing import nodes
from approvals.editing import schema as edit_schema
from approvals.editing.form import Drawing, Field, as_json, titles
from approvals.editing.nodes import ROOT, Node, TooLargeForAForm
from approvals.editing.schema import kind_of
from approvals.showing.arguments import as_text
from approvals.showing.changes import Change, parts, same
from audit.asking import gate
from audit.ground.canonical import digest
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import Piece, pieces, shown
from governance.actions.catalogue import Entry
from governance.models import Team
from governance.policies.obligations import ASKS, KEPT, strictest
from suggestions.models import Suggestion

MOST_JSON = 256 * 1024
LONG_TEXT = 80  # characters, from which on only what differs within a text is told
_TOO_MUCH = 1_000_000  # comparisons of words, beyond which a text is shown before and after
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Part:
    """A piece of a text that was edited: `kept`, taken `out`, or put `in`."""

    kind: Literal["kept", "out", "in"]
    pieces: list[Piece]


@dataclass(frozen=True)
class ShownChange:
    """One line of the differences; `parts` instead of both values where a long text was edited."""

    title: str
    pointer: str
    kind: str
    before: list[Piece]
    after: list[Piece]
    before_type: str
    after_type: str
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class Ahead:
    """What would happen, in words; `checked` names exactly this, to be sent with the approval."""

    changes: list[ShownChange]
    sentence: list[Piece]
    digest: str
    digest_short: str
    asks: list[str]
    rules: list[tuple[str, str]]
    alone: bool
    checked: str
    asked: str
    figure: str
    figure_label: str
    figure_is_number: bool


@dataclass(frozen=True)
class Wrong:
    """An error with where to go for it."""

    anchor: str
    title: str
    detail: str


@dataclass
class Typed:
    """What somebody typed so far: a tree, or JSON; `errors` by path, or by pointer in JSON."""

    tree: Node | None = None
    text: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    value: dict[str, Any] | None = None
    focus: str = ""
    sent: Mapping[str, str] = field(default_factory=dict)
    too_large: bool = False


# --- What was typed -------------------------------------------------------------------------------


def begin(schema: Any, arguments: dict[str, Any], *, as_text: bool = False) -> Typed:
    """The form for these arguments; as JSON where that is wanted or there are too many for a form."""
    too_large = False
    if not as_text:
        try:
            return Typed(nodes.of(arguments, schema, schema), value=arguments)
        except TooLargeForAForm:
            too_large = True
    return Typed(text=as_json(arguments), value=arguments, too_large=too_large)


def take(schema: Any, sent: Mapping[str, str], do: str) -> Typed:
    """What a form sent, after what its button does. Raises `Invalid` where it is no form."""
    if sent.get("mode") == "json":
        return _take_json(schema, sent, do)
    try:
        tree = nodes.read(sent)
        focus = nodes.turn_all(schema, tree, sent)
        typed = Typed(tree, focus=focus, sent=sent)
        try:
            typed.focus = nodes.act(schema, tree, do, sent) or focus
        except Invalid as refusal:
            typed.focus = do.partition(" ")[2]
            typed.errors[typed.focus] = refusal.errors[0]["detail"]
    except TooLargeForAForm as refusal:
        raise Invalid.field("", refusal.detail) from refusal
    value, errors = nodes.value_of(tree)
    typed.errors = {**errors, **typed.errors}
    typed.value = value if not errors and isinstance(value, dict) else None
    if do == "json":
        return Typed(text=as_json(value), value=typed.value, focus=ROOT)
    return typed


def _take_json(schema: Any, sent: Mapping[str, str], do: str) -> Typed:
    text = sent.get("json", "").replace("\r\n", "\n")
    typed = Typed(text=text)
    try:
        value = gate.read(text.encode("utf-8", "surrogatepass"), limit=MOST_JSON)
    except (gate.Malformed, gate.TooLarge) as refusal:
        typed.errors[""] = refusal.detail
        return typed
    except Invalid as refusal:
        typed.errors[""] = f"{refusal.errors[0]['pointer']}: {refusal.errors[0]['detail']}"
        return typed
    if not isinstance(value, dict):
        typed.errors[""] = "The arguments have names: write an object, { … }."
        return typed
    if do == "form":
        return replace(begin(schema, value), focus=ROOT)
    typed.value = value
    return typed


def check(entry: Entry, typed: Typed) -> bool:
    """Put what was typed before the schema; each error to its place. Is it as it must be?"""
    if typed.errors or typed.value is None:
        _check_schema(entry, typed)
        return False
    try:
        gate.check(typed.value)
    except (Invalid, gate.Malformed) as refusal:
        errors = refusal.errors if isinstance(refusal, Invalid) else []
        _place(
            typed, errors[0]["pointer"] if errors else "", errors[0]["detail"] if errors else refusal.detail
        )
        return False
    _check_schema(entry, typed)
    return not typed.errors


def _check_schema(entry: Entry, typed: Typed) -> None:
    value = typed.value
    if value is None and typed.tree is not None:
        value = nodes.value_of(typed.tree).value
    for error in entry.errors(value, "") if isinstance(value, dict) else []:
        _place(typed, error["pointer"], error["detail"])


def _place(typed: Typed, pointer: str, detail: str) -> None:
    """The error at its place, or at the nearest that it is inside of; the first one stays."""
    if typed.tree is None:
        typed.errors.setdefault(pointer, detail)
        return
    at = {place: path for path, place in nodes.paths(typed.tree)}
    while pointer and pointer not in at:
        pointer = pointer.rpartition("/")[0]
    typed.errors.setdefault(at.get(pointer, ROOT), detail)


# --- What it would come to ------------------------------------------------------------------------


def ahead(suggestion: Suggestion, found: Preview) -> Ahead:
    schema, figure = suggestion.action_type.schema_as_written, found.key_figure
    return Ahead(
        changes=shown_changes(schema, suggestion.arguments, found.arguments, found.changes),
        sentence=pieces(found.sentence),
        digest=found.digest,
        digest_short=f"{found.digest[:11]}…{found.digest[-4:]}",
        asks=more_asked(found.was_asked, found.asked),
        rules=[(shown(rule["name"]), shown(rule["reason"])) for rule in found.rules],
        alone=_alone(found.asked, edited=bool(found.changes)),
        checked=checked(found.digest, found.asked),
        asked=json.dumps(found.asked),
        figure=shown(figure.shown) if figure else "",
        figure_label=shown(figure.label) if figure else "",
        figure_is_number=figure is not None and kind_of(figure.value) == "number",
    )


def _alone(asked: dict[str, Any], *, edited: bool) -> bool:
    """Is it approved as soon as the one who edits says so?"""
    return asked["approvals"] == 1 and len(asked["teams"]) == 1 and not (asked["four_eyes"] and edited)


def checked(action_digest: str, asked: dict[str, Any]) -> str:
    """The name of what a preview showed: the action, and what is asked of those who decide."""
    return digest({"action": action_digest, "asked": asked})


def more_asked(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """In words what is asked after and was not before."""
    said = []
    if after["approvals"] != before["approvals"]:
        said.append(f"It needs {after['approvals']} approvals instead of {before['approvals']}.")
    new = [team for team in after["teams"] if team not in before["teams"]]
    if new:
        names = dict(Team.objects.filter(pk__in=new).values_list("pk", "name"))
        said.append(f"Somebody of {' and '.join(names.get(team, team) for team in new)} has to agree, too.")
    others = [
        ASKS[name].in_words(after[kept])
        for kept, name in KEPT.items()
        if kept != "approvals" and kept in after and after[kept] != before[kept]
        if strictest(name, [before[kept], after[kept]]) == after[kept]
    ]
    if others:
        said.append(f"Besides: {'; '.join(others)}.")
    if after["risk"] != before["risk"]:
        said.append(f"Its risk is {after['risk']} instead of {before['risk']}.")
    return said


def _type(value: Any) -> str:
    kind = kind_of(value)
    return {"truth": "yes or no", "nothing": "null", "group": "object"}.get(kind, kind)


def shown_changes(
    schema: Any, before: dict[str, Any], after: dict[str, Any], found: Sequence[Change]
) -> list[ShownChange]:
    """The differences as people read them, in the schema's order."""
    return [_shown(schema, before, after, change) for change in in_order(schema, found)]


def in_order(schema: Any, found: Sequence[Change]) -> list[Change]:
    """As the schema names the arguments; what it does not name stands at the end."""
    names = edit_schema.known(edit_schema.merged(schema, schema))
    places = {name: place for place, name in enumerate(names)}
    return sorted(found, key=lambda change: places.get(parts(change["pointer"])[0], len(places)))


def _shown(schema: Any, before: dict[str, Any], after: dict[str, Any], change: Change) -> ShownChange:
    was, now = change.get("from"), change.get("to")
    side = before if change["kind"] == "removed" else after
    within: list[Part] = []
    if isinstance(was, str) and isinstance(now, str) and max(len(was), len(now)) > LONG_TEXT:
        within = list(_differences(was, now))
    return ShownChange(
        title=titles(schema, change["pointer"], side) or shown(change["pointer"]),
        pointer=shown(change["pointer"]),
        kind=change["kind"],
        before=pieces(as_text(was)) if "from" in change else [],
        after=pieces(as_text(now)) if "to" in change else [],
        before_type=_type(was) if "from" in change else "",
        after_type=_type(now) if "to" in change else "",
        parts=within,
    )


def _differences(was: str, now: str) -> Iterator[Part]:
    """Within a long text: word by word."""
    old, new = _WORDS.findall(was), _WORDS.findall(now)
    if len(old) * len(new) > _TOO_MUCH:
        yield from (Part("out", pieces(was)), Part("in", pieces(now)))
        return
    for word, begin, end, start, stop in difflib.SequenceMatcher(None, old, new).get_opcodes():
        out, put = "".join(old[begin:end]), "".join(new[start:stop])
        if word == "equal":
            yield Part("kept", pieces(out))
            continue
        if out:
            yield Part("out", pieces(out))
        if put:
            yield Part("in", pieces(put))


# --- The page -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Editing:
    """What `approvals/editing/_edit.html` draws."""

    url: str
    suggestion: str
    rank: int
    sentence: list[Piece]
    digest: str
    field: Field | None
    text: str
    wrong: list[Wrong]
    dirty: bool
    focus: str
    refusal: str
    blocked: str
    blocked_by: list[tuple[str, str]]
    ahead: Ahead | None
    reason: str
    too_large: bool
    closed: str
    said: list[str]
    key_figure: str
    label: list[Piece]
    label_whole: str


def drawn(
    suggestion: Suggestion,
    typed: Typed,
    *,
    url: str,
    refusal: Refusal | None = None,
    preview: Preview | None = None,
    reason: str = "",
    closed: str = "",
    in_words: str = "",
    said: Sequence[str] = (),
    key_figure: str = "",
) -> Editing:
    """The edit as it stands, with what was refused and why."""
    schema = suggestion.action_type.schema_as_written
    tree = typed.tree
    drawing = (
        Drawing(schema, suggestion.arguments, tree, errors=typed.errors, sent=typed.sent).field()
        if tree
        else None
    )
    stops = isinstance(refusal, EditBlocked | EditOutOfBounds)
    wrong = _wrong(drawing, typed)
    begin = "Approve edited: "
    label = begin + brief(suggestion.action_type, preview.arguments) if preview else ""
    dirty = typed.value is None or not same(typed.value, suggestion.arguments)
    return Editing(
        url=url,
        suggestion=str(suggestion.pk),
        rank=suggestion.rank,
        sentence=pieces(suggestion.sentence),
        digest=suggestion.action_digest,
        field=drawing,
        text=typed.text,
        wrong=wrong,
        dirty=dirty,
        focus=_focus(typed, wrong=bool(wrong), answered=bool(preview or refusal)),
        refusal=in_words if refusal and not stops else "",
        blocked=shown(refusal.detail) if refusal and stops else "",
        blocked_by=_rules(refusal) if refusal and stops else [],
        ahead=ahead(suggestion, preview) if preview else None,
        reason=reason,
        too_large=typed.too_large,
        closed=closed,
        said=list(said),
        key_figure=key_figure,
        label=pieces(label),
        label_whole=shown(begin + preview.sentence) if preview else "",
    )


def _focus(typed: Typed, *, wrong: bool, answered: bool) -> str:
    if typed.focus:
        return typed.focus
    return "wrong" if wrong else "answer" if answered else ""


def _rules(refusal: Refusal) -> list[tuple[str, str]]:
    rules = refusal.facts.get("rules", [])
    blocking = [rule for rule in rules if rule["then"].get("verdict") == "block"]
    return [(shown(rule["name"]), shown(rule["reason"])) for rule in blocking]


def _wrong(drawing: Field | None, typed: Typed) -> list[Wrong]:
    if drawing is None:
        return [
            Wrong("edit-json", shown(pointer) or "JSON", shown(detail))
            for pointer, detail in typed.errors.items()
        ]
    return [
        Wrong(one.id, one.label if one.path != ROOT else "", shown(one.error))
        for one in _all(drawing)
        if one.error
    ]


def _all(field: Field) -> Iterator[Field]:
    yield field
    for inner in field.inside:
        yield from _all(inner)
