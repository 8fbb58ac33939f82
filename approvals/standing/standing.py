"""From a decision to a standing approval: "approve the like of this"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal
from governance.models import StandingApproval, User
from governance.trust import standing
from governance.trust.standing import Bound, Scope
from suggestions.models import Proposal, Resolution


class NoDecision(Refusal):
    detail = "A standing approval comes from a decision: from a proposal that a person approved."


class SeveralTeams(Refusal):
    detail = "Several teams had to agree on this; a standing approval is signed by one team alone."


@dataclass(frozen=True)
class Like:
    """What counts as the like of a proposal. Nothing is free unless it says so."""

    arguments: Mapping[str, Bound]
    any_subject: bool = False
    any_version: bool = False
    lasts: timedelta = timedelta(days=standing.DAYS)
    uses: int = standing.USES
    note: str = ""


def source_of(proposal: Proposal) -> Resolution:
    """What a person approved, from which one may be drafted. Raises `NoDecision`, `SeveralTeams`."""
    resolution: Resolution | None = getattr(proposal, "resolution", None)
    if resolution is None or resolution.status != Proposal.Status.APPROVED:
        raise NoDecision
    if resolution.by != Resolution.By.HUMAN:
        raise NoDecision
    if proposal.also_teams:
        raise SeveralTeams
    return resolution


@transaction.atomic
def draft(proposal: Proposal, like: Like, *, reviewer: User, actor: Actor) -> StandingApproval:
    """Draft a standing approval for the like of what was approved; somebody else activates it.

    Every argument that was approved has to be bounded, and the bounds have to cover it. Raises
    `NoDecision`, `SeveralTeams`, `Invalid` and what `governance.trust.standing.draft` raises.
    """
    resolution = source_of(proposal)
    kind = resolution.suggestion.action_type  # type: ignore[union-attr] # an approval names one
    approved = resolution.arguments or {}
    _check(like.arguments, approved, optional_of(kind.schema, approved))
    scope = Scope(
        agent=proposal.agent,
        action=kind.name,
        version=None if like.any_version else kind.version,
        subject=None if like.any_subject else (proposal.subject_type, proposal.subject_id),
        arguments=like.arguments,
    )
    return standing.draft(
        scope,
        team=proposal.team,
        proposal=proposal.pk,
        by=reviewer,
        actor=actor,
        lasts=like.lasts,
        uses=like.uses,
        note=like.note,
    )


def optional_of(schema: Any, approved: Mapping[str, Any]) -> list[str]:
    """The arguments that the action knows and that were left out."""
    known = schema.get("properties") if isinstance(schema, dict) else None
    return sorted(set(known) - set(approved)) if isinstance(known, dict) else []


def _check(bounds: Mapping[str, Bound], approved: Mapping[str, Any], optional: list[str]) -> None:
    errors = []
    for name in approved:
        if name not in bounds:
            errors.append(_error(name, "Say what it may be, or that anything goes."))
        elif not bounds[name].covers(approved[name]):
            errors.append(_error(name, "This would not cover what was approved."))
    for name in bounds.keys() - approved.keys():
        if name not in optional:
            errors.append(_error(name, "The action has no such argument."))
        elif not bounds[name].any:
            errors.append(_error(name, "It was left out: it can be left out again, or be anything."))
    if errors:
        raise Invalid(errors)


def _error(name: str, detail: str) -> dict[str, str]:
    pointer = name.replace("~", "~0").replace("/", "~1")
    return {"pointer": f"/arguments/{pointer}", "detail": detail}
