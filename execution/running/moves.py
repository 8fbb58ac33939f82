"""What a step does next, read from its attempts alone, so that a restarted worker decides the same.

An attempt that failed before anything was sent, or that the service put off, is tried again. One
whose outcome is unknown (no answer after sending, a worker killed in between, a server's error) may
have taken effect: it is tried again only where asking twice acts once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from execution.holding.workflow import HandBack, WorkflowStep, label
from execution.models import Attempt
from execution.models.work import Tried
from governance.actions.route_kinds import Called

SUCCEEDED, REFUSED, UNKNOWN = Attempt.Outcome.SUCCEEDED, Attempt.Outcome.REFUSED, Attempt.Outcome.UNKNOWN

BY_AGENT = "carried out by the agent"  # what attempts call it that were begun over the API
WITHOUT_BEGIN = "reported by the agent"
MOST_BEGUN = 3  # of an idempotent action, that were never reported


@dataclass(frozen=True)
class Call:
    """Try this route; `tried` says how often it was tried before."""

    route: Called
    name: str
    tried: int


@dataclass(frozen=True)
class GiveBack:
    """Hand the step to the agent."""

    within: float


@dataclass(frozen=True)
class Prove:
    """The call succeeded: verify it and complete the step."""


@dataclass(frozen=True)
class Ask:
    """Nothing more can be done without a person."""

    reason: str


Move = Call | GiveBack | Prove | Ask


def next_move(step: WorkflowStep, attempts: Sequence[Tried], *, acts_once: bool) -> Move:
    """The next move of a step after these attempts of the present round, oldest first.

    `acts_once` says that the action is idempotent by itself, whatever route it takes.
    """
    if any(attempt.outcome == SUCCEEDED for attempt in attempts):
        return Prove()
    if reason := begun_in_vain(step.name, attempts, acts_once=acts_once):
        return Ask(reason)
    for index, route in enumerate(step.routes):
        if isinstance(route, HandBack):
            return GiveBack(route.within)
        tried = [attempt for attempt in attempts if attempt.route == label(step, index)]
        in_doubt = next((attempt for attempt in reversed(tried) if attempt.outcome == UNKNOWN), None)
        if in_doubt and not (acts_once or route.idempotent):
            return Ask(_in_doubt(step, in_doubt))
        if _may_try(step, tried):
            return Call(route, label(step, index), len(tried))
        if in_doubt and not acts_once:
            # The key is honoured here and nowhere else: another route could act a second time.
            return Ask(_in_doubt(step, in_doubt))
    return Ask(f"Step {step.name}: every route is spent. {_last(attempts)}".strip())


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


def _last(attempts: Sequence[Tried]) -> str:
    return f"The last answer: {attempts[-1].detail}" if attempts and attempts[-1].detail else ""
