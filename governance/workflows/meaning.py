"""What a workflow says that can never be so: names that nobody knows, kinds that do not go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from governance.actions.credentials import Path
from governance.actions.templates import compiled
from governance.actions.workflow import Workflow, expressions_in
from governance.expressions.cel import Expression
from governance.expressions.cel_tree import Node
from governance.schemas.data_classes import Marks, object_in

MEMBERS = {
    "response": ("status", "json", "text", "headers"),
    "look": ("known", "status", "json", "text", "at"),
    "proposal": ("id", "title", "summary", "subject", "agent", "action"),
    "execution": ("id",),
    "decision": ("at", "by", "edited"),
}
OF_STEP = ("json", "status", "text", "signal")
_COMPARED = {"_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
_KINDS = {"string": "text", "integer": "number", "number": "number", "boolean": "bool"}
_SAID = {"text": "a text", "number": "a number", "bool": "true or false"}


class Doubt(NamedTuple):
    """Something in a workflow that is wrong, or (`mild`) hardly meant; of an expression its place within."""

    path: Path
    text: str
    line: int = 0
    column: int = 0
    mild: bool = False


def doubts(plan: Workflow, schema: dict[str, Any]) -> Iterator[Doubt]:
    """All there are in its expressions, each of which can be compiled."""
    arguments = Arguments(schema)
    found = list(_compiled(plan))
    of_steps = {path[:2]: _tested(one.tree) for path, one in found if path[2:] == ("if",)}
    for path, expression in found:
        tested = _tested(expression.tree) | of_steps.get(path[:2], set())
        for node, text, mild in _in_expression(expression.tree, plan, arguments, tested):
            yield Doubt(path, text, *_place(expression, node), mild=mild)


def _compiled(plan: Workflow) -> Iterator[tuple[Path, Expression]]:
    for path, source, known in expressions_in(plan):
        try:
            yield path, compiled(source, known)
        except ValueError:  # told where its form is checked
            continue


class Chain(NamedTuple):
    """A fact and the members that are asked of it: `args`, `("order", "id")`; with the nodes of each."""

    fact: str
    names: tuple[str, ...]
    nodes: tuple[Node, ...]


def chains(node: Node) -> Iterator[Chain]:
    """Every member that an expression asks for, in full: `args.order.id` once."""
    chain = _chain(node)
    if chain and chain.names:
        yield chain
        return
    for part in node.parts:
        yield from chains(part)


def _chain(node: Node) -> Chain | None:
    if node.kind == "name":
        return Chain(node.word, (), (node,))
    name = node.word if node.kind == "member" else None
    if node.kind == "call" and node.word == "_[_]":
        name = node.parts[1].text
    before = _chain(node.parts[0]) if name is not None else None
    if before is None or name is None:
        return None
    return Chain(before.fact, (*before.names, name), (*before.nodes, node))


def _tested(node: Node) -> set[tuple[str, ...]]:
    """What it asks about before it uses it: `has(args.note)` and `"note" in args`, as fact and names."""
    found = {member for part in node.parts for member in _tested(part)}
    chain = _chain(node) if node.is_test else None
    if node.kind == "call" and node.word == "@in" and node.parts[0].text is not None:
        inside = _chain(node.parts[1])
        chain = inside and inside._replace(names=(*inside.names, node.parts[0].text))
    return found | {(chain.fact, *chain.names)} if chain else found


class Arguments:
    """What the schema of an action's arguments says of a member of them."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.marks = Marks(schema)

    def unknown(self, names: Sequence[str]) -> tuple[int, str, bool] | None:
        """Which of these names nobody knows, in words; and whether it may be there all the same."""
        schemas: list[Any] = [self.marks.root]
        for depth, name in enumerate(names):
            applying = self.marks.applying(schemas)
            known = {word: None for part in applying for word in object_in(part, "properties")}
            if name not in known:
                closed = any(self._is_closed(part, name) for part in self._must(schemas))
                close = get_close_matches(name, known, n=1)
                if not closed and not close:
                    return None
                said = ".".join(("args", *names[: depth + 1]))
                meant = f"; did you mean {close[0]}?" if close else _list("; it has ", known)
                return depth, f"the schema knows no {said[:200]}{meant}", not closed
            schemas = self._named(applying, name)
        return None

    def optional(self, names: Sequence[str]) -> Iterator[int]:
        """At which places of these names one stands that may be left out, of those that the schema knows."""
        schemas: list[Any] = [self.marks.root]
        for depth, name in enumerate(names):
            required = {word for part in self._must(schemas) for word in _words_of(part.get("required"))}
            schemas = self._named(self.marks.applying(schemas), name)
            if not schemas:
                return
            if name not in required:
                yield depth

    def kinds(self, names: Sequence[str]) -> set[str]:
        """What it can be in an expression: text, number, bool; empty where that can't be told."""
        schemas: list[Any] = [self.marks.root]
        for name in names:
            schemas = self._named(self.marks.applying(schemas), name)
        said = [part["type"] for part in self._must(schemas) if "type" in part]
        types = {word for one in said for word in (one if isinstance(one, list) else [one])}
        return {_KINDS[word] for word in types} if types <= set(_KINDS) else set()

    def _must(self, schemas: list[Any]) -> list[dict[str, Any]]:
        """What holds whichever of their branches the arguments fit."""
        parts = [part for part in schemas if isinstance(part, dict)]
        return [one for part in parts for one in (part, *self.marks.inside_of(part))]

    @staticmethod
    def _named(applying: list[dict[str, Any]], name: str) -> list[Any]:
        found = [object_in(part, "properties").get(name) for part in applying]
        return [schema for schema in found if schema is not None]

    @staticmethod
    def _is_closed(part: dict[str, Any], name: str) -> bool:
        """Whether it lets no other member stand there. Patterns of others are not run: they count as open."""
        shut = part.get("additionalProperties") is False or part.get("unevaluatedProperties") is False
        return shut and name not in object_in(part, "properties") and "patternProperties" not in part


