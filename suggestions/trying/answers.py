"""What the API answers about backtests and policies in the shadow."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, DocumentedAs, Id, Instant, Next, OneOf, ShareAnswer, left_out
from governance.policies.policy import STRICTNESS
from governance.policies.verdict import FurtherObligations
from suggestions.models import Backtest, Disagreement, Proposal, ShadowDifference
from suggestions.trying.tally import ANSWERS, name_of

Kind = Annotated[str, OneOf([name_of(kind) for kind in Disagreement.Kind])]
Said = Annotated[str, OneOf(STRICTNESS)]


class ChosenAnswer(Answer):
    """Which recorded proposals: the newest so many of those that fit. Empty or null is any."""

    since: Instant | None
    until: Instant | None
    agent: str
    action: str
    newest: int


class PeoplesAnswers(Answer):
    """What people said: shares of what they decided. And the number of those of which they weren't asked."""

    decided: int
    approved: ShareAnswer
    edited: ShareAnswer
    other: ShareAnswer = Field(description="They chose another suggestion.")
    rejected: ShareAnswer
    returned: ShareAnswer
    passed: int
    blocked: int
    nobody: int = Field(description="No answer yet, or none.")


class JudgedAnswer(PeoplesAnswers):
    """Proposals of which the policy says the same; `share` is of all."""

    share: ShareAnswer


class RuleAnswer(JudgedAnswer):
    """Proposals that a rule matches; the rule without a name stands for those that none does."""

    name: str
    errors: int = Field(description="It could not be evaluated so many times.")


class ActionAnswer(Answer):
    name: str
    proposals: int
    passed: JudgedAnswer
    blocked: JudgedAnswer


class BesideThen(Answer):
    """How the policy differs from the verdicts of that time; from `compared` on, where both ask people."""

    same: int
    stricter: int
    looser: int
    compared: int
    more_approvals: int
    fewer_approvals: int
    other_teams: int
    sooner: int
    later: int


class ResultAnswer(Answer):
    """All that a backtest measured."""

    proposals: int
    decided: int = Field(description="Those that people decided.")
    passed: JudgedAnswer
    reviewed: JudgedAnswer
    blocked: JudgedAnswer
    beside_then: BesideThen
    errors: int = Field(description="Proposals of which a rule could not be evaluated.")
    actions: list[ActionAnswer]
    rules: list[RuleAnswer]
    disagreements: dict[Kind, int]


class BacktestLinks(Answer):
    """Addresses on this server."""

    self: str
    disagreements: str
    page: str = Field(description="For people.")


class BacktestAnswer(Answer):
    """How a backtest stands: `done` of `total` proposals; `result` and its `summary` when it is done."""

    id: Id
    policy: str
    status: Annotated[str, OneOf(Backtest.Status)]
    chosen: Annotated[dict[str, Any], DocumentedAs(ChosenAnswer)]
    done: int
    total: int | None = Field(description="Null: not known yet.")
    summary: list[str]
    result: Annotated[dict[str, Any], DocumentedAs(ResultAnswer)] | None
    error: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    links: BacktestLinks


class BacktestPage(Answer):
    """The newest, the newest first."""

    backtests: list[BacktestAnswer]


class ProposalPlaces(Answer):
    """Addresses of a proposal on this server."""

    page: str = Field(description="For people.")
    api: str


class DisagreementAnswer(Answer):
    """A proposal of which the policy would have made something else than people did."""

    proposal: Id
    kind: Kind
    verdict: Said
    answer: Annotated[str, OneOf(ANSWERS)] = Field(description="What became of the proposal.")
    action: str
    rules: list[str]
    agent: str
    created_at: Instant
    links: ProposalPlaces


class DisagreementPage(Answer):
    """The worst first."""

    disagreements: list[DisagreementAnswer]
    next: str | None = Field(description="The `cursor` of the page after this one; null: it is the last.")


class ComparedAnswer(FurtherObligations):
    """What a policy said of a proposal, as far as it is compared; or the kind of error that it failed by."""

    verdict: Said = left_out()
    wished: Said = left_out("What the rules alone say; whether the agent has earned it left aside.")
    approvals: int = left_out()
    teams: list[str] = left_out()
    decide_within_seconds: float = left_out()
    grace_seconds: float = left_out()
    priority: int = left_out()
    ask_again_after_seconds: float | None = left_out()  # type: ignore[assignment] # null in older rows
    sample: float = left_out("The share of what passes that a person checks afterwards, 0 to 1.")
    rules: list[str] = left_out()
    error: str = left_out()


class DifferenceAnswer(Answer):
    """A proposal of which the policy in the shadow says something else than the active one."""

    proposal: Id
    kind: Annotated[str, OneOf(ShadowDifference.Kind)]
    differs: list[str] = Field(description="The names of what differs.")
    was: Annotated[dict[str, Any], DocumentedAs(ComparedAnswer)]
    would: Annotated[dict[str, Any], DocumentedAs(ComparedAnswer)]
    status: Annotated[str, OneOf(Proposal.Status)]
    links: ProposalPlaces


class DifferencePage(Answer):
    """What a policy in the shadow has seen so far; the newest differences first."""

    in_shadow: bool
    looked_at: int
    same: int
    different: int
    capped: bool = Field(description="No more than the newest are counted, and there are more.")
    answers: dict[str, dict[str, int]] = Field(
        description="Of each kind of difference what became of the proposals, and how often."
    )
    differences: list[DifferenceAnswer]
    next: Next
