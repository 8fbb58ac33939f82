"""What a step does next, read from its attempts alone, so that a restarted worker decides the same.

An attempt that failed before anything was sent, or that the service put off, is tried again. One
whose outcome is unknown (no answer after sending, a worker killed in between, a server's error) may
have taken effect: it is tried again only where asking twice acts once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from execution.holding.workflow import HandBack, WorkflowStep, label
from execution.models import Attempt
from execution.models.work import Tried
from governance.actions.route_kinds import Called, Route

SUCCEEDED, FAILED = Attempt.Outcome.SUCCEEDED, Attempt.Outcome.FAILED
REFUSED, UNKNOWN = Attempt.Outcome.REFUSED, Attempt.Outcome.UNKNOWN

BY_AGENT = "carried out by the agent"  # what attempts call it that were begun over the API
WITHOUT_BEGIN = "reported by the agent"
MOST_BEGUN = 3  # of an idempotent action, that were never reported
LOOKS_ANEW = 600.0  # seconds for which something waits for a breaker, with nobody to wake it


@dataclass(frozen=True)
class Around:
    """What a move depends on beside the attempts.

    `acts_once` says that the action is idempotent by itself, whatever route it takes. `closed_off` holds the
    routes that are not asked at the moment, with the seconds until they may be. `left` is what attempts may
    still cost; `chosen` the number of the route that a person wants first.
    """

    acts_once: bool = False
    closed_off: Mapping[str, float] = field(default_factory=dict)
    left: Decimal | None = None
    chosen: int | None = None


@dataclass(frozen=True)
class Call:
    """Try this route; `tried` says how often it was tried before."""

    route: Called
    name: str
    tried: int


@dataclass(frozen=True)
class GiveBack:
    """Hand the step to the agent, or to a team; `name` is what attempts call that route."""

    route: HandBack
    name: str


@dataclass(frozen=True)
class Prove:
    """The call succeeded: wait for what is to come, verify it and complete the step."""


@dataclass(frozen=True)
class Doubt:
    """It may have taken effect, and another call could do it again: find out, or ask a person."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Nobody may ask the routes that are left: their breakers are open, that of `route` not for long.

    What waits is woken once a breaker closes; after so many seconds it looks anew in any case.
    """

    route: str
    seconds: float


@dataclass(frozen=True)
class Ask:
    """Nothing more can be done without a person."""

    reason: str


Move = Call | GiveBack | Prove | Doubt | Wait | Ask


def next_move(step: WorkflowStep, attempts: Sequence[Tried], around: Around) -> Move:
    """The next move of a step after these attempts of the present round, oldest first."""
    if any(attempt.outcome == SUCCEEDED for attempt in attempts):
        return Prove()
    if reason := begun_in_vain(step.name, attempts, acts_once=around.acts_once):
        return Ask(reason)
    routes = list(_in_order(step, around.chosen))
    in_doubt = next((tried for tried in reversed(attempts) if tried.outcome == UNKNOWN), None)
    if in_doubt is not None and not around.acts_once:
        # A key is honoured by its own route and nowhere else: another one could act a second time.
        routes = [(name, route) for name, route in routes if name == in_doubt.route and route.idempotent]
        return _over(routes, step, attempts, around) or Doubt(_in_doubt(step, in_doubt))
    return _over(routes, step, attempts, around) or Ask(_spent(step, attempts, around))


def _over(
    routes: Sequence[tuple[str, Route]], step: WorkflowStep, attempts: Sequence[Tried], around: Around
) -> Move | None:
    """What may be done over these routes; None where they are spent."""
    waits: list[tuple[float, str]] = []
    patience = LOOKS_ANEW
    for name, route in routes:
        if isinstance(route, HandBack):
            return _hand_back(step, route, name, attempts)
        tried = [attempt for attempt in attempts if attempt.route == name]
        if not _may_try(step, tried) or (around.left is not None and route.cost > around.left):
            continue
        shut = around.closed_off.get(breaker_of(route))
        if shut is None:
            return Call(route, name, len(tried))
        waits.append((shut, breaker_of(route)))
        if tried:
            patience = min(patience, step.retry.within - tried[0].age)
    if not waits:
        return None
    _, first = min(waits)
    return Wait(first, patience)


def _hand_back(step: WorkflowStep, route: HandBack, name: str, attempts: Sequence[Tried]) -> Move:
    """Who said that it could not be done is not asked again before somebody has looked."""
    for one in attempts:
        if one.route == name and one.outcome == REFUSED:
            return Ask(f"Step {step.name}: {one.detail}")
        if one.route in (BY_AGENT, WITHOUT_BEGIN) and one.outcome == FAILED:
            return Ask(f"Step {step.name}: the agent reported that it failed. {one.detail}".strip())
    return GiveBack(route, name)


def breaker_of(route: Called) -> str:
    """What a route is called wherever it is taken: those that ask the same have one breaker."""
    return str(route)[:300]


def begun_in_vain(step: str, attempts: Sequence[Tried], *, acts_once: bool) -> str:
    """Why the agent is not asked to begin again; empty while it may be."""
    silent = [a for a in attempts if a.route == BY_AGENT and a.outcome == UNKNOWN]
    if silent and not acts_once:
        return f"Step {step}: the agent began it and did not report, so it may have taken effect."
    if len(silent) >= MOST_BEGUN:
        return f"Step {step}: the agent began it {len(silent)} times and never reported."
    return ""


def agent_fell_silent(attempts: Sequence[Tried]) -> bool:
    """Whether the last thing that is known of a step is that the agent began it."""
    return bool(attempts) and attempts[-1].route == BY_AGENT and attempts[-1].outcome == UNKNOWN


def _in_order(step: WorkflowStep, chosen: int | None) -> Iterator[tuple[str, Route]]:
    """The routes with the names that attempts have for them, the chosen one first."""
    for index in sorted(range(len(step.routes)), key=lambda i: (i != chosen, i)):
        yield label(step, index), step.routes[index]


def _may_try(step: WorkflowStep, tried: Sequence[Tried]) -> bool:
    if not tried:
        return True
    in_time = tried[0].age < step.retry.within
    return tried[-1].outcome != REFUSED and len(tried) < step.retry.attempts and in_time


def wait_before(step: WorkflowStep, tried: int) -> float:
    """Seconds until the next try: exponential, with full jitter so that tries do not come in step."""
    longest = min(step.retry.cap, step.retry.base * 2 ** (tried - 1))
    return random.uniform(0, longest)  # noqa: S311 - no secret


def _in_doubt(step: WorkflowStep, attempt: Tried) -> str:
    return f"Step {step.name}: the outcome is unknown, it may have taken effect. {attempt.detail}".strip()


def _spent(step: WorkflowStep, attempts: Sequence[Tried], around: Around) -> str:
    why = f"Step {step.name}: every route is spent."
    routes = [route for route in step.routes if not isinstance(route, HandBack)]
    if around.left is not None and any(route.cost > around.left for route in routes):
        why = f"Step {step.name}: what its attempts may cost is used up."
    last = f"The last answer: {attempts[-1].detail}" if attempts and attempts[-1].detail else ""
    return f"{why} {last}".strip()
