"""A reviewer lets an agent ask again for what was rejected."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from approvals.deciding.may_decide import NotInTeam, OwnAgent
from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.door.teams import teams_of
from governance.models import User
from suggestions.answering import callbacks, news
from suggestions.models import Proposal, RejectedAction, RejectedActionQuerySet


class NothingToReopen(Refusal):
    detail = "Nothing keeps the agent from asking for this again."


@transaction.atomic
def reopen(proposal_id: UUID, *, reviewer: User, actor: Actor, reason: str = "") -> int:
    """Let the agent ask again for what this rejected proposal suggested; returns how many actions.

    The same action may have been rejected in other proposals of the reviewer's teams; those no
    longer stand against it either. The agent is told. Raises `NotInTeam`, `OwnAgent`,
    `NothingToReopen`.
    """
    proposal = Proposal.objects.select_for_update(of=("self",)).select_related("agent").get(pk=proposal_id)
    if not teams_of(reviewer).filter(pk__in=proposal.teams).exists():
        raise NotInTeam
    if proposal.agent.owner_id == reviewer.pk:
        raise OwnAgent
    found = dict(
        standing_against(proposal, reviewer).select_for_update(of=("self",)).values_list("pk", "proposal")
    )
    reopened = RejectedAction.objects.filter(pk__in=found).update(reopened_at=Now(), reopened_by=reviewer)
    if not reopened:
        raise NothingToReopen
    news.changed(proposal)
    told: dict[str, Any] = {"actions": reopened, "rejected": sorted(map(str, set(found.values())))}
    if reason:
        told["reason"] = commitment(bytes(proposal.salt), reason)
    record("proposal.reopened", actor=actor, proposal=proposal.pk, data=told)
    callbacks.owe(proposal, "proposal.reopened", {"actor": actor.name, "reason": reason})
    return reopened


def standing_against(proposal: Proposal, reviewer: User) -> RejectedActionQuerySet:
    """What keeps the agent from asking for this again, where the reviewer has a say."""
    standing = RejectedAction.objects.standing()
    asked = standing.filter(proposal=proposal, fingerprint=OuterRef("fingerprint"))
    decided = Proposal.objects.for_teams([team.pk for team in teams_of(reviewer)])
    return standing.filter(Exists(asked), Exists(decided.filter(pk=OuterRef("proposal_id"))))
