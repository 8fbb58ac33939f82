"""What is asked of those who decide on a proposal: by the policy when it came in, and since by edits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from governance.models import Risk
from governance.policies.obligations import kept_as, strictest
from governance.policies.verdict import Verdict
from suggestions.models import Proposal


@dataclass(frozen=True, slots=True)
class ProposalObligations:
    """What holds while people decide on one proposal.

    `approvals` of distinct people, or `rejections` of distinct people, end it. With `four_eyes` whoever
    edited does not count among those who approve; `owner_may_approve` says aloud that the agent's owner
    counts like anybody else; `step_up` wants a fresh log-in and the key figure; for `grace` seconds an
    approval can be undone; without `bulk` it is never decided together with others.
    """

    approvals: int
    rejections: int
    four_eyes: bool
    owner_may_approve: bool
    step_up: bool
    grace: float
    bulk: bool


def obligations_of(proposal: Proposal) -> ProposalObligations:
    """Everything that holds for this proposal now."""
    found = _read({**proposal.verdict, **proposal.raised}, approvals=proposal.approvals_needed)
    # A rule can ask for it where the risk is lower, and nothing waives it where it is critical.
    return replace(found, step_up=found.step_up or proposal.risk >= Risk.CRITICAL)


def _read(said: Mapping[str, Any], *, approvals: int) -> ProposalObligations:
    """What a verdict's JSON says, with what holds where it says nothing."""
    return ProposalObligations(
        approvals=approvals,
        rejections=said.get("rejections", 1),
        four_eyes=said.get("four_eyes", approvals > 1),
        owner_may_approve=said.get("owner_may_approve", False),
        step_up=said.get("step_up", False),
        grace=said.get("grace_seconds", 0),
        bulk=said.get("bulk", True),
    )


def raise_to(proposal: Proposal, verdict: Verdict, *, risk: int) -> list[str]:
    """Ask for whatever a later verdict asks for beyond this; never for less. Returns the fields changed."""
    before = obligations_of(proposal)
    more_teams = [team for team in verdict.teams if team not in proposal.teams]
    approvals = max(verdict.approvals, before.approvals)
    later = _read(verdict.as_json(), approvals=approvals)
    said = {
        one.name: strictest(one.name, [getattr(later, one.name), getattr(before, one.name)])
        for one in fields(ProposalObligations)
        if one.name != "approvals"
    }
    changed = []
    if more_teams or approvals > before.approvals:
        proposal.approvals_needed = approvals
        proposal.also_teams = [*proposal.also_teams, *more_teams]
        changed = ["approvals_needed", "also_teams"]
    now = obligations_of(proposal)  # more approvals bring four eyes with them, where nobody said otherwise
    raised = {kept_as(name): value for name, value in said.items() if value != getattr(now, name)}
    if risk > proposal.risk:
        proposal.risk = risk
        changed.append("risk")
    if raised:
        proposal.raised = {**proposal.raised, **raised}
        changed.append("raised")
    return changed


def asked_now(proposal: Proposal) -> dict[str, Any]:
    """What an edit may have raised, as the log tells it: who has to agree, and the risk."""
    risk = Risk(proposal.risk).label
    return {"approvals": proposal.approvals_needed, "teams": proposal.teams, "risk": risk}