def _in_expression(
    node: Node, plan: Workflow, arguments: Arguments, tested: set[tuple[str, ...]]
) -> Iterator[tuple[Node, str, bool]]:
    for chain in chains(node):
        if chain.fact == "args":
            if found := arguments.unknown(chain.names):
                depth, text, mild = found
                yield chain.nodes[depth + 1], text, mild
            yield from _left_out(chain, arguments, tested)
        elif problem := _no_such_member(chain):
            yield chain.nodes[0], problem, False
    if plan.look is None:
        yield from (
            (name, "this workflow has no look, so nothing is known of it", False)
            for name in _named(node, "look")
        )
    yield from ((where, text, False) for where, text in _not_together(node, arguments))


def _left_out(
    chain: Chain, arguments: Arguments, tested: set[tuple[str, ...]]
) -> Iterator[tuple[Node, str, bool]]:
    """The first of these members that may be missing, where nothing asks for it before."""
    for depth in arguments.optional(chain.names):
        member = (chain.fact, *chain.names[: depth + 1])
        if member not in tested:
            said = ".".join(member)[:200]
            yield (
                chain.nodes[depth + 1],
                f"{said} may be left out; ask has({said}) first, or this fails",
                True,
            )
            return


def _no_such_member(chain: Chain) -> str:
    fact, names = chain.fact, chain.names
    known = MEMBERS.get(fact, ())
    if fact == "steps":
        fact, names, known = f"steps.{names[0]}", names[1:], OF_STEP
    if not known or not names or names[0] in known:
        return ""
    close = get_close_matches(names[0], known, n=1)
    meant = f"; did you mean {close[0]}?" if close else _list("; it has ", known)
    return f"{fact} has no {names[0][:100]}{meant}"


def _named(node: Node, fact: str) -> Iterator[Node]:
    if node.kind == "name" and node.word == fact:
        yield node
    for part in node.parts:
        yield from _named(part, fact)


def _not_together(node: Node, arguments: Arguments) -> Iterator[tuple[Node, str]]:
    """Comparisons of a text with a number and the like, which are never so or end in an error."""
    for part in node.parts:
        yield from _not_together(part, arguments)
    if node.kind != "call" or node.word not in _COMPARED or len(node.parts) != 2:
        return
    (one, other), (kinds, others) = node.parts, [_kinds(part, arguments) for part in node.parts]
    if kinds and others and not kinds & others:
        told = f"{_name(one)} is {_words(kinds)}, {_name(other)} {_words(others)}"
        yield node, f"{_COMPARED[node.word]} compares two that never go together: {told}"


def _kinds(node: Node, arguments: Arguments) -> set[str]:
    if node.kind == "constant":
        return {node.of} & set(_SAID)
    chain = _chain(node)
    return arguments.kinds(chain.names) if chain and chain.fact == "args" and chain.names else set()


def _name(node: Node) -> str:
    chain = _chain(node)
    if chain:
        return ".".join((chain.fact, *chain.names))[:200]
    return "the other" if node.text is None else f'"{node.text[:40]}"'


def _words(kinds: set[str]) -> str:
    return " or ".join(sorted(_SAID[kind] for kind in kinds))


def _words_of(required: Any) -> list[str]:
    return [word for word in required if isinstance(word, str)] if isinstance(required, list) else []


def _list(before: str, names: Any) -> str:
    shown = list(names)[:12]
    return f"{before}{', '.join(shown)}" if shown else ""


def _place(expression: Expression, node: Node) -> tuple[int, int]:
    line, column = expression.place_of(node)
    # The runtime puts a member at its dot; people look for its name.
    return line, column + (node.kind == "member")
