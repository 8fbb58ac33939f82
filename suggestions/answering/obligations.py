"""What is asked of those who decide on a proposal: by the policy when it came in, and since by edits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.models import Risk
from governance.policies.verdict import Verdict
from suggestions.models import Proposal

# What an edit can make stricter, beside approvals and teams, which have columns of their own.
_RAISED = ("rejections", "four_eyes", "owner_may_approve", "step_up", "grace_seconds", "bulk")


@dataclass(frozen=True, slots=True)
class Obligations:
    """`approvals` of distinct people, or `rejections` of distinct people, end it.

    With `four_eyes` whoever edited does not count among those who approve; `owner_may_approve`
    says aloud that the agent's owner counts like anybody else; `step_up` wants a fresh log-in and
    the key figure; for `grace_seconds` an approval can be undone; without `bulk` it is never decided
    together with others.
    """

    approvals: int
    rejections: int
    four_eyes: bool
    owner_may_approve: bool
    step_up: bool
    grace_seconds: float
    bulk: bool


def obligations_of(proposal: Proposal) -> Obligations:
    """Everything that holds for this proposal now."""
    said = {**proposal.verdict, **proposal.raised}
    return Obligations(
        approvals=proposal.approvals_needed,
        rejections=said.get("rejections", 1),
        four_eyes=said.get("four_eyes", proposal.approvals_needed > 1),
        owner_may_approve=said.get("owner_may_approve", False),
        # A rule can ask for it where the risk is lower, and nothing waives it where it is critical.
        step_up=said.get("step_up", False) or proposal.risk >= Risk.CRITICAL,
        grace_seconds=said.get("grace_seconds", 0),
        bulk=said.get("bulk", True),
    )


def raise_to(proposal: Proposal, verdict: Verdict, *, risk: int) -> list[str]:
    """Ask for whatever a later verdict asks for beyond this; never for less. Returns the fields changed."""
    before = obligations_of(proposal)
    more_teams = [team for team in verdict.teams if team not in proposal.teams]
    approvals = max(verdict.approvals, before.approvals)
    said: dict[str, Any] = {
        "rejections": min(verdict.more.get("rejections", 1), before.rejections),
        "four_eyes": verdict.more.get("four_eyes", approvals > 1) or before.four_eyes,
        "owner_may_approve": verdict.more.get("owner_may_approve", False) and before.owner_may_approve,
        "step_up": verdict.more.get("step_up", False) or before.step_up,
        "grace_seconds": max(verdict.grace, before.grace_seconds),
        "bulk": verdict.more.get("bulk", True) and before.bulk,
    }
    changed = []
    if more_teams or approvals > before.approvals:
        proposal.approvals_needed = approvals
        proposal.also_teams = [*proposal.also_teams, *more_teams]
        changed = ["approvals_needed", "also_teams"]
    now = obligations_of(proposal)  # more approvals bring four eyes with them, where nobody said otherwise
    raised = {name: said[name] for name in _RAISED if said[name] != getattr(now, name)}
    if risk > proposal.risk:
        proposal.risk = risk
        changed.append("risk")
    if raised:
        proposal.raised = {**proposal.raised, **raised}
        changed.append("raised")
    return changed
