"""What the API answers about incidents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, Id, Next, OneOf, left_out
from execution.models import IncidentExecution
from governance.models import Incident, IncidentNote


class NoteAnswer(Answer):
    """What somebody found out about an incident, or did about it."""

    id: Id
    by: str
    at: datetime
    text: str


class AboutAnswer(Answer):
    """An execution that an incident is about."""

    execution: Id
    proposal: Id
    at: datetime
    detail: str


class IncidentAnswer(Answer):
    """Something that went wrong; open until `closed_at`. One of an agent keeps it from promotion."""

    id: Id
    agent: str | None = Field(description="Null: it is no agent's.")
    action: str = Field(description="Empty: whatever it does.")
    kind: Annotated[str, OneOf(Incident.Kind)]
    detail: str = Field(description="What happened first.")
    proposal: Id | None
    team: str | None = Field(description="Which is paged; null: it is no team's.")
    count: int = Field(description="How often it happened.")
    opened_at: datetime
    opened_by: str | None = Field(description="Null: it was opened by the system itself.")
    last_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    escalated_at: datetime | None = Field(description="When others were asked, for nobody took it on.")
    escalated_to: str | None = Field(description="The team that was asked then; null: the operators.")
    closed_at: datetime | None
    closed_by: str | None
    found_to_be: Annotated[str, OneOf(["", *Incident.FoundToBe.values])]
    closing_reason: str
    notes: list[NoteAnswer] = left_out("Oldest first; of one incident.")
    executions: list[AboutAnswer] = left_out("The newest that you may see; of one incident.")


class IncidentPage(Answer):
    incidents: list[IncidentAnswer]
    next: Next


def told(incident: Incident) -> IncidentAnswer:
    """One as a row of the list."""
    return IncidentAnswer(**_columns(incident))


def told_in_full(
    incident: Incident, notes: Iterable[IncidentNote], executions: Iterable[IncidentExecution]
) -> IncidentAnswer:
    """One with all that is known of it."""
    return IncidentAnswer(
        **_columns(incident),
        notes=[told_note(note) for note in notes],
        executions=[
            AboutAnswer(
                execution=row.about.pk,
                proposal=row.about.proposal_id,
                at=row.at,
                detail=row.detail,
            )
            for row in executions
        ],
    )


def told_note(note: IncidentNote) -> NoteAnswer:
    return NoteAnswer(id=note.pk, by=note.by.printed_name, at=note.at, text=note.text)


def _columns(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.pk,
        "agent": incident.agent.name if incident.agent else None,
        "action": incident.action,
        "kind": incident.kind,
        "detail": incident.detail,
        "proposal": incident.proposal,
        "team": incident.team_id,
        "count": incident.count,
        "opened_at": incident.opened_at,
        "opened_by": incident.opened_by.printed_name if incident.opened_by else None,
        "last_at": incident.last_at,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by.printed_name if incident.acknowledged_by else None,
        "escalated_at": incident.escalated_at,
        "escalated_to": incident.escalated_to_id,
        "closed_at": incident.closed_at,
        "closed_by": incident.closed_by.printed_name if incident.closed_by else None,
        "found_to_be": incident.found_to_be,
        "closing_reason": incident.closing_reason,
    }
