"""What a reviewer was shown of what is there now: part of the record of what they decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from audit.ground.refusals import Refusal
from execution.looking import looks
from execution.models import Look
from suggestions.models import Proposal

MOST = 40  # that one decision can name


class LookGone(Refusal):
    """What the form or program says was shown is no answer about this proposal that is still known."""

    detail = "What is there now was shown to you too long ago. Look at it again, then decide."


def kept(proposal: Proposal, shown: Sequence[UUID]) -> list[dict[str, Any]]:
    """What is written with the decision of somebody who was shown these. Raises `LookGone`."""
    ids = list(dict.fromkeys(shown))[:MOST]
    if not ids:
        return []
    found = {look.pk: look for look in looks.of_ids(proposal.pk, ids)}
    if found.keys() != set(ids):
        raise LookGone
    return [_entry(found[one]) for one in ids]


def _entry(look: Look) -> dict[str, Any]:
    return {
        "look": str(look.pk),
        "kind": look.kind,
        "suggestion": str(look.suggestion_id),
        "says": look.says,
        "at": look.at.isoformat() if look.at else "",
        "digest": look.digest,
        "values": look.shown,
        "error": look.error,
    }
