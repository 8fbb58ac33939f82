"""What the API answers about why a proposal got its verdict."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field

from audit.asking.answers import Answer, DocumentedAs, OneOf
from governance.policies.explain import Outcome
from governance.policies.policy import Obligations
from governance.policies.verdict import VerdictAsTold


class BoundaryAnswer(Answer):
    """A boundary that the proposal passed, in words."""

    name: str
    asked: str


class ConditionAnswer(Answer):
    """One part of a rule, and the facts that it looked at."""

    text: str
    holds: bool | None = Field(description="Null: it could not be evaluated, and `error` says why.")
    values: dict[str, Any] = Field(description="Name of a fact to what it was.")
    error: str


class RuleLookedAtAnswer(Answer):
    """What one rule made of one suggestion."""

    name: str
    outcome: Annotated[str, OneOf(get_args(Outcome))]
    then: Annotated[dict[str, Any], DocumentedAs(Obligations)] = Field(
        description="What it asks for where it matches."
    )
    error: str
    conditions: list[ConditionAnswer]


class SuggestionLookedAtAnswer(Answer):
    rank: int
    sentence: str
    rules: list[RuleLookedAtAnswer]


class ExplanationAnswer(Answer):
    """Every rule that was looked at, what it saw, and what the obligations merged to."""

    policy: str | None = Field(description="The digest of the version; null: there is none yet.")
    boundaries: list[BoundaryAnswer]
    verdict: VerdictAsTold
    suggestions: list[SuggestionLookedAtAnswer]
