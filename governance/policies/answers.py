"""How a verdict reads over the API. It is stored as it is told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, DocumentedAs, OneOf, left_out
from governance.policies.policy import STRICTNESS, Obligations


class MatchedRule(Answer):
    """A rule that matched, or could not be evaluated and so asks for review."""

    name: str
    ranks: list[int] = Field(description="Of the suggestions that it matched.")
    reason: str
    then: Obligations = Field(description="What it asks for; what it does not say comes from the defaults.")
    error: str = left_out("Why it could not be evaluated.")


class KnownThen(Answer):
    """What the system knew at that moment, beside the proposal itself."""

    deployment: str = left_out("The agent's active deployment; empty without one.")
    halts: list[str] = left_out("Kill switches: `everything`, `agent`, `action:NAME`.")
    boundaries: dict[str, Any] = left_out("Of the agent, as they were set.")
    stages: list[int] = left_out("Of the agent with the action of each suggestion, 1 to 4.")
    standing_approval: str = left_out("The id of the one by which it passes.")


class VerdictAnswer(Answer):
    """What the policy says of a proposal, and what is asked of those who decide. Spans are in seconds."""

    verdict: Annotated[str, OneOf(STRICTNESS)]
    sample: float = left_out("The share of what passes that a person checks afterwards, 0 to 1.")
    team: str = Field(description="The first that is asked.")
    teams: list[str] = Field(description="Every one of them has to agree.")
    approvals: int = Field(description="Of so many distinct people.")
    decide_within_seconds: float
    grace_seconds: float = Field(description="So long an approval can be undone.")
    priority: int = Field(description="0 to 100, the most pressing.")
    policy: str | None = Field(description="The digest of the version; null: there was none yet.")
    rules: list[MatchedRule]
    notes: list[str] = Field(description="What else spoke for or against it, in sentences.")
    known: KnownThen
    facts: dict[str, Any] = Field(description="What rules asked of the past, with the answers.")
    ask_again_after_seconds: float = left_out("Before that a rejected action is not asked for again.")
    rejections: int = left_out("So many distinct people have to say no.")
    four_eyes: bool = left_out("Who edited does not count among those who approve.")
    owner_may_approve: bool = left_out("The agent's owner counts like anybody else.")
    step_up: bool = left_out("A fresh log-in, and the key figure typed in.")
    second_review: float = left_out("The share of what people decide that a second one decides too, blind.")
    bulk: bool = left_out("False: decided one by one only.")
    remind_seconds: float = left_out("So long before the end people are reminded.")
    escalate_to: str = left_out("The team that is asked once the first was silent.")
    escalate_after_seconds: float = left_out("So long the first may be silent.")
    escalate_within_seconds: float = left_out("So long the next gets at least.")


Verdict = Annotated[dict[str, Any], DocumentedAs(VerdictAnswer)]
