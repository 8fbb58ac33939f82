"""What produced a proposal: its deployment, as the system knows it, and what the agent says besides."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from audit.ground.unseen import shown
from governance.models import Deployment
from suggestions.models import Proposal

_SAID = (
    ("model", "Model", "{}"),
    ("prompt_version", "Prompt", "{}"),
    ("latency_ms", "Took", "{:,.0f} ms"),
    ("input_tokens", "Tokens in", "{:,}"),
    ("output_tokens", "Tokens out", "{:,}"),
    ("cost_usd", "Cost", "{:,.4f} USD"),
)


@dataclass(frozen=True)
class Produced:
    """`flag` is what is wrong with it, empty when it came from the deployment that was active then."""

    label: str
    deployment: UUID | None
    told: str
    flag: str
    said: list[tuple[str, str]]


def produced(proposal: Proposal, known: Deployment | None) -> Produced:
    """What a proposal came from. The label is the agent's word; the rest of the deployment is ours."""
    provenance = proposal.provenance
    label = provenance.get("deployment", "")
    active_then = bool(label) and proposal.verdict.get("known", {}).get("deployment") == label
    return Produced(
        label=shown(label),
        deployment=known.pk if known else None,
        told=_told(known) if active_then else "",
        flag="" if active_then else _flag(label, known),
        said=[
            (name, shown(form.format(provenance[key]))) for key, name, form in _SAID if provenance.get(key)
        ],
    )


def _told(deployment: Deployment | None) -> str:
    if deployment is None or deployment.approved_by is None:
        return "It was the agent’s active deployment."
    return f"Its active deployment, approved by {shown(deployment.approved_by.printed_name)}."


def _flag(label: str, known: Deployment | None) -> str:
    if not label:
        return "The agent names no deployment, so nobody has approved what produced this."
    if known is None:
        return "Not registered: nobody has approved what produced this."
    return "Registered, but it was not the agent’s active deployment."
