"""Expressions in CEL, the Common Expression Language: checked when written, bounded when run.

Policy rules and workflows both speak it. An expression knows the names it may use; a name it may not
use is an error with line and column when it is compiled, never a surprise when it is asked. What could cost
too much on the largest facts there can be is not compiled either (`cel_cost`), and facts that are larger
are not handed over (`cel_bounds`): so it is evaluated right here, in the process that asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from governance.expressions import cel_bounds, cel_cost, effort
from governance.expressions.cel_tree import Node, place, tree

LONGEST = 4_000  # characters


class Problem(NamedTuple):
    """Something wrong in an expression, and where: line and column count from 1."""

    line: int
    column: int
    text: str
    is_cost: bool = False  # nothing is wrong but what it could cost


class BadExpression(ValueError):
    """It cannot be compiled; the message has line and column."""


class TooCostly(BadExpression):
    """It could take more time or memory than an expression may; `problem` says which part of it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.line}:{problem.column}: {problem.text}")
        self.problem = problem


class NoAnswer(Exception):
    """It could not be evaluated on these facts: a missing key, a wrong type, a division by zero."""


class Expression:
    """One compiled expression over `variables`; compiling the same one twice costs nothing.

    `functions` are `cel.FunctionDecl`s beyond CEL's own. Raises `BadExpression`, `TooCostly` among it.
    """

    __slots__ = ("_compiled", "_env", "cost", "source")

    def __init__(
        self, source: str, variables: Sequence[str], functions: Sequence[cel.FunctionDecl] = ()
    ) -> None:
        self.source = source
        self._env = environment(tuple(variables), tuple(functions))
        self._compiled, self.cost = _compile(source, tuple(variables), tuple(functions))

    @property
    def tree(self) -> Node:
        """What it is made of."""
        return tree(self._compiled)

    def place_of(self, node: Node) -> tuple[int, int]:
        """Line and column at which a part of it stands, from 1."""
        at = place(self._compiled, node.number)
        return self.source.count("\n", 0, at) + 1, at - self.source.rfind("\n", 0, at)

    def evaluate(self, facts: Mapping[str, Any] | cel.Activation) -> Any:
        """The answer as plain Python. Raises `NoAnswer`.

        `facts` names every variable; many expressions on the same facts share one `activation`.
        """
        try:
            known = facts if isinstance(facts, cel.Activation) else _ready(self._env, facts)
            with effort.limited():
                value = self._compiled.eval(known)
            if value.type() in (cel.Type.ERROR, cel.Type.UNKNOWN):
                raise NoAnswer(_tidy(str(value.plain_value())))
            return value.plain_value()
        except (RuntimeError, TypeError, ValueError) as error:
            raise NoAnswer(_tidy(str(error))) from error

    def holds(self, facts: Mapping[str, Any] | cel.Activation) -> bool:
        """Whether it is true. Raises `NoAnswer`, also for an answer that is neither true nor false."""
        if isinstance(facts, cel.Activation):  # the busiest call of all: many rules on the same facts
            with effort.limited():
                answer = self._compiled.eval(facts).plain_value()
            if answer is True or answer is False:
                return answer
        answer = self.evaluate(facts)
        if not isinstance(answer, bool):
            raise NoAnswer(f"the answer is {type(answer).__name__}, not true or false")
        return answer

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


@lru_cache(maxsize=64)
def environment(variables: tuple[str, ...], functions: tuple[cel.FunctionDecl, ...] = ()) -> cel.Env:
    types = {name: _TYPED.get(name, cel.Type.DYN) for name in variables}
    return cel.NewEnv(variables=types, functions=list(functions))


# The runtime takes a Python datetime for a timestamp only where a timestamp is declared.
_TYPED = {"now": cel.Type.TIMESTAMP}


def activation(
    facts: Mapping[str, Any],
    variables: Sequence[str],
    functions: Sequence[cel.FunctionDecl] = (),
    *,
    within_bounds: Mapping[str, Any] | None = None,
) -> cel.Activation:
    """Facts made ready once, for many expressions. What those take in memory stays until this is let go.

    `within_bounds` are facts besides, which came from `cel_bounds.within`.
    """
    return _ready(environment(tuple(variables), tuple(functions)), facts, within_bounds)


def _ready(
    env: cel.Env, facts: Mapping[str, Any], within_bounds: Mapping[str, Any] | None = None
) -> cel.Activation:
    return env.Activation({**(within_bounds or {}), **cel_bounds.within(facts)})


@lru_cache(maxsize=2_048)
def _compile(
    source: str, variables: tuple[str, ...], functions: tuple[cel.FunctionDecl, ...]
) -> tuple[cel.Expression, cel_cost.Cost]:
    if len(source) > LONGEST:
        raise BadExpression(f"an expression has at most {LONGEST} characters")
    try:
        compiled = environment(variables, functions).compile(source)
    except RuntimeError as error:
        raise BadExpression(_tidy(str(error))) from error
    try:
        return compiled, cel_cost.check(tree(compiled))
    except cel_cost.Unbounded as error:
        at = place(compiled, error.number)
        line, column = source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
        raise TooCostly(Problem(line, column, str(error), is_cost=True)) from error


class Together:
    """Several expressions as one, whose answer is the list of theirs; each was bounded by itself."""

    __slots__ = ("_compiled",)

    def __init__(
        self, source: str, variables: Sequence[str], functions: Sequence[cel.FunctionDecl] = ()
    ) -> None:
        self._compiled = environment(tuple(variables), tuple(functions)).compile(source)

    def answers(self, known: cel.Activation) -> list[bool] | None:
        """True or false for each; None where one of them is neither."""
        try:
            with effort.limited():
                value = self._compiled.eval(known)
            answers = value.plain_value() if value.type() == cel.Type.LIST else None
        except (RuntimeError, TypeError, ValueError):
            return None
        # Asked at every submission, of every rule: looking at the types takes a tenth of a loop's time.
        return answers if isinstance(answers, list) and set(map(type, answers)) <= {bool} else None


def problems_of(source: str, env: cel.Env) -> list[Problem]:
    """Everything that the runtime finds wrong; of mistakes in grammar the first, which makes the others."""
    if len(source) > LONGEST:
        return [Problem(1, 1, f"an expression has at most {LONGEST:,} characters")]
    try:
        env.compile(source)
    except RuntimeError as error:
        found = [Problem(int(line), int(column), text) for line, column, text in _AT.findall(str(error))]
        found = found or [Problem(1, 1, _tidy(str(error)))]
        return found[:1] if "Syntax error" in str(error) else found
    return []


_AT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_LARGE = re.compile(r"Non-CEL value type for '(\w+)\b.*TooMuch", re.DOTALL)
_NOISE = re.compile(r"^[A-Z_]+: |ERROR: <input>:| \[[A-Z_]+\]$")


def _tidy(message: str) -> str:
    """The first line of the runtime's message: `1:6: undeclared reference to 'foo'`."""
    if found := _LARGE.search(message):
        return f"{found[1]} is larger than what a rule looks at"
    lines = message.strip().splitlines() or ["unknown error"]
    return _NOISE.sub("", _NOISE.sub("", lines[0])).strip()[:300]
