"""Whether an execution may go on: asked of the database and its log, not of whoever started it."""

from __future__ import annotations

from audit.ground.canonical import digest
from execution.models import Execution
from execution.running import chain
from suggestions.models import Proposal


def broken(execution: Execution) -> str:
    """What is wrong with the approval of an execution, empty when everything is in order.

    The digest is computed again from the arguments that would be sent. It has to be the one that
    was approved and the one this execution was made for, by the rows and by the log. One query.
    """
    # The same object that the calls are made from: what was checked is what is sent.
    resolution = getattr(execution.proposal, "resolution", None)
    suggestion = execution.suggestion
    if resolution is None or resolution.status != Proposal.Status.APPROVED:
        return "There is no approval for this."
    if execution.proposal.status != Proposal.Status.APPROVED:
        return "The proposal is not approved."
    if resolution.suggestion_id != execution.suggestion_id or suggestion.proposal_id != execution.proposal_id:
        return "Another suggestion was approved."
    try:
        computed = computed_digest(execution)
    except ValueError:
        return "The approved arguments have no canonical form."
    if not computed == resolution.action_digest == execution.action_digest:
        return "What would be carried out is not what was approved."
    try:
        chain.check(execution, resolution)
    except chain.Broken as error:
        return f"The approval can't be proved: {error}"
    return ""


def computed_digest(execution: Execution) -> str:
    """The digest of what would be carried out, by the rows as they are. Raises `ValueError`: it has none."""
    action_type = execution.suggestion.action_type
    return digest(
        {
            "action": action_type.name,
            "version": action_type.version,
            "arguments": execution.proposal.resolution.arguments,
        }
    )
