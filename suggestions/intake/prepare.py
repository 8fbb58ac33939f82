"""From a checked body to rows: digests, sentences, risk and the policy's verdict. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from audit.ground.canonical import commitment, digest, new_salt
from audit.ground.ids import uuid7
from audit.ground.prepared import unsaved
from audit.ground.refusals import Invalid
from audit.log.record import compose
from governance.actions import catalogue, risk
from governance.actions.catalogue import Entry
from governance.agents import boundaries
from governance.door.authentication import AgentCaller
from governance.expressions import cel_bounds
from governance.expressions.past import answering
from governance.models import Agent, Autonomy, Risk
from governance.policies.policy import Matched, Policy, ready, risk_of
from governance.policies.verdict import Verdict, judge
from governance.showing.sentences import sentence
from governance.trust import standing
from governance.trust.passing import Circumstances, speaks_against, unnamed_hazards
from suggestions.allowance import budgets
from suggestions.intake import asking_again
from suggestions.intake.bodies import ProposalBody, SuggestionBody
from suggestions.intake.concerns import concern_of
from suggestions.intake.facts import facts_of_proposal, facts_of_suggestion
from suggestions.intake.glance import glance
from suggestions.intake.shadow import Difference, difference, failed, unharmed
from suggestions.models import Proposal, Suggestion
from suggestions.past import numbers
from suggestions.past.answers import Past
from suggestions.past.locks import Turn

_log = structlog.get_logger(__name__)


@dataclass
class Prepared:
    """A proposal as it will be stored, with its event; `expires_at` is the agent's own limit.

    `fingerprints` name what each suggestion asks for; `cleared` are rejected proposals that this
    one revises in a way that matters; `beside` is what the policy in the shadow says otherwise.
    """

    proposal: Proposal
    suggestions: list[Suggestion]
    decide_within: float
    expires_at: datetime | None
    event: tuple[str, str]
    fingerprints: list[str]
    cleared: list[UUID]
    beside: Difference | None = None


def prepare(
    caller: AgentCaller,
    body: ProposalBody,
    *,
    key: str,
    body_digest: str,
    traceparent: str = "",
    turn: Turn | None = None,
) -> Prepared:
    """Check a body against boundaries, schemas and policy.

    Raises a `BoundaryHit` that names the boundary, or `Invalid` naming each field. The
    policy's verdict is in the proposal; nothing is stored yet. With a `turn`, what the policy
    asks of the past is exact: see `suggestions.past.locks`.
    """
    agent = caller.agent
    _check_boundaries(caller, body)
    _check_end(caller, body, key)
    known = catalogue.at(caller.newest_action_type)
    proposal, suggestions, entries = drafted(
        agent, body, known, key=key, body_digest=body_digest, traceparent=traceparent
    )
    _check_revised(agent, body)
    past = Past.of(proposal, turn=turn)
    budgets.check(proposal, suggestions, past=past, turn=turn)
    unjudged = [copy(s) for s in suggestions] if caller.shadow else []
    verdict = judged(caller.policy, proposal, suggestions, entries, caller.circumstances, past=past)
    beside = _in_the_shadow(caller, proposal, unjudged, entries, verdict) if caller.shadow else None
    if caller.standing and verdict.verdict == "review":
        verdict = standing_verdict(caller, verdict, proposal, suggestions, entries)
    first = suggestions[0]
    proposal.policy_id = caller.policy
    proposal.shadow_id = caller.shadow
    proposal.verdict = verdict.as_json()
    proposal.team_id = verdict.team
    proposal.also_teams = [team for team in verdict.teams if team != verdict.team]
    proposal.priority = verdict.priority
    proposal.approvals_needed = verdict.approvals
    proposal.risk = max(s.risk for s in suggestions)
    proposal.action = first.action_type.name
    proposal.sentence = first.sentence
    proposal.glance = glance(proposal, first)
    event = _event(proposal, suggestions)
    if turn:
        turn.handed_in(proposal, first.arguments)
    fingerprints = asking_again.fingerprints(proposal, suggestions)
    cleared = asking_again.cleared_by(proposal, suggestions) if body.revises else []
    return Prepared(
        proposal, suggestions, verdict.decide_within, body.expires_at, event, fingerprints, cleared, beside
    )


def _in_the_shadow(
    caller: AgentCaller,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
    verdict: Verdict,
) -> Difference | None:
    """What the policy in the shadow says otherwise. Whatever goes wrong there, the submission goes on.

    It waits for no turn: what it asks of the past is as exact as can be had without.
    """
    if caller.shadow is None or caller.shadow == caller.policy:
        return None
    try:
        with unharmed():
            past = Past.of(proposal, known=dict(verdict.facts))
            would = judged(caller.shadow, proposal, suggestions, entries, caller.circumstances, past=past)
        return difference(caller.shadow, verdict, would)
    except Exception as error:
        _log.warning("shadow failed", policy=caller.shadow, error=type(error).__name__)
        return failed(caller.shadow, verdict, error)


def _check_boundaries(caller: AgentCaller, body: ProposalBody) -> None:
    """Those that need no look at the arguments; rates are counted once for a whole request."""
    actions = [s.action for s in body.suggestions]
    boundaries.check_enabled_and_within_hours(caller.agent, caller.at)
    boundaries.check_actions(caller.agent, actions)
    boundaries.check_deployment(
        caller.agent, actions, stated=body.provenance.deployment, active=caller.circumstances.deployment
    )


def withhold(prepared: Prepared, sentence: str) -> None:
    """Let people review what was going to pass: what spoke for it does not hold any more.

    For the transaction that is about to store it.
    """
    verdict = prepared.proposal.verdict
    notes = [*verdict["notes"], f"A rule would let this pass. {sentence}"]
    prepared.proposal.verdict = {**verdict, "verdict": "review", "notes": notes}
    prepared.event = _event(prepared.proposal, prepared.suggestions)


def _event(proposal: Proposal, suggestions: list[Suggestion]) -> tuple[str, str]:
    told = told_of(proposal, suggestions)
    return compose("proposal.submitted", actor=proposal.agent.as_actor(), proposal=proposal.pk, data=told)


def drafted(
    agent: Agent,
    body: ProposalBody,
    known: dict[str, Entry],
    *,
    key: str = "",
    body_digest: str = "",
    traceparent: str = "",
) -> tuple[Proposal, list[Suggestion], list[Entry]]:
    """The rows that a body would become, with the action type of each suggestion, before any verdict.

    Raises `Invalid`. Needs no database.
    """
    entries = _entries(agent, body.suggestions, known)
    proposal = _proposal(agent, body, key=key, body_digest=body_digest, traceparent=traceparent)
    suggestions = [_suggestion(proposal, s, e) for s, e in zip(body.suggestions, entries, strict=True)]
    proposal.numbers = numbers.asked_for(suggestions)
    proposal.concern = concern_of(proposal, suggestions[0], entries[0].type.schema)
    return proposal, suggestions, entries


def _entries(agent: Agent, asked: Sequence[SuggestionBody], known: dict[str, Entry]) -> list[Entry]:
    errors = []
    entries = []
    for index, suggestion in enumerate(asked):
        pointer = f"/suggestions/{index}"
        entry = known.get(suggestion.action)
        if entry is None:
            detail = f"There is no action type {suggestion.action}; GET /api/v1/action-types/ lists them."
            errors.append({"pointer": f"{pointer}/action", "detail": detail})
            continue
        boundaries.check_classes(agent, entry, suggestion.arguments)
        errors += entry.errors(suggestion.arguments, f"{pointer}/arguments")
        entries.append(entry)
    if errors:
        raise Invalid(errors)
    return entries


def _check_end(caller: AgentCaller, body: ProposalBody, key: str) -> None:
    """Nobody could answer what has ended already; a request that is sent again may have ended since."""
    if body.expires_at is None or body.expires_at > caller.at:
        return
    if not Proposal.objects.filter(agent=caller.agent, idempotency_key=key).exists():
        said = f"This is past: it is {caller.at:%Y-%m-%dT%H:%M:%SZ} here. Name a moment that is to come."
        raise Invalid.field("/expires_at", said)


def _check_revised(agent: Agent, body: ProposalBody) -> None:
    if body.revises and not Proposal.objects.asked().filter(pk=body.revises, agent=agent).exists():
        raise Invalid.field("/revises", "This agent has no such proposal.")


def _proposal(agent: Agent, body: ProposalBody, *, key: str, body_digest: str, traceparent: str) -> Proposal:
    return unsaved(
        Proposal,
        id=uuid7(),
        agent=agent,
        status=Proposal.Status.PENDING,
        version=1,
        idempotency_key=key,
        body_digest=body_digest,
        title=body.title,
        summary=body.summary,
        subject_type=body.subject.type if body.subject else "",
        subject_id=body.subject.id if body.subject else "",
        context=body.context,
        provenance=body.provenance.model_dump(exclude_defaults=True),
        traceparent=traceparent,
        callback_url=body.callback_url or "",
        revises_id=body.revises,
        salt=new_salt(),
        is_check=False,
    )


def _suggestion(proposal: Proposal, body: SuggestionBody, entry: Entry) -> Suggestion:
    claimed = risk_of(body.risk.level) if body.risk else None
    return unsaved(
        Suggestion,
        id=uuid7(),
        proposal=proposal,
        rank=body.rank,
        action_type=entry.type,
        arguments=body.arguments,
        action_digest=action_digest(entry, body.arguments),
        sentence=sentence(entry.type, body.arguments, found=entry.marks.of(body.arguments)),
        confidence=body.confidence,
        success_probability=body.success_probability,
        risk=risk.counting(claimed, entry.type),
        claimed_risk=claimed,
        risk_indicators=[i.model_dump() for i in body.risk.indicators] if body.risk else [],
        before=body.before,
        explanation=body.explanation,
    )


def action_digest(entry: Entry, arguments: dict[str, Any]) -> str:
    """The name of exactly what would be done: what the reviewer saw is what runs."""
    return digest({"action": entry.type.name, "version": entry.type.version, "arguments": arguments})


def judged(
    version: str | None,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
    circumstances: Circumstances,
    *,
    past: Past | None = None,
) -> Verdict:
    """What one version of the policy says of these suggestions; raises their risk where it says so."""
    policy = ready(version)
    guided: list[int] = [Autonomy.Stage.GUIDED] * len(entries)
    stages = stages_of(proposal.agent, [e.type.name for e in entries]) if policy.lets_pass else guided
    return weighed(policy, proposal, suggestions, entries, circumstances, stages=stages, past=past)


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
        facts = facts_of_suggestion(agent, suggestion, entry, stage=stage) if policy.rules else {}
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


def told_of(proposal: Proposal, suggestions: list[Suggestion]) -> dict[str, Any]:
    """What the log keeps: versions, digests and a commitment, none of the content."""
    return {
        "suggestions": [
            {
                "rank": s.rank,
                "action": s.action_type.name,
                "version": s.action_type.version,
                "action_digest": s.action_digest,
            }
            for s in suggestions
        ],
        "content": commitment(bytes(proposal.salt), content_of(proposal, suggestions)),
        "risk": Risk(proposal.risk).label,
        "policy": proposal.policy_id,
        "verdict": proposal.verdict["verdict"],
        "rules": [rule["name"] for rule in proposal.verdict["rules"]],
        "teams": proposal.teams,
        "approvals": proposal.approvals_needed,
        "four_eyes": proposal.verdict.get("four_eyes", proposal.approvals_needed > 1),
    }


def content_of(proposal: Proposal, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    """Everything personal or free in a proposal: what the event's commitment is over."""
    return {
        "title": proposal.title,
        "summary": proposal.summary,
        "subject": [proposal.subject_type, proposal.subject_id],
        "context": proposal.context,
        "suggestions": [[s.arguments, s.before, s.risk_indicators, s.explanation] for s in suggestions],
    }
