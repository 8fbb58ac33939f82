"""The most that an expression can cost, found before it is ever asked: its time, and the memory it takes.

The runtime bounds the steps of an expression (10,000 rounds of `all`, `exists`, `map` and `filter`
together) and how deeply it is nested (32), but not how large its values grow: four times `x + x + x + x` is
256 times as much text, and a list that is `map`ped is copied with every item. So the tree is walked once,
with the largest facts there can be (`cel_bounds`), and what every part can grow to is added up.

Sizes are sums: `n` items of a list that takes `w` bytes are `w` bytes together, not `n` times the
largest. Hence a size is kept as a sum of constants and of the items that are looked at (`Size`), and is only
multiplied out where the loop ends. Choices count as the greater one, and nothing counts as found early.

Times are those of a slow machine, measured on the worst inputs we know; tests hold the estimate against
what the runtime then takes (`tests/governance/expressions/test_cel_cost.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from governance.expressions import cel_bounds, cel_regex, effort
from governance.expressions.cel_bounds import MEMBER, Bound
from governance.expressions.cel_tree import Node

MOST_ROUNDS = 10_000  # the runtime's own, for one expression; then it gives no answer

Size = dict[str, float]  # by the item that is looked at; "" is what is there anyhow
_ONCE = ""


class Cost(NamedTuple):
    """Seconds, and bytes of memory until it is answered; what our own functions do is bounded by `effort`."""

    seconds: float
    memory: float


MOST = Cost(1.0, 64e6)  # of one expression
MOST_TOGETHER = Cost(5.0, 128e6)  # of all rules of a policy


class Unbounded(Exception):
    """Nothing can be said of how much this costs, or it is too much. `number` is the part of the tree."""

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text)
        self.number = number


@dataclass(frozen=True)
class Value:
    """The most that a value can be: its memory, its text, how many items it has and what one of them is."""

    weight: Size
    text: float = 0.0
    items: float = 0.0
    inner: Value | None = None  # None: an item is at most what the whole is
    is_plain: bool = False  # a number, a time, yes or no: there is nothing in it

    @property
    def item(self) -> Value:
        return self.inner or self


@dataclass(frozen=True)
class _Round:
    """One `all`, `exists`, `map` or `filter` around what is looked at."""

    symbol: str
    items: float
    together: Size  # what all items weigh
    each: float  # what one weighs at most


@dataclass
class _Part:
    seconds: float = 0.0
    memory: float = 0.0


@dataclass
class Estimate:
    """What one expression costs, and which of its parts cost most."""

    seconds: float = 0.0
    memory: float = 0.0
    parts: dict[int, _Part] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)

    @property
    def cost(self) -> Cost:
        return Cost(self.seconds, self.memory)


def estimate(root: Node) -> Estimate:
    """The most that evaluating this costs. Raises `Unbounded` where there is no telling."""
    walk = _Walk()
    result = walk.value(root, {})
    # What it answers is made a value of Python's, which takes as much again.
    walk.spend(root, memory=_times(result.weight, 2.0), time=_times(result.weight, _COPY))
    return walk.found


def check(root: Node) -> Cost:
    """What it costs at most. Raises `Unbounded` for more than one expression may cost."""
    found = estimate(root)
    if found.memory > MOST.memory:
        number = max(found.parts, key=lambda n: found.parts[n].memory)
        what, size = _told(found.nodes[number]), found.parts[number].memory
        raise Unbounded(
            f"it can become too large: {what} can take {_bytes(size)} of memory, and "
            f"{_bytes(MOST.memory)} is the most",
            number,
        )
    if found.seconds > MOST.seconds:
        number = max(found.parts, key=lambda n: found.parts[n].seconds)
        what, seconds = _told(found.nodes[number]), found.parts[number].seconds
        raise Unbounded(
            f"it can take too long: {what} can take {_span(seconds)}, the whole "
            f"{_span(found.seconds)}, and {_span(MOST.seconds)} is the most",
            number,
        )
    return found.cost


# --- Sums -------------------------------------------------------------------------------------------


def _once(amount: float) -> Size:
    return {_ONCE: float(amount)}


def _times(size: Size, factor: float) -> Size:
    return {symbol: amount * factor for symbol, amount in size.items()}


def _sum(*sizes: Size) -> Size:
    total: Size = {}
    for size in sizes:
        for symbol, amount in size.items():
            total[symbol] = total.get(symbol, 0.0) + amount
    return total


def _greater(one: Size, other: Size) -> Size:
    """At least as much as either."""
    return {symbol: max(one.get(symbol, 0.0), other.get(symbol, 0.0)) for symbol in {*one, *other}}


def _with(size: Size, symbol: str, instead: Size) -> Size:
    """The same where the item `symbol` weighs `instead`."""
    rest = {name: amount for name, amount in size.items() if name != symbol}
    return _sum(rest, _times(instead, size.get(symbol, 0.0)))


def _weighing(value: Value, weight: Size) -> Value:
    inner = _weighing(value.inner, weight) if value.inner else None
    return replace(value, weight=weight, inner=inner)


def _either(one: Value, other: Value) -> Value:
    """A value that is at least as large as both, all through."""
    if one is other:
        return one
    inner = None
    if one.inner is not None or other.inner is not None:
        inner = _either(*(v.inner or (v if not v.is_plain else _PLAIN) for v in (one, other)))
    return Value(
        _greater(one.weight, other.weight),
        max(one.text, other.text),
        max(one.items, other.items),
        inner,
        one.is_plain and other.is_plain,
    )


def _of_bound(bound: Bound) -> Value:
    return Value(
        _once(bound.weight), bound.text, bound.items, None, is_plain=not bound.text and not bound.items
    )


_PLAIN = Value(_once(MEMBER), is_plain=True)

# --- What things cost, in nanoseconds ---------------------------------------------------------------

_NODE = 250.0  # any part, each time
_ITEM = 4.0  # of a list or map that is handed over, each time
_COPY = 3.0  # a byte
_MAPPED = 70.0  # `map` and `filter` copy the list they build with every item: the square of the items
_MAPPED_BYTES = 20.0
_KEPT = 40.0  # bytes for one item of a list that is built or joined
_FOUND = (5.0, 0.03)  # `contains`: a byte of the text, and a byte of it for each of what is looked for
_COMPARED = 5.0  # a byte
_CALL = 3_000.0  # into Python and back

_SHORT_TEXT = 64.0  # what numbers, times and durations are when they are written out


class _Walk:
    def __init__(self) -> None:
        self.found = Estimate()
        self.rounds: list[_Round] = []
        self.symbols = 0

    def spend(
        self,
        node: Node,
        *,
        time: Size | float = 0.0,
        memory: Size | float = 0.0,
        at_most: float = float("inf"),
    ) -> None:
        """Count this for every round that the node is looked at in; `at_most` nanoseconds in all."""
        part = self.found.parts.setdefault(node.number, _Part())
        self.found.nodes[node.number] = node
        seconds = min(self.in_all(time), at_most) / 1e9
        bytes_ = self.in_all(memory)
        part.seconds += seconds
        part.memory += bytes_
        self.found.seconds += seconds
        self.found.memory += bytes_

    def in_all(self, amount: Size | float) -> float:
        """What an amount adds up to over all rounds it is looked at in."""
        amount = amount if isinstance(amount, dict) else _once(amount)
        return self._over(amount, len(self.rounds))

    def _over(self, amount: Size, depth: int) -> float:
        """What an amount inside of the first `depth` rounds adds up to over all of them."""
        total = 0.0
        looked_at = min(_product(r.items for r in self.rounds[:depth]), MOST_ROUNDS)
        for symbol, factor in amount.items():
            if symbol == _ONCE:
                total += factor * looked_at
                continue
            at = next(n for n, r in enumerate(self.rounds) if r.symbol == symbol)
            inside = _product(r.items for r in self.rounds[at + 1 : depth])
            together = inside * self._over(self.rounds[at].together, at)
            total += factor * min(together, looked_at * self.rounds[at].each)
        return total

    def at_most(self, size: Size) -> float:
        """The greatest that it can be in one round."""
        each = {r.symbol: r.each for r in self.rounds}
        return sum(amount * each.get(symbol, 1.0) for symbol, amount in size.items())

    # --- The parts --------------------------------------------------------------------------

    def value(self, node: Node, known: dict[str, Value]) -> Value:
        """What this can be at most; what it costs is counted."""
        self.spend(node, time=_NODE)
        match node.kind:
            case "constant":
                return self._constant(node)
            case "name":
                return known.get(node.word) or _of_bound(cel_bounds.bound_of(node.word))
            case "member":
                return self._member(node, known)
            case "call":
                return self._call(node, known)
            case "list":
                return self._list(node, [self.value(part, known) for part in node.parts])
            case "map":
                return self._map(node, [self.value(part, known) for part in node.parts])
            case "fold":
                return self._fold(node, known)
        raise Unbounded(f"{node.word} {{…}} does not belong here", node.number)

    def _constant(self, node: Node) -> Value:
        if node.text is None:
            return _PLAIN
        length = len(node.text.encode("utf-8", "surrogateescape"))
        return Value(_once(MEMBER + length), length)

    def _member(self, node: Node, known: dict[str, Value]) -> Value:
        [of] = node.parts
        if of.kind == "name" and of.word not in known:
            members = cel_bounds.BOUNDS.get(of.word)
            if isinstance(members, dict) and node.word in members:
                self.spend(node, time=_ITEM * len(members))
                return _PLAIN if node.is_test else _of_bound(members[node.word])
        whole = self.value(of, known)
        self.spend(node, time=_ITEM * whole.items)
        return _PLAIN if node.is_test else whole.item

    def _list(self, node: Node, items: Sequence[Value]) -> Value:
        self.spend(node, memory=_KEPT * (len(items) + 1), time=_NODE * len(items))
        inner = _PLAIN
        for item in items:
            inner = _either(inner, item)
        weight = _sum(_once(MEMBER * (len(items) + 1)), *(item.weight for item in items))
        return Value(weight, 0.0, len(items), inner)

    def _map(self, node: Node, parts: Sequence[Value]) -> Value:
        listed = self._list(node, parts)
        return replace(listed, items=len(parts) / 2)

    def _fold(self, node: Node, known: dict[str, Value]) -> Value:
        over, start, condition, step, result = node.parts
        of = self.value(over, known)
        items = min(of.items, MOST_ROUNDS)
        self.spend(node, time=_ITEM * of.items)
        self.value(start, known)
        self.symbols += 1
        symbol = f"item {self.symbols}"
        self.rounds.append(_Round(symbol, items, of.weight, self.at_most(of.weight)))
        item = _weighing(of.item, {symbol: 1.0})
        known = {**known, node.word: item, node.sums_up_in: _PLAIN}
        kept = None
        if start.kind == "list":
            kept = self.value(self._kept(step, node), known)
            for part in _conditions(step):
                self.value(part, known)
        else:
            self.value(step, known)
        self.value(condition, known)
        self.rounds.pop()
        if kept is None:
            self.value(result, {**known, node.sums_up_in: _PLAIN})
            return _PLAIN
        self.spend(node, time=_MAPPED * items**2, memory=_MAPPED_BYTES * items**2)
        per_item = {name: amount for name, amount in kept.weight.items() if name != symbol}
        weight = _sum(
            _times(per_item, items),
            _times(of.weight, kept.weight.get(symbol, 0.0)),
            _once(MEMBER * (items + 1)),
        )
        return Value(weight, 0.0, items, _without(kept, symbol, of.weight))

    def _kept(self, step: Node, node: Node) -> Node:
        """What a round of `map` or `filter` adds to the list it builds."""
        if step.kind == "call" and step.word == "_?_:_":
            step = step.parts[1]
        if step.kind == "call" and step.word == "_+_" and step.parts[1].kind == "list":
            [kept] = step.parts[1].parts
            return kept
        raise Unbounded("this way to go through a list is unknown", node.number)

    # --- Calls ------------------------------------------------------------------------------

    def _call(self, node: Node, known: dict[str, Value]) -> Value:
        values = [self.value(part, known) for part in node.parts]
        cost = _CALLS.get(node.word)
        if cost is None:
            raise Unbounded(f"{node.word} can't be used here: its cost is unknown", node.number)
        return cost(self, node, values)


def _product(numbers: object) -> float:
    total = 1.0
    for number in numbers:  # type: ignore[attr-defined]
        total *= number
    return total


def _conditions(step: Node) -> Sequence[Node]:
    return step.parts[:1] if step.word == "_?_:_" else ()


def _without(value: Value, symbol: str, instead: Size) -> Value:
    """The same outside of the round whose items are `symbol`."""
    inner = _without(value.inner, symbol, instead) if value.inner else None
    return replace(value, weight=_with(value.weight, symbol, instead), inner=inner)


def _text(value: Value) -> Size:
    """The bytes of a value that is a text: no more than all of it, nor than its longest text."""
    return value.weight if set(value.weight) - {_ONCE} else _once(min(value.weight.get("", 0.0), value.text))


Cheap = Callable[[_Walk, Node, list[Value]], Value]


def _plain(walk: _Walk, node: Node, values: list[Value]) -> Value:
    return _PLAIN


def _compare(walk: _Walk, node: Node, values: list[Value]) -> Value:
    # No more is looked at than either value is.
    one, other = (_times(value.weight, _COMPARED) for value in values)
    most = walk.in_all(other)
    if len(walk.rounds) == 2 and sorted({*one, *other}) == sorted(r.symbol for r in walk.rounds):
        # Each item of one list with each of another: of the two lists the shorter one says how often the
        # other is gone through, and that is 100 times at most.
        longer = max(walk.at_most(r.together) for r in walk.rounds)
        most = min(most, _COMPARED * longer * MOST_ROUNDS**0.5)
    walk.spend(node, time=one, at_most=most)
    return _PLAIN


def _is_in(walk: _Walk, node: Node, values: list[Value]) -> Value:
    walk.spend(node, time=_sum(_times(values[1].weight, 4.0), _once(_ITEM * values[1].items)))
    return _PLAIN


def _index(walk: _Walk, node: Node, values: list[Value]) -> Value:
    walk.spend(node, time=_ITEM * values[0].items)
    return values[0].item


def _add(walk: _Walk, node: Node, values: list[Value]) -> Value:
    one, other = values
    if one.is_plain or other.is_plain:
        return _PLAIN  # texts and lists go with their like only; anything else is no answer
    weight = _sum(one.weight, other.weight)
    walk.spend(node, time=_times(weight, _COPY), memory=weight)
    inner = None
    if one.inner is not None or other.inner is not None:
        inner = _either(*(v.inner or v for v in values))
    elif one.items and other.items:
        inner = replace(_either(one, other), weight=_greater(one.weight, other.weight))
    return Value(weight, one.text + other.text, one.items + other.items, inner)


def _choose(walk: _Walk, node: Node, values: list[Value]) -> Value:
    return _either(values[1], values[2])


def _size_of(walk: _Walk, node: Node, values: list[Value]) -> Value:
    walk.spend(node, time=_sum(_times(_text(values[0]), _COPY), _once(_ITEM * values[0].items)))
    return _PLAIN


def _contains(walk: _Walk, node: Node, values: list[Value]) -> Value:
    each, by_each = _FOUND
    walk.spend(node, time=_times(_text(values[0]), each + by_each * values[1].text))
    return _PLAIN


def _begins(walk: _Walk, node: Node, values: list[Value]) -> Value:
    walk.spend(node, time=_times(_text(values[0]), 1.0))
    return _PLAIN


def _written(walk: _Walk, node: Node, values: list[Value]) -> Value:
    """`string(…)` and `bytes(…)`."""
    [value] = values
    weight = _sum(value.weight, _once(_SHORT_TEXT))
    walk.spend(node, time=_times(weight, _COPY), memory=weight)
    return Value(weight, max(value.text, _SHORT_TEXT))


def _read(walk: _Walk, node: Node, values: list[Value]) -> Value:
    """`int(…)`, `timestamp(…)`, the parts of a time."""
    walk.spend(node, time=_sum(_once(5_000.0), *(_times(_text(value), 10.0) for value in values)))
    return _PLAIN


def _same(walk: _Walk, node: Node, values: list[Value]) -> Value:
    return values[0]


def _matches(walk: _Walk, node: Node, values: list[Value]) -> Value:
    pattern = node.parts[1]
    if pattern.kind != "constant" or pattern.text is None:
        raise Unbounded("the pattern of matches has to be written out in the expression", node.number)
    needed = cel_regex.needs(pattern.text)
    if needed.states > cel_regex.MOST_STATES:
        raise Unbounded(
            f"the pattern {_short(pattern.text)} is too large: repetitions multiply what they repeat",
            pattern.number,
        )
    walk.spend(node, time=needed.to_prepare)
    walk.spend(node, time=_times(_text(values[0]), needed.each_byte))
    return _PLAIN


_ADDITION = ("_-_", "_*_", "_/_", "_%_", "-_")
_LOGIC = ("_&&_", "_||_", "!_", "@not_strictly_false", "type")
_OF_A_TIME = (
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)

# --- Our own functions: what `functions` promises --------------------------------------------------


def _ours(*, items: float = 0.0, text: bool = False) -> Cheap:
    """A function of ours: what it may answer. What it does is counted while it runs, by `effort`."""

    def cost(walk: _Walk, node: Node, values: list[Value]) -> Value:
        given = _sum(*(value.weight for value in values))
        walk.spend(node, time=_sum(_once(_CALL), _times(given, _COPY)))
        if text:
            walk.spend(node, memory=values[0].weight)
            return Value(values[0].weight, values[0].text)
        if items:
            longest = max(value.text for value in values)
            weight = _sum(given, _once(MEMBER * (items + 1)))
            walk.spend(node, memory=weight)
            return Value(weight, 0.0, items, Value(given, longest))
        return _PLAIN

    return cost


_CALLS: dict[str, Cheap] = {
    **dict.fromkeys((*_ADDITION, *_LOGIC), _plain),
    **dict.fromkeys(("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"), _compare),
    **dict.fromkeys((*_OF_A_TIME, "int", "uint", "double", "bool", "timestamp", "duration"), _read),
    **dict.fromkeys(("string", "bytes"), _written),
    **dict.fromkeys(("startsWith", "endsWith"), _begins),
    "@in": _is_in,
    "_[_]": _index,
    "_+_": _add,
    "_?_:_": _choose,
    "dyn": _same,
    "size": _size_of,
    "contains": _contains,
    "matches": _matches,
    # Ours; of the past, a question is asked of the database once, and fifty at most.
    **dict.fromkeys(("mentions", "quotes", "asks", "repeats", "when", "has_secret", "has_hidden"), _ours()),
    **dict.fromkeys(("count", "sum", "max", "seen"), _ours()),
    "unmentioned": _ours(items=effort.MOST_NAMES),
    **dict.fromkeys(("adds", "numbers", "pages"), _ours(items=effort.MOST_FOUND)),
    **dict.fromkeys(("about", "host", "domain"), _ours(text=True)),
}

# --- In words ---------------------------------------------------------------------------------------

_SIGN = re.compile(r"^_?(.+?)_?$")


def _told(node: Node) -> str:
    if node.kind == "fold":
        return "the list that is built here"
    if node.kind == "call" and node.word == "_+_":
        return "what + puts together here"
    if node.kind == "call":
        found = _SIGN.match(node.word)
        return f"{found[1] if found else node.word} here"
    if node.kind == "list":
        return "this list"
    return "this part"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _bytes(amount: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if amount >= size:
            return f"{amount / size:,.0f} {unit}" if amount < 1e15 else "more than any"
    return f"{amount / 1e3:,.0f} KB"


def _span(seconds: float) -> str:
    return f"{seconds:,.1f} seconds" if seconds < 1e6 else "days"


def in_words(cost: Cost) -> str:
    """A bound as people read it: "5.0 seconds or 128 MB of memory"."""
    return f"{_span(cost.seconds)} or {_bytes(cost.memory)} of memory"
