"""What an agent may send: checked, and described in the OpenAPI document, by one model."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
)

from audit.asking.bodies import Moment, Strict
from audit.ground import egress

MOST_SUGGESTIONS = 10
MOST_IN_A_BATCH = 500

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Figure = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]  # "1e400" is text
Level = Literal["low", "medium", "high", "critical"]


class Subject(Strict):
    """Whom or what it is about."""

    type: str = Field(min_length=1, max_length=64)
    id: str = Field(min_length=1, max_length=200)


class RiskIndicator(Strict):
    code: str = Field(min_length=1, max_length=64)
    detail: str = Field("", max_length=500)


class RiskBody(Strict):
    """The agent's own view of the risk; it can only raise what the kind of action brings with it."""

    level: Level
    indicators: list[RiskIndicator] = Field(default_factory=list, max_length=20)


class SuggestionBody(Strict):
    """One option: an action with its arguments, and what the agent thinks of it."""

    rank: int = Field(ge=1, le=MOST_SUGGESTIONS, strict=True)
    action: str = Field(min_length=1, max_length=128)
    arguments: dict[str, Any]
    confidence: Share | None = None
    success_probability: Share | None = None
    risk: RiskBody | None = None
    before: dict[str, Any] = Field(default_factory=dict)
    explanation: str = Field("", max_length=8_000)


def _is_web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("must be an http or https address without user name")
    try:
        egress.may_call_back(text)
    except egress.Refused as refused:
        raise ValueError(f"can't be called: {refused}") from refused
    return text


def _ranked_without_gaps(suggestions: list[SuggestionBody]) -> list[SuggestionBody]:
    ranks = sorted(s.rank for s in suggestions)
    if ranks != list(range(1, len(ranks) + 1)):
        raise ValueError(f"the ranks must be 1 to {len(ranks)}, each once; they are {ranks}")
    return sorted(suggestions, key=lambda s: s.rank)


class Provenance(Strict):
    """What produced the proposal."""

    deployment: str = Field("", max_length=200)
    model: str = Field("", max_length=200)
    prompt_version: str = Field("", max_length=200)
    latency_ms: Figure | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost_usd: Figure | None = None


class ProposalBody(Strict):
    """One request for one decision, with its ranked suggestions."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "title": "Refund order #W2378156",
                "summary": "Customer received a broken kettle and asks for the money back.",
                "subject": {"type": "customer", "id": "customer-19122"},
                "context": {"messages": [{"role": "user", "content": "My kettle arrived broken."}]},
                "suggestions": [
                    {
                        "rank": 1,
                        "action": "refund_payment",
                        "arguments": {"order_id": "#W2378156", "amount": 54.04},
                        "confidence": 0.86,
                        "success_probability": 0.93,
                        "risk": {
                            "level": "medium",
                            "indicators": [{"code": "new_account", "detail": "opened 3 days ago"}],
                        },
                        "explanation": "Item arrived broken; within the 30-day window.",
                    }
                ],
            }
        },
    )
    title: str = Field(min_length=1, max_length=200)
    summary: str = Field("", max_length=4_000)
    subject: Subject | None = None
    context: dict[str, Any] = Field(default_factory=dict)
    suggestions: Annotated[
        list[SuggestionBody],
        Field(min_length=1, max_length=MOST_SUGGESTIONS),
        AfterValidator(_ranked_without_gaps),
    ]
    expires_at: Moment | None = None
    revises: UUID | None = None
    callback_url: Annotated[str, Field(max_length=2_000), AfterValidator(_is_web_address)] | None = None
    provenance: Provenance = Field(default_factory=Provenance)


class BatchItem(ProposalBody):
    """A proposal in a batch; the key keeps it from being made twice."""

    idempotency_key: str = Field(min_length=1, max_length=255)


class BatchBody(Strict):
    proposals: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_IN_A_BATCH)
