"""What passed by itself is checked afterwards now and then: by chance, so that nobody can prepare for it."""

from __future__ import annotations

from secrets import SystemRandom

from audit.ground.actors import Actor
from audit.log.record import record
from suggestions.models import Proposal, Sample

_chance = SystemRandom()


def choose(proposal: Proposal, *, actor: Actor) -> Sample | None:
    """Throw the dice for a proposal that passes, in the transaction that lets it.

    The verdict holds the share. The agent is not told.
    """
    share = proposal.verdict["sample"]
    if _chance.random() >= share:
        return None
    sample = Sample.objects.create(
        proposal=proposal,
        agent_id=proposal.agent_id,
        action=proposal.action,
        team_id=proposal.team_id,
        share=share,
    )
    record(
        "sample.chosen", actor=actor, proposal=proposal.pk, data={"sample": str(sample.pk), "share": share}
    )
    return sample


def let_go(proposal: Proposal, *, actor: Actor) -> None:
    """What passed comes back to people before anything was done: there is nothing to check afterwards."""
    found = Sample.objects.filter(proposal=proposal, status=Sample.Status.CHOSEN).first()
    if found is not None:
        data = {"sample": str(found.pk)}
        found.delete()
        record("sample.dropped", actor=actor, proposal=proposal.pk, data=data)
