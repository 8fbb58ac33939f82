"""A proposal in the making, and its last form as the API wants it."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]


@dataclass
class Option:
    """One suggestion; the agent lists its favourite first."""

    action: str
    arguments: Json
    explanation: str
    confidence: float = 0.7
    success: float = 0.9
    risk: str = "medium"
    indicators: list[tuple[str, str]] = field(default_factory=list)
    before: Json | None = None


@dataclass
class Draft:
    title: str
    summary: str
    customer: Json
    options: list[Option]
    messages: list[Json]
    facts: Json = field(default_factory=dict)
    oddity: str | None = None  # what a reviewer should notice; never sent

    def actions(self) -> set[str]:
        return {option.action for option in self.options}


def user(content: str) -> Json:
    return {"role": "user", "content": content}


def assistant(content: str) -> Json:
    return {"role": "assistant", "content": content}


def tool(name: str, content: str) -> Json:
    return {"role": "tool", "name": name, "content": content}


def finished(draft: Draft, rng: random.Random, agent: str, now: datetime) -> Json:
    """The body of `POST proposals/`."""
    body: Json = {
        "title": draft.title,
        "summary": draft.summary,
        "subject": {"type": "customer", "id": draft.customer["id"]},
        "context": {**draft.facts, "messages": draft.messages},
        "suggestions": [_suggestion(rng, rank, option) for rank, option in enumerate(draft.options, start=1)],
        "provenance": _provenance(rng, agent),
    }
    if rng.random() < 0.2:
        until = now + timedelta(minutes=rng.randrange(45, 480))
        body["expires_at"] = until.isoformat(timespec="seconds").replace("+00:00", "Z")
    return body


def _suggestion(rng: random.Random, rank: int, option: Option) -> Json:
    indicators = [{"code": code, "detail": detail} for code, detail in option.indicators]
    suggestion: Json = {
        "rank": rank,
        "action": option.action,
        "arguments": option.arguments,
        "risk": {"level": option.risk, "indicators": indicators},
        "explanation": option.explanation,
    }
    if rng.random() < 0.95:  # an agent need not say how sure it is
        suggestion["confidence"] = _near(rng, option.confidence)
        suggestion["success_probability"] = _near(rng, option.success)
    if option.before is not None:
        suggestion["before"] = option.before
    return suggestion


def _near(rng: random.Random, share: float) -> float:
    return round(min(0.99, max(0.02, rng.gauss(share, 0.06))), 2)


def _provenance(rng: random.Random, agent: str) -> Json:
    tokens_in, tokens_out = rng.randrange(600, 5200), rng.randrange(80, 520)
    return {
        "deployment": f"{agent}@{rng.choice([3, 3, 3, 4])}",
        "model": "demo-model-1",
        "prompt_version": "2026-11-02",
        "latency_ms": rng.randrange(700, 6400),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cost_usd": round(tokens_in * 3e-6 + tokens_out * 15e-6, 4),
    }
