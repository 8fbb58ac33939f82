"""What lists tell of a proposal beside its sentence: its key figures, and the worst that was found.

Made once, when it comes in, and kept with it: a list of fifty reads it with the row.
"""

from __future__ import annotations

from typing import Any

from governance.policies import findings
from governance.showing.sentences import wording
from suggestions.models import Proposal, Suggestion


def glance(proposal: Proposal, first: Suggestion) -> dict[str, Any]:
    """As JSON: `figures` with label and text, `found` with how bad and what; sensitive values drop out."""
    words = wording(first.action_type)
    figures = words.figures(first.arguments, found=words.marks.of(first.arguments))
    told: dict[str, Any] = {"figures": [[one.label, one.text] for one in figures]}
    worst = findings.worst(findings.at(proposal.policy_id, proposal.verdict["rules"]))
    if worst:
        told["found"] = [worst.level, worst.text]
    return told
