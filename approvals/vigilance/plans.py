"""What an operator says of checks: where they are slipped in, how often, and the ones they wrote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from approvals.models.checks import MOST_SHARE, Check, CheckPlan, CheckTemplate, Kind
from audit.asking.bodies import check
from audit.asking.gate import Malformed, TooLarge, read
from audit.ground.actors import Actor
from audit.ground.canonical import digest
from audit.ground.refusals import Invalid, Refusal
from audit.ground.wilson import Share, share
from audit.log.record import record
from governance.actions import catalogue
from governance.door.authentication import caller_of
from governance.models import Agent, Team, User
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.draft import drafted

FEWEST_PEOPLE = 3  # below, a team's figures would be somebody's own
DAYS = 90
LONGEST_BODY = 64 * 1024
Result = Check.Result


class AlreadyRetired(Refusal):
    detail = "This check was taken out of the library before."


# --- Plans ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is to be."""

    on: bool
    share: float
    most_per_day: int
    busy_from: int
    from_past: bool


@transaction.atomic
def change_plan(team: Team, wanted: Wanted, *, by: User, actor: Actor) -> CheckPlan:
    """Say whether and how often checks are slipped in to a team. Raises `Invalid`."""
    _check(wanted)
    Team.objects.select_for_update().get(pk=team.pk)
    plan, _ = CheckPlan.objects.get_or_create(team=team, defaults={"changed_by": by})
    for name in ("on", "share", "most_per_day", "busy_from", "from_past"):
        setattr(plan, name, getattr(wanted, name))
    plan.changed_by, plan.changed_at, plan.looked_at = by, Now(), Now()
    plan.save()
    data = {
        "team": team.pk,
        "on": wanted.on,
        "share": wanted.share,
        "most_per_day": wanted.most_per_day,
        "busy_from": wanted.busy_from,
        "from_past": wanted.from_past,
    }
    record("check_plan.changed", actor=actor, data=data)
    plan.refresh_from_db()
    return plan


def _check(wanted: Wanted) -> None:
    errors = []
    if not 0 < wanted.share <= MOST_SHARE:
        errors.append({"pointer": "/share", "detail": f"Above 0 and at most {MOST_SHARE:.0%}."})
    if not 1 <= wanted.most_per_day <= 20:
        errors.append({"pointer": "/most_per_day", "detail": "From 1 to 20."})
    if not 1 <= wanted.busy_from <= 1_000:
        errors.append({"pointer": "/busy_from", "detail": "From 1 to 1,000."})
    if errors:
        raise Invalid(errors)


# --- The library ----------------------------------------------------------------------------------


@transaction.atomic
def add_template(
    *, name: str, agent: Agent | None, kind: str, why: str, body: str, by: User, actor: Actor
) -> CheckTemplate:
    """Keep a check for later. Its body is checked like an agent's. Raises `Invalid`."""
    errors = []
    if not name.strip():
        errors.append({"pointer": "/name", "detail": "Give it a name."})
    if kind not in Kind.values:
        errors.append({"pointer": "/kind", "detail": "Say what the right answer is."})
    if not why.strip():
        errors.append({"pointer": "/why", "detail": "Say what is wrong with it, or why it is right."})
    if agent is None:
        errors.append({"pointer": "/agent", "detail": "There is no such agent."})
        raise Invalid(errors)
    try:
        content = _read(agent, body)
    except Invalid as refusal:
        errors += [{"pointer": "/body", "detail": _at(error)} for error in refusal.errors]
    if errors:
        raise Invalid(errors)
    template = CheckTemplate.objects.create(
        name=name.strip()[:100], agent=agent, kind=kind, why=why.strip()[:500], body=content, made_by=by
    )
    data = {"template": str(template.pk), "agent": agent.name, "kind": kind, "body": digest(content)}
    record("check_template.added", actor=actor, data=data)
    return template


def _at(error: dict[str, Any]) -> str:
    return f"{error['pointer']}: {error['detail']}" if error["pointer"] else str(error["detail"])


def _read(agent: Agent, text: str) -> dict[str, Any]:
    """The body, as it is stored; all that the gate and the schemas ask of an agent's. Raises `Invalid`."""
    try:
        value = read(text.encode("utf-8", "surrogatepass"), limit=LONGEST_BODY)
    except (Malformed, TooLarge) as refusal:
        raise Invalid.field("", refusal.detail) from refusal
    if not isinstance(value, dict):
        raise Invalid.field("", "A JSON object, as an agent would send it.")
    for name in ("callback_url", "revises", "expires_at", "provenance"):
        if name in value:
            raise Invalid.field(f"/{name}", "A check has none of its own.")
    body = check(ProposalBody, value)
    drafted(agent, body, catalogue.at(caller_of(agent).newest_action_type))
    return value


@transaction.atomic
def retire(template: CheckTemplate, *, actor: Actor) -> CheckTemplate:
    """Take a check out of the library; what was slipped in of it stays. Raises `AlreadyRetired`."""
    if not CheckTemplate.objects.in_use().filter(pk=template.pk).update(retired_at=Now()):
        raise AlreadyRetired
    record("check_template.retired", actor=actor, data={"template": str(template.pk)})
    template.refresh_from_db()
    return template


def example(agent: str = "") -> str:
    """A body to start from."""
    return json.dumps(
        {
            "title": "Refund order #W2378156",
            "summary": "The customer asks for 54.04 back.",
            "subject": {"type": "customer", "id": "customer-19122"},
            "context": {"messages": [{"role": "user", "content": "Please refund my 54.04."}]},
            "suggestions": [
                {
                    "rank": 1,
                    "action": "refund_payment",
                    "arguments": {"order_id": "#W2378156", "amount": 540.4},
                    "confidence": 0.93,
                    "explanation": "Within the 30-day window.",
                }
            ],
        },
        indent=2,
    )


# --- What came of them ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TeamFigures:
    """What a team's checks showed in the last `DAYS` days; None of what would be somebody's own."""

    slipped_in: int
    waiting: int
    expired: int
    passed_on: int
    people: int
    caught: Share | None
    right: Share | None


def figures_of(teams: Sequence[str]) -> dict[str, TeamFigures]:
    """Of each team as a whole, and only where at least `FEWEST_PEOPLE` people answered; in one query."""
    since = Now() - timedelta(days=DAYS)
    counted = Check.objects.filter(team__in=teams, slipped_in_at__gt=since).values("team")
    rows = counted.annotate(
        slipped_in=Count("pk"),
        waiting=Count("pk", filter=Q(result="")),
        people=Count("reviewer", distinct=True),
        **{result.value: Count("pk", filter=Q(result=result)) for result in Result},
    )
    found = {row["team"]: row for row in rows}
    return {team: _figures(Counter(found.get(team))) for team in teams}


def _figures(n: Counter[str]) -> TeamFigures:
    enough = n["people"] >= FEWEST_PEOPLE
    return TeamFigures(
        n["slipped_in"],
        n["waiting"],
        n["expired"],
        n["passed_on"],
        n["people"],
        share(n["caught"], n["caught"] + n["missed"]) if enough else None,
        share(n["right"], n["right"] + n["false_alarm"]) if enough else None,
    )
