"""Slipping checks in: when, made of what, and so that nothing tells them from the rest.

A check comes about a while after something that an agent handed in for the same team, at a moment of
chance; it is judged by the policy in force like any proposal, and only what the policy would put before
that team is put there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now, TruncDay

from approvals.deciding.checks import SLIPPED_IN
from approvals.models.checks import Check, CheckPlan, CheckTemplate, Kind
from approvals.vigilance.mutations import mutate
from audit.asking.bodies import check
from audit.ground.actors import TIMER, Actor
from audit.ground.announce import announce
from audit.ground.canonical import digest
from audit.ground.refusals import Refusal
from audit.log.record import record
from execution.models import Execution
from governance.actions import catalogue
from governance.door.authentication import caller_of
from governance.door.deciders import who_may_decide
from governance.models import ActionType, Agent, Risk, Team
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.draft import drafted
from suggestions.intake.glance import glance
from suggestions.intake.judge import judged
from suggestions.intake.submitted import told_of
from suggestions.models import Proposal, Resolution, Suggestion
from suggestions.past.answers import Past
from suggestions.trying.rejudge import least_id

TEMPLATE_RESTS = timedelta(days=14)  # before the same template is slipped in again
LOOK_AT = 400  # past proposals among which one is chosen
TRIES = 12
LATEST = 45.0  # seconds between the throw of the dice and the check
_chance = random.SystemRandom()
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be slipped in: a body as an agent would send it, and what is known of it."""

    agent: Agent
    body: dict[str, Any]
    kind: str
    why: str
    template: CheckTemplate | None = None
    original: UUID | None = None
    mutation: str = ""
    planted: dict[str, Any] = field(default_factory=dict)


# --- When -----------------------------------------------------------------------------------------


def due() -> list[tuple[str, float]]:
    """Throw the dice for every team; those that get a check now, each with its seconds of delay."""
    on = CheckPlan.objects.filter(on=True).values_list("pk", flat=True)
    return [(team, _chance.uniform(0, LATEST)) for team in on if _is_due(team)]


@transaction.atomic
def _is_due(team: str) -> bool:
    plan = CheckPlan.objects.select_for_update(skip_locked=True).filter(pk=team, on=True).first()
    if plan is None:
        return False
    since = plan.looked_at
    plan.looked_at = Now()
    plan.save(update_fields=["looked_at"])
    fresh = _fresh(plan, since)
    return fresh > 0 and _chance.random() < 1 - (1 - plan.share) ** fresh and has_room(plan)


def _fresh(plan: CheckPlan, since: Any) -> int:
    """How many came in for the team since, of those that still wait; 0 where too many wait."""
    waiting = Proposal.objects.pending().filter(team=plan.pk)
    found = list(waiting.values_list("created_at", "is_check")[: plan.busy_from + 1])
    if len(found) > plan.busy_from:
        return 0
    return sum(created_at > since and not is_check for created_at, is_check in found)


def has_room(plan: CheckPlan) -> bool:
    """Whether the team may get another check today, and has people to look at it."""
    people = reviewers_of(plan.pk)
    today = Check.objects.filter(team=plan.pk, slipped_in_at__gte=TruncDay(Now())).count()
    return today < plan.most_per_day * people


def reviewers_of(team: str) -> int:
    """How many people of the team decide."""
    return who_may_decide().filter(teams=team).distinct().count()


# --- Slipping in ----------------------------------------------------------------------------------


@transaction.atomic
def slip_in(team: str, *, actor: Actor = TIMER) -> Check | None:
    """Put one check before this team; None where nothing fits, or its plan is off or has no room."""
    plan = CheckPlan.objects.select_for_update().filter(pk=team, on=True).first()
    if plan is None or not has_room(plan):
        return None
    for draft in _drafts(plan):
        try:
            with transaction.atomic():
                if made := _put(draft, plan.team, actor):
                    return made
        except Refusal as refusal:  # a template of an older schema, a boundary set since
            _log.info("no check made", template=str(draft.template), refusal=type(refusal).__name__)
    return None


