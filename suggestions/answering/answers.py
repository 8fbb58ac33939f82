"""What the API answers about proposals."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, Id, Instant, Next, Number, OneOf
from governance.models import Risk
from governance.policies.verdict import VerdictAsTold
from suggestions.models import Proposal, Resolution

RiskLevel = Annotated[str, OneOf(Risk.labels)]


class SuggestionAnswer(Answer):
    """One ranked option."""

    id: Id
    rank: int
    action: str
    version: int = Field(description="Of the action type.")
    sentence: str = Field(description="What it would do, as the server says it.")
    arguments: dict[str, Any]
    action_digest: str = Field(description="Of action, version and arguments: approve exactly this.")
    confidence: Number = Field(description="What the agent stated, 0 to 1; null: nothing.")
    success_probability: Number = Field(description="What the agent stated, 0 to 1; null: nothing.")
    risk: RiskLevel = Field(description="The risk that counts.")


class ResolutionAnswer(Answer):
    """The one final answer, and who or what gave it."""

    status: Annotated[str, OneOf(Proposal.Status)]
    by: Annotated[str, OneOf(Resolution.By)]
    actor: str
    at: Instant
    suggestion: Id | None = Field(description="The one that was approved.")
    arguments: dict[str, Any] | None = Field(description="As approved, edits included.")
    action_digest: str | None = Field(description="As approved, edits included.")
    reason: str


class ExecutionInShort(Answer):
    """How far carrying it out is; `links.execution` has the whole story."""

    id: Id
    status: str
    held: bool = Field(description="A kill switch is on: it waits.")


class ProposalLinks(Answer):
    """Addresses on this server."""

    self: str
    execution: str
    withdraw: str
    page: str = Field(description="For people.")


class ProposalAnswer(Answer):
    """A proposal as it stands."""

    id: Id
    status: Annotated[str, OneOf(Proposal.Status)]
    version: int = Field(description="Raised by every change.")
    sentence: str = Field(description="What the first suggestion would do, as the server says it.")
    title: str = Field(description="What the agent calls it: its own words.")
    agent: str
    team: str
    teams: list[str] = Field(description="Every one of them has to agree.")
    priority: int = Field(description="0 to 100, the most pressing.")
    risk: RiskLevel
    created_at: Instant
    deadline: Instant = Field(description="Undecided by then, it expires.")
    verdict: VerdictAsTold
    suggestions: list[SuggestionAnswer]
    resolution: ResolutionAnswer | None
    execution: ExecutionInShort | None
    held: bool = Field(description="A kill switch is on: nothing of it is carried out now.")
    held_reason: str | None
    undo_until: Instant | None = Field(
        description="Approved, and can be undone until then: nothing is carried out before."
    )
    links: ProposalLinks


class ProposalPage(Answer):
    """The newest first."""

    proposals: list[ProposalAnswer]
    next: Next
