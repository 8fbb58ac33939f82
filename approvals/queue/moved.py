"""A proposal that went to another team: what those are told who had it on their screen."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.queue.rows import drawn, rows_of
from audit.ground.unseen import shown
from audit.models import Event
from governance.models import Team, User
from suggestions.models import Proposal

ESCALATED = "proposal.escalated"


@dataclass(frozen=True, slots=True)
class Moved:
    """Where it went, by whom and when; nothing of what it holds."""

    proposal: UUID
    version: int
    label: str
    at: datetime


def moved_from(proposal_id: UUID, reader: User) -> Moved | None:
    """Where a proposal went that this person's team was asked about before; None where it never was."""
    teams = set(reader.teams.values_list("pk", flat=True))
    if not teams or not reader.has_perm("suggestions.view_proposal"):
        return None
    for event in Event.objects.filter(proposal_id=proposal_id, type=ESCALATED).order_by("-id")[:20]:
        body = json.loads(event.body)
        if body["data"].get("from") in teams:
            version = Proposal.objects.values_list("version", flat=True).get(pk=proposal_id)
            return Moved(proposal_id, version, _label(body, _names([body])), event.at)
    return None


def moved_rows(events: Collection[int]) -> list[tuple[tuple[str, ...], str]]:
    """For each escalation among these events: the team that is asked no more, and the row as it sees it."""
    told: dict[str, dict[str, Any]] = {}
    for event in Event.objects.filter(pk__in=events, type=ESCALATED).order_by("id"):
        told[str(event.proposal_id)] = json.loads(event.body)
    names = _names(told.values())
    found: list[tuple[tuple[str, ...], str]] = []
    for row in rows_of([UUID(proposal) for proposal in sorted(told)]):
        body = told[row.id]
        if body["data"]["from"] not in row.teams and row.status == Proposal.Status.PENDING:
            left = replace(row, status="escalated", status_label=_label(body, names))
            found.append(((body["data"]["from"],), drawn(left)))
    return found


def _names(bodies: Iterable[dict[str, Any]]) -> dict[str, str]:
    """What the teams are called that these went to, by their slugs."""
    return dict(Team.objects.filter(pk__in={body["data"]["to"] for body in bodies}).values_list("pk", "name"))


def _label(body: dict[str, Any], names: Mapping[str, str]) -> str:
    """ "escalated to Finance by Ana"."""
    to = body["data"]["to"]
    name = names.get(to, to)
    by = "" if body["actor"]["type"] != "user" else f" by {shown(body['actor']['name'])}"
    return f"escalated to {name}{by}"
