"""A compiled CEL expression as a tree of nodes, read from how the runtime writes it down.

The runtime has no tree in Python; it has `serialize()`, a `cel.expr.CheckedExpr` of protocol buffers
(https://github.com/google/cel-spec/blob/master/proto/cel/expr). Of that little is needed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cel_expr_python import cel

Kind = Literal["constant", "name", "member", "call", "list", "map", "message", "fold"]

# Numbers of fields: of `google.protobuf.Any`, `CheckedExpr`, `SourceInfo`, and of an entry of a map.
_VALUE, _EXPR, _SOURCE_INFO, _POSITIONS = 2, 4, 5, 4
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_KINDS: dict[int, Kind] = {
    3: "constant",
    4: "name",
    5: "member",
    6: "call",
    7: "list",
    8: "map",
    9: "fold",
}
_CONSTANTS = {1: "null", 2: "bool", 3: "number", 4: "number", 5: "number", 8: "time", 9: "time"}
_FIXED = {1: 8, 5: 4}  # how many bytes a number of these wire types has


@dataclass(frozen=True)
class Node:
    """One part of an expression.

    `word` is the name, member, function, or of a `fold` its variable; `parts` are what it is made of:
    of a call the target first, of a map keys and values in turn, of a fold (`all`, `exists`, `map`, …)
    `[range, start, condition, step, result]`. `text` is what a constant says if it is a text, `of` what a
    constant is: null, bool, number, text.
    """

    kind: Kind
    number: int
    word: str = ""
    parts: tuple[Node, ...] = ()
    text: str | None = None
    of: str = ""
    sums_up_in: str = ""  # of a fold: the variable that carries from one item to the next
    is_test: bool = False  # `has(a.b)`: asks for the member only


def tree(compiled: cel.Expression) -> Node:
    """What the expression is made of."""
    return _node(_last(_checked(compiled), _EXPR))


def names(fact: str, node: Node) -> bool:
    """Whether an expression asks for this fact at all."""
    is_it = node.kind == "name" and node.word.partition(".")[0] == fact
    return is_it or any(names(fact, part) for part in node.parts)


def place(compiled: cel.Expression, number: int) -> int:
    """Where in the source the node of this number stands, in characters from 0."""
    for field, entry in _fields(_last(_checked(compiled), _SOURCE_INFO)):
        if field == _POSITIONS and isinstance(entry, memoryview):
            known = dict(_fields(entry))
            if known.get(_ENTRY_KEY, 0) == number:
                return _whole_of(known.get(_ENTRY_VALUE))
    return 0


def _checked(compiled: cel.Expression) -> memoryview:
    return _last(memoryview(compiled.serialize()), _VALUE)


def _node(buffer: memoryview) -> Node:
    number = 0
    kind: Kind = "constant"
    inside = memoryview(b"")
    for field, value in _fields(buffer):
        if field == 2:
            number = _whole_of(value)
        elif field in _KINDS and isinstance(value, memoryview):
            kind, inside = _KINDS[field], value
    return _READ[kind](number, list(_fields(inside)))


Fields = list[tuple[int, "memoryview | int"]]


def _constant(number: int, fields: Fields) -> Node:
    for field, value in fields:
        if field in (6, 7):  # text, bytes
            return Node("constant", number, text=_said(value, "surrogateescape"), of="text")
    return Node("constant", number, of=next((_CONSTANTS[field] for field, _ in fields), ""))


def _name(number: int, fields: Fields) -> Node:
    return Node("name", number, word=_text(fields, 1))


def _member(number: int, fields: Fields) -> Node:
    is_test = any(field == 3 and value for field, value in fields)
    return Node("member", number, _text(fields, 2), _nodes(fields, 1), is_test=is_test)


def _call(number: int, fields: Fields) -> Node:
    return Node("call", number, _text(fields, 2), _nodes(fields, 1) + _nodes(fields, 3))


def _list(number: int, fields: Fields) -> Node:
    return Node("list", number, parts=_nodes(fields, 1))


def _map(number: int, fields: Fields) -> Node:
    if name := _text(fields, 1):
        return Node("message", number, name)
    parts: tuple[Node, ...] = ()
    for field, entry in fields:
        if field == 2 and isinstance(entry, memoryview):
            inside = list(_fields(entry))
            parts += _nodes(inside, 3) + _nodes(inside, 4)
    return Node("map", number, parts=parts)


def _fold(number: int, fields: Fields) -> Node:
    parts = tuple(node for field in (2, 4, 5, 6, 7) for node in _nodes(fields, field))
    return Node("fold", number, _text(fields, 1), parts, sums_up_in=_text(fields, 3))


_READ = {
    "constant": _constant,
    "name": _name,
    "member": _member,
    "call": _call,
    "list": _list,
    "map": _map,
    "fold": _fold,
}


def _nodes(fields: Fields, wanted: int) -> tuple[Node, ...]:
    return tuple(_node(value) for field, value in fields if field == wanted and isinstance(value, memoryview))


def _text(fields: Fields, wanted: int) -> str:
    return next((_said(value) for field, value in fields if field == wanted), "")


def _said(value: memoryview | int, errors: str = "strict") -> str:
    return bytes(value).decode("utf-8", errors) if isinstance(value, memoryview) else ""


def _whole_of(value: memoryview | int | None) -> int:
    return value if isinstance(value, int) else 0


def _last(buffer: memoryview, wanted: int) -> memoryview:
    found = [value for field, value in _fields(buffer) if field == wanted and isinstance(value, memoryview)]
    return found[-1] if found else memoryview(b"")


def _fields(buffer: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of one message: its number, and its bytes or its whole number."""
    at = 0
    while at < len(buffer):
        key, at = _whole(buffer, at)
        wire = key & 7
        if wire == 0:
            value, at = _whole(buffer, at)
            yield key >> 3, value
            continue
        if wire == 2:
            length, at = _whole(buffer, at)
        else:
            length = _FIXED[wire]
        yield key >> 3, buffer[at : at + length]
        at += length


def _whole(buffer: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = buffer[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
