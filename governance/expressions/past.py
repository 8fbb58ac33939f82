"""What a policy may ask of the past: `history.agent.count("1h")`.

The questions and their form stand here. Who knows the answers (a floor above has the proposals)
says so with `answering`; without that, every question is refused and its rule fails closed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, Protocol

from cel_expr_python import cel

from audit.ground import durations

AGENT, SUBJECT = "agent", "subject"
FACT = {AGENT: {"of": AGENT}, SUBJECT: {"of": SUBJECT}}  # the fact `history`
STATUSES = ("pending", "approved", "rejected", "returned", "expired", "withdrawn", "blocked")
LONGEST = 90 * 86_400.0  # seconds
NOBODY = "nothing is known of the past here"
MOST_QUESTIONS = 50  # distinct ones about one proposal
_SHOWN = 64  # characters of a value in the text of a question

Kind = Literal["count", "sum", "max", "seen"]


class NotAnswered(ValueError):
    """A question that can't be answered; the message says why."""


@dataclass(frozen=True)
class Question:
    """One question about the proposals of an agent, or about a subject, within a window before now."""

    kind: Kind
    of: str
    window: str
    argument: str = ""
    value: str | int | float = ""
    action: str = ""
    statuses: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return _seconds(self.window)

    def __str__(self) -> str:
        """As a policy spells it; the same question is always spelled the same."""
        given = [_literal(self.argument)] if self.argument else []
        given += [_literal(_short(self.value))] if self.kind == "seen" else []
        given.append(_literal(self.window))
        wanted = {"action": self.action, "status": list(self.statuses)}
        if wanted := {name: value for name, value in wanted.items() if value}:
            given.append(_literal(wanted))
        return f"history.{self.of}.{self.kind}({', '.join(given)})"


class Answers(Protocol):
    """Knows the past of one proposal."""

    def ask(self, question: Question) -> int | float | bool:
        """Raises `NotAnswered`."""


_asked: ContextVar[Answers | None] = ContextVar("history", default=None)


@contextmanager
def answering(answers: Answers | None) -> Iterator[None]:
    """Let these answer what the rules evaluated meanwhile ask, in this thread."""
    before = _asked.set(answers)
    try:
        yield
    finally:
        _asked.reset(before)


def asks_about_past(expressions: Iterable[str]) -> bool:
    return any(re.search(r"\bhistory\b", expression) for expression in expressions)


def _count(scope: Any, window: str, wanted: Any = None) -> int:
    return int(_ask("count", scope, window, wanted))


def _sum(scope: Any, argument: str, window: str, wanted: Any = None) -> float:
    return float(_ask("sum", scope, window, wanted, argument=argument))


def _max(scope: Any, argument: str, window: str, wanted: Any = None) -> float:
    return float(_ask("max", scope, window, wanted, argument=argument))


def _seen(scope: Any, argument: str, value: Any, window: str) -> bool:
    return bool(_ask("seen", scope, window, None, argument=argument, value=value))


def _ask(kind: Kind, scope: Any, window: str, wanted: Any, **about: Any) -> int | float | bool:
    answers, asked = _asked.get(), question(kind, _scope(scope), window, wanted or {}, **about)
    if answers is None:
        raise NotAnswered(NOBODY)
    return answers.ask(asked)


def question(kind: Kind, of: str, window: str, wanted: Mapping[str, Any], **about: Any) -> Question:
    """A checked question; `wanted` may name an `action` and a `status` or several. Raises `NotAnswered`."""
    if unknown := sorted(set(map(str, wanted)) - {"action", "status"}):
        raise NotAnswered(f"{unknown[0]!r} is unknown; a question is narrowed by action and status")
    action = wanted.get("action", "")
    if not isinstance(action, str):
        raise NotAnswered("action is the name of an action type")
    _seconds(window)
    statuses = _statuses(kind, wanted.get("status", ()))
    return Question(kind, of, window, action=action, statuses=statuses, **about)


def _scope(scope: Any) -> str:
    of = scope.get("of") if isinstance(scope, Mapping) else None
    if of not in FACT:
        raise NotAnswered("ask history.agent or history.subject")
    return str(of)


def _seconds(window: str) -> float:
    try:
        span = durations.seconds(window)
    except ValueError as error:
        raise NotAnswered(str(error)) from error
    if not 0 < span <= LONGEST:
        raise NotAnswered(f"a window is at most {durations.written(LONGEST)} long, not {window}")
    return span


def _statuses(kind: Kind, given: Any) -> tuple[str, ...]:
    if not isinstance(given, str | list | tuple | None):
        raise NotAnswered("status is one of the statuses, or a list of them")
    named: Sequence[Any] = [given] if isinstance(given, str) else given or ()
    for status in named:
        if status not in STATUSES:
            raise NotAnswered(f"{status!r} is no status; there are {', '.join(STATUSES)}")
    if kind == "max" and "pending" in named:
        raise NotAnswered("the greatest is asked of what was decided, not of what is pending")
    if kind == "max" and not named:
        return ("approved",)
    return tuple(status for status in STATUSES if status in named)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(value: str | int | float) -> str | int | float:
    """A long text by its digest, so that what is kept of a question stays small."""
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"sha256:{sha256(value.encode()).hexdigest()}"
    return value


_TEXT, _ANY = cel.Type.STRING, cel.Type.DYN
_MAP = cel.Type.Map(_TEXT, _ANY)


def _functions(count: cel.Type, number: cel.Type, seen: cel.Type) -> tuple[cel.FunctionDecl, ...]:
    return (
        _function("count", _count, count, [_TEXT], [_TEXT, _MAP]),
        _function("sum", _sum, number, [_TEXT, _TEXT], [_TEXT, _TEXT, _MAP]),
        _function("max", _max, number, [_TEXT, _TEXT], [_TEXT, _TEXT, _MAP]),
        _function(
            "seen",
            _seen,
            seen,
            *([_TEXT, value, _TEXT] for value in (_TEXT, cel.Type.INT, cel.Type.DOUBLE)),
        ),
    )


def _function(
    name: Kind, implementation: Callable[..., Any], returns: cel.Type, *forms: list[cel.Type]
) -> cel.FunctionDecl:
    return cel.FunctionDecl(
        name,
        [
            cel.Overload(
                f"history_{name}_{number}",
                return_type=returns,
                parameters=[_MAP, *form],
                is_member=True,
                impl=implementation,
            )
            for number, form in enumerate(forms)
        ],
    )


# To run: `history.agent.sum("amount", "1d") > 500` compares numbers of two kinds, as anybody would.
FUNCTIONS = _functions(_ANY, _ANY, _ANY)
# To check what is written.
TYPED = _functions(cel.Type.INT, cel.Type.DOUBLE, cel.Type.BOOL)