def _put(draft: Draft, team: Team, actor: Actor) -> Check | None:
    caller = caller_of(draft.agent)
    body = check(ProposalBody, {**draft.body, "provenance": _provenance(draft)})
    newest = catalogue.at(caller.newest_action_type)
    proposal, suggestions, entries = drafted(
        draft.agent, body, newest, key=str(uuid4()), body_digest=digest(draft.body)
    )
    if any(caller.circumstances.halted(entry.type.name) for entry in entries):
        return None
    verdict = judged(
        caller.policy, proposal, suggestions, entries, caller.circumstances, past=Past.of(proposal)
    )
    if verdict.verdict != "review" or verdict.team != team.pk:
        return None
    proposal.policy_id = caller.policy
    proposal.verdict = verdict.as_json()
    proposal.team_id = verdict.team
    proposal.also_teams = [one for one in verdict.teams if one != verdict.team]
    proposal.priority = verdict.priority
    proposal.approvals_needed = verdict.approvals
    proposal.risk = max(s.risk for s in suggestions)
    proposal.action = suggestions[0].action_type.name
    proposal.sentence = suggestions[0].sentence
    proposal.glance = glance(proposal, suggestions[0])
    proposal = _write(proposal, suggestions, verdict.decide_within)
    item = Check.objects.create(
        proposal=proposal,
        team=team,
        kind=draft.kind,
        why=draft.why,
        template=draft.template,
        original_id=draft.original,
        mutation=draft.mutation,
        planted=draft.planted,
    )
    if draft.template:
        CheckTemplate.objects.filter(pk=draft.template.pk).update(used_at=Now())
    source = {"template": str(draft.template.pk)} if draft.template else {"original": str(draft.original)}
    told = {**told_of(proposal, suggestions), "deadline": proposal.deadline.isoformat()}
    data = {**told, "agent": draft.agent.name, "kind": draft.kind, **source}
    if draft.mutation:
        data["mutation"] = draft.mutation
    record(SLIPPED_IN, actor=actor, proposal=proposal.pk, data=data)
    transaction.on_commit(lambda: announce(proposal.pk), robust=True)
    return item


def _write(drafted: Proposal, suggestions: list[Suggestion], decide_within: float) -> Proposal:
    """Store it; what a draft leaves out is as a new proposal has it: nobody is reminded."""
    columns = [field.attname for field in Proposal._meta.concrete_fields if not field.generated]
    given = {name: drafted.__dict__[name] for name in columns if name in drafted.__dict__}
    given |= {"is_check": True, "numbers": {}, "concern": None}  # it adds to nothing, contradicts nothing
    proposal = Proposal(**given)
    proposal.deadline = Now() + timedelta(seconds=decide_within)
    proposal.save(force_insert=True)
    for suggestion in suggestions:
        suggestion.proposal = proposal
    Suggestion.objects.bulk_create(suggestions)
    proposal.refresh_from_db()
    return proposal


def _provenance(draft: Draft) -> dict[str, Any]:
    """As this agent's proposals have it now."""
    newest = Proposal.objects.asked().filter(agent=draft.agent).order_by("-id")
    return newest.values_list("provenance", flat=True).first() or {}


# --- Made of what ---------------------------------------------------------------------------------


def _drafts(plan: CheckPlan) -> Iterator[Draft]:
    """In an order of chance, as many good as bad, whatever there is more of."""
    kinds = [Kind.GOOD, Kind.BAD]
    _chance.shuffle(kinds)
    for kind in kinds:
        sources = [_of_templates(kind), _of_the_past(plan, kind)]
        if _chance.random() < 0.5:
            sources.reverse()
        for source in sources:
            yield from source


