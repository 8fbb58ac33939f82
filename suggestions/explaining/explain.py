"""Why a proposal got its verdict, rule by rule; or what another policy would have said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from governance.actions import catalogue, risk
from governance.door.authentication import AgentCaller
from governance.expressions.known_facts import NO_LOOK
from governance.expressions.past import answering
from governance.models import Risk
from governance.policies.explain import RuleLookedAt, boundaries_looked_at, looked_at
from governance.policies.policy import ready
from governance.policies.verdict import Verdict
from governance.trust import standing
from governance.trust.passing import Circumstances
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.facts import facts_of
from suggestions.intake.judge import stages_of, weighed
from suggestions.intake.prepare import prepare
from suggestions.models import Proposal, Suggestion
from suggestions.past import looks
from suggestions.past.answers import Past


@dataclass(frozen=True)
class Explanation:
    """A verdict with all that led to it: of each suggestion, in rank order, every rule."""

    policy: str | None
    boundaries: list[tuple[str, str]]
    suggestions: list[tuple[Suggestion, list[RuleLookedAt]]]
    verdict: Verdict


def explain_recorded(proposal: Proposal, version: str | None) -> Explanation:
    """What this version makes of a stored proposal, by what was known when it was handed in.

    Where the agent stood is as it was then if that was looked up then, else as it is now.
    """
    suggestions = list(proposal.suggestions.select_related("action_type").order_by("rank"))
    known = proposal.verdict.get("known", {})
    stages = known.get("stages") or stages_of(proposal.agent, [s.action_type.name for s in suggestions])
    circumstances = Circumstances.from_json(known)
    seen = looks.then([proposal.pk])
    return explain(proposal, suggestions, version, circumstances, stages, then=proposal.created_at, seen=seen)


def simulate(caller: AgentCaller, body: ProposalBody, version: str | None) -> Explanation:
    """What this version would make of a proposal that the agent handed in now. Writes nothing.

    Raises what `prepare` raises: a boundary that refuses it, or `Invalid`.
    """
    asked = replace(caller, policy=version, shadow=None)
    prepared = prepare(asked, body, key="simulation", body_digest="")
    stages = stages_of(caller.agent, [s.action_type.name for s in prepared.suggestions])
    seen = looks.by_suggestion(prepared.looks)
    return explain(prepared.proposal, prepared.suggestions, version, caller.circumstances, stages, seen=seen)


def explain(
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    version: str | None,
    circumstances: Circumstances,
    stages: Sequence[int],
    *,
    then: datetime | None = None,
    seen: Mapping[UUID, looks.Facts],
) -> Explanation:
    """What this version of the policy makes of a proposal under these circumstances. Writes nothing.

    `then` is the moment as of which a stored proposal is judged; without it, it is judged as of now. `seen`
    is what services said is there, by suggestion.
    """

    def past() -> Past:
        # Looked at condition by condition more is asked than to decide: neither has to share its bounds.
        return Past.of(proposal, at=then, known=proposal.verdict.get("facts") if then else None)

    policy = ready(version)
    entries = [catalogue.entry(s.action_type) for s in suggestions]
    looked = []
    for suggestion, entry, stage in zip(suggestions, entries, stages, strict=True):
        # The risk before this policy, or another one, raised it.
        claimed = None if suggestion.claimed_risk is None else Risk(suggestion.claimed_risk)
        suggestion.risk = risk.counting(claimed, entry.type)
        look = seen.get(suggestion.pk, NO_LOOK)
        facts = facts_of(
            proposal.agent, proposal, suggestion, entry, circumstances, stage=stage, now=then, look=look
        )
        with answering(past()):
            looked.append((suggestion, looked_at(policy, facts)))
    verdict = weighed(
        policy,
        proposal,
        suggestions,
        entries,
        circumstances,
        stages=stages,
        now=then,
        past=past(),
        looks=seen,
    )
    if verdict.verdict == "review":
        verdict = replace(verdict, notes=[*verdict.notes, *_in_its_place(proposal)])
    passed = boundaries_looked_at(proposal.agent, verdict.known.get("boundaries"))
    return Explanation(version, passed, looked, verdict)


def _in_its_place(proposal: Proposal) -> list[str]:
    """What a standing approval made of a review by default, beside what the policy itself says."""
    if proposal.verdict["verdict"] != "auto_approve":
        return []
    said = [rule["reason"] for rule in proposal.verdict["rules"] if rule["name"] == standing.RULE]
    return [f"The policy asks for review. {sentence}, which takes its place." for sentence in said]
