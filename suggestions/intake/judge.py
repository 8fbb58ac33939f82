"""What a policy says of drafted suggestions, and a standing approval where no rule speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from governance.actions.catalogue import Entry
from governance.agents import boundaries
from governance.door.authentication import AgentCaller
from governance.expressions import cel_bounds
from governance.expressions.known_facts import NO_LOOK
from governance.expressions.past import answering
from governance.models import Agent, Autonomy, Risk
from governance.policies.policy import Matched, Policy, ready, risk_of
from governance.policies.verdict import Verdict, judge
from governance.trust import standing
from governance.trust.passing import Circumstances, speaks_against, unnamed_hazards
from suggestions.intake.facts import facts_of_proposal, facts_of_suggestion
from suggestions.intake.shadow import Difference, difference, failed, unharmed
from suggestions.models import Proposal, Suggestion
from suggestions.past.answers import Past
from suggestions.past.looks import Facts

NOTHING_SEEN: Mapping[UUID, Facts] = {}
_log = structlog.get_logger(__name__)


def judged(
    version: str | None,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
    circumstances: Circumstances,
    *,
    past: Past | None = None,
    looks: Mapping[UUID, Facts] = NOTHING_SEEN,
) -> Verdict:
    """What one version of the policy says of these suggestions; raises their risk where it says so.

    `looks` are what services said is there now, by suggestion.
    """
    policy = ready(version)
    guided: list[int] = [Autonomy.Stage.GUIDED] * len(entries)
    stages = stages_of(proposal.agent, [e.type.name for e in entries]) if policy.lets_pass else guided
    return weighed(
        policy, proposal, suggestions, entries, circumstances, stages=stages, past=past, looks=looks
    )


def weighed(
    policy: Policy,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
    circumstances: Circumstances,
    *,
    stages: Sequence[int] | None,
    now: datetime | None = None,
    past: Past | None = None,
    looks: Mapping[UUID, Facts] = NOTHING_SEEN,
) -> Verdict:
    """What a policy says where the agent stands at these stages; raises the risk where it says so.

    Without `stages` those, deployments and kill switches are left aside: what passes is what the
    policy itself lets pass, as if the agent had earned everything. `now` is the time of the proposal.
    What the policy asks of the past is answered by `past`, and kept in the verdict; without it, as of
    `now`, or as of this moment.
    """
    past = past or Past.of(proposal, at=now)
    agent = proposal.agent
    assumed = stages or [int(Autonomy.Stage.STRATEGIC)] * len(entries)
    shared = cel_bounds.within(facts_of_proposal(proposal, circumstances, now=now)) if policy.rules else {}
    matched: list[list[Matched]] = []
    for suggestion, entry, stage in zip(suggestions, entries, assumed, strict=True):
        look = looks.get(suggestion.pk, NO_LOOK)
        facts = facts_of_suggestion(agent, suggestion, entry, stage=stage, look=look) if policy.rules else {}
        with answering(past):
            found = policy.matched(facts, shared)
        stated = [risk_of(m.then.risk) for m in found if m.then.risk]
        suggestion.risk = max([Risk(suggestion.risk), *stated])
        matched.append(found)

    def against_passing() -> list[str]:
        if stages is None:
            return [s for entry in entries for s in unnamed_hazards(entry.type, policy.may_pass)]
        return [
            sentence
            for suggestion, entry, stage in zip(suggestions, entries, assumed, strict=True)
            for sentence in speaks_against(
                entry.type,
                risk=Risk(suggestion.risk),
                stage=stage,
                stated_deployment=proposal.provenance.get("deployment", ""),
                circumstances=circumstances,
                may_pass=policy.may_pass,
            )
        ]

    known = circumstances.as_json()
    if limits := boundaries.of(agent).as_json():
        known["boundaries"] = limits
    if policy.lets_pass and stages is not None:
        known["stages"] = [int(stage) for stage in stages]
    return judge(policy, matched, against_passing=against_passing, known=known, facts=past.checked())


def standing_verdict(
    caller: AgentCaller,
    verdict: Verdict,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
) -> Verdict:
    """The verdict where a standing approval takes the place of "review by default".

    One approval has to cover every suggestion that no rule says anything of; where a rule asks for
    review, or for another team or more people than signed it, that rule wins. `governance.trust.passing`
    still has the last word, save that the approval names what may pass.
    """
    undecided = _undecided(verdict, suggestions)
    found = _covering(
        caller,
        verdict,
        proposal,
        [(s, e) for s, e in zip(suggestions, entries, strict=True) if s.rank in undecided],
    )
    if found is None:
        return verdict
    stages = stages_of(caller.agent, [e.type.name for e in entries])
    may_pass = ready(caller.policy).may_pass
    against = [
        sentence
        for suggestion, entry, stage in zip(suggestions, entries, stages, strict=True)
        for sentence in speaks_against(
            entry.type,
            risk=Risk(suggestion.risk),
            stage=stage,
            stated_deployment=proposal.provenance.get("deployment", ""),
            circumstances=caller.circumstances,
            may_pass=may_pass | {found.action} if suggestion.rank in undecided else may_pass,
        )
    ]
    if against:
        notes = [
            f"A standing approval would let this pass. {sentence}" for sentence in dict.fromkeys(against)
        ]
        return replace(verdict, notes=[*verdict.notes, *notes])
    passed = {
        "name": standing.RULE,
        "ranks": sorted(undecided),
        "reason": found.said,
        "then": {"verdict": "auto_approve"},
    }
    known = {**verdict.known, "stages": [int(stage) for stage in stages], "standing_approval": str(found.id)}
    return replace(verdict, verdict="auto_approve", rules=[*verdict.rules, passed], known=known)


def _undecided(verdict: Verdict, suggestions: Sequence[Suggestion]) -> set[int]:
    """The ranks of which no rule says whether they pass; none of them where a rule asks for review."""
    said = [(rule["then"].get("verdict"), rule["ranks"]) for rule in verdict.rules]
    if any(word not in (None, "auto_approve") for word, _ in said):
        return set()
    passing = {rank for word, ranks in said if word for rank in ranks}
    return {s.rank for s in suggestions} - passing


def _covering(
    caller: AgentCaller,
    verdict: Verdict,
    proposal: Proposal,
    undecided: Sequence[tuple[Suggestion, Entry]],
) -> standing.Ready | None:
    """The first standing approval that covers all of these."""
    if not undecided or verdict.approvals > standing.SIGNED_BY:
        return None
    subject = {"type": proposal.subject_type, "id": proposal.subject_id}
    asked = [
        {
            "agent": {"name": caller.agent.name},
            "action": {"name": entry.type.name, "version": entry.type.version},
            "args": suggestion.arguments,
            "subject": subject,
        }
        for suggestion, entry in undecided
    ]
    for approval in map(standing.ready, caller.standing):
        if verdict.teams == [approval.team] and all(approval.covers(facts) for facts in asked):
            return approval
    return None


def stages_of(agent: Agent, actions: Sequence[str]) -> list[int]:
    """How far an agent is trusted with each of these actions."""
    known = dict(Autonomy.objects.filter(agent=agent, action__in=actions).values_list("action", "stage"))
    return [known.get(action, Autonomy.Stage.GUIDED) for action in actions]


def in_the_shadow(
    caller: AgentCaller,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
    verdict: Verdict,
    looks: Mapping[UUID, Facts] = NOTHING_SEEN,
) -> Difference | None:
    """What the policy in the shadow says otherwise. Whatever goes wrong there, the submission goes on.

    It waits for no turn: what it asks of the past is as exact as can be had without.
    """
    if caller.shadow is None or caller.shadow == caller.policy:
        return None
    try:
        with unharmed():
            past = Past.of(proposal, known=dict(verdict.facts))
            would = judged(
                caller.shadow, proposal, suggestions, entries, caller.circumstances, past=past, looks=looks
            )
        return difference(caller.shadow, verdict, would)
    except Exception as error:
        _log.warning("shadow failed", policy=caller.shadow, error=type(error).__name__)
        return failed(caller.shadow, verdict, error)