def _of_templates(kind: str) -> Iterator[Draft]:
    rested = CheckTemplate.objects.in_use().filter(kind=kind, agent__enabled=True).select_related("agent")
    found = list(rested.exclude(used_at__gt=Now() - TEMPLATE_RESTS)[:100])
    _chance.shuffle(found)
    for template in found[:TRIES]:
        yield Draft(template.agent, template.body, template.kind, template.why, template=template)


def _of_the_past(plan: CheckPlan, kind: str) -> Iterator[Draft]:
    if not plan.from_past:
        return
    found = _past(plan.pk)
    _chance.shuffle(found)
    for proposal in found[:TRIES]:
        yield from _made_of(proposal, kind)


def _past(team: str) -> list[Proposal]:
    """What people of this team decided long enough ago that nobody knows it by heart."""
    before = datetime.now(UTC) - timedelta(days=settings.CHECK_FROM_PAST_DAYS)
    ids: list[UUID] = []
    for status in (Proposal.Status.APPROVED, Proposal.Status.REJECTED):
        decided = Proposal.objects.filter(team=team, status=status, pk__lt=least_id(before)).order_by("-id")
        ids += decided.values_list("pk", flat=True)[:LOOK_AT]
    used = set(Check.objects.filter(original__in=ids).values_list("original", flat=True))
    rows = Proposal.objects.filter(
        pk__in=ids,
        agent__enabled=True,
        resolution__by=Resolution.By.HUMAN,
        resolution__at__lt=before,
    )
    return [p for p in rows.select_related("agent", "resolution") if p.pk not in used]


def _made_of(proposal: Proposal, kind: str) -> Iterator[Draft]:
    body = _body_of(proposal)
    if body is None:
        return
    resolution = proposal.resolution
    if resolution.status == Proposal.Status.REJECTED:
        if kind == Kind.BAD:
            why = f"People rejected the same before: {resolution.reason}"[:500]
            yield Draft(proposal.agent, body, kind, why, original=proposal.pk)
        return
    if not _went_well(proposal):
        return
    if kind == Kind.GOOD:
        yield Draft(proposal.agent, body, kind, "It was approved before and went well.", original=proposal.pk)
        return
    for made in mutate(body, _chance):
        yield Draft(
            proposal.agent,
            made.body,
            kind,
            made.why,
            original=proposal.pk,
            mutation=made.name,
            planted=made.planted,
        )


def _went_well(proposal: Proposal) -> bool:
    """Approved as the agent suggested it, the first of its suggestions, and carried out."""
    first = Suggestion.objects.filter(proposal=proposal, rank=1).first()
    approved = proposal.resolution.action_digest
    carried_out = Execution.objects.filter(proposal=proposal, status=Execution.Status.SUCCEEDED)
    return first is not None and first.action_digest == approved and carried_out.exists()


def _body_of(proposal: Proposal) -> dict[str, Any] | None:
    """What the agent sent then; None where an action of it exists no more."""
    suggestions = list(proposal.suggestions.select_related("action_type"))
    names = {s.action_type.name for s in suggestions}
    if ActionType.objects.current().filter(name__in=names).count() < len(names):
        return None
    subject = {"type": proposal.subject_type, "id": proposal.subject_id} if proposal.subject_id else None
    return {
        "title": proposal.title,
        "summary": proposal.summary,
        "subject": subject,
        "context": proposal.context,
        "suggestions": [_suggestion_of(s) for s in suggestions],
    }


def _suggestion_of(suggestion: Suggestion) -> dict[str, Any]:
    claimed = suggestion.claimed_risk
    level = None if claimed is None else Risk(claimed).label
    return {
        "rank": suggestion.rank,
        "action": suggestion.action_type.name,
        "arguments": suggestion.arguments,
        "confidence": suggestion.confidence,
        "success_probability": suggestion.success_probability,
        "risk": {"level": level, "indicators": suggestion.risk_indicators} if level else None,
        "before": suggestion.before,
        "explanation": suggestion.explanation,
    }
