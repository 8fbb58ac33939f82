"""Incidents as people look for them: what is open first, by kind, team and agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from execution.models import Execution, IncidentExecution
from governance.models import Incident, User
from governance.models.incidents import IncidentQuerySet
from governance.people.incidents import incidents_seen_by
from suggestions.models import Proposal

OPEN, CLOSED, ALL = "open", "closed", ""
EXAMPLES = 20
COUNTED = 1_000
_RELATED = ("agent__owner", "team", "escalated_to", "opened_by", "acknowledged_by", "closed_by")


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; empty means everything."""

    show: str = OPEN
    kind: str = ""
    team: str = ""
    agent: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filters:
        """What is not known is left out."""
        show, kind = asked.get("show", OPEN), asked.get("kind", "")
        return cls(
            show=show if show in (OPEN, CLOSED, ALL) else OPEN,
            kind=kind if kind in Incident.Kind.values else "",
            team=asked.get("team", "").strip()[:64],
            agent=asked.get("agent", "").strip()[:100],
        )

    def query(self) -> dict[str, str]:
        """As a query, in which what is open goes without saying."""
        others = {name: getattr(self, name) for name in ("kind", "team", "agent") if getattr(self, name)}
        return {"show": self.show, **others}


def chosen(user: User, filters: Filters) -> IncidentQuerySet:
    """What this person may see of it, the newest first."""
    rows = incidents_seen_by(user).select_related(*_RELATED).order_by("-id")
    if filters.show:
        rows = rows.filter(closed_at__isnull=filters.show == OPEN)
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.team:
        rows = rows.filter(Q(team=filters.team) | Q(escalated_to=filters.team))
    return rows.filter(agent__name=filters.agent) if filters.agent else rows


def one(user: User, incident_id: UUID) -> Incident | None:
    return incidents_seen_by(user).select_related(*_RELATED).filter(pk=incident_id).first()


def executions_of(incident: Incident, user: User, *, most: int = EXAMPLES) -> list[IncidentExecution]:
    """The newest executions that it is about, of those that this person may know about."""
    known = Proposal.objects.visible_to(user)
    rows = incident.executions.filter(Q(execution__proposal__in=known) | Q(former__proposal__in=known))
    of = ("proposal__resolution", "suggestion")
    related = [f"{about}__{more}" for about in ("execution", "former") for more in of]
    return list(rows.select_related(*related).order_by("-id")[:most])


def still_stuck(incident: Incident, user: User) -> int:
    """How many of its executions need a person still, of those that this one may know about: so many, or
    `COUNTED` where it is more."""
    known = Proposal.objects.visible_to(user)
    stuck = incident.executions.filter(execution__status=Execution.Status.NEEDS_ATTENTION)
    return stuck.filter(execution__proposal__in=known).order_by()[:COUNTED].count()


def proposals_seen(user: User, incidents: Sequence[Incident]) -> set[UUID]:
    """Of the proposals that these are about, those that this person may look at."""
    named = [incident.proposal for incident in incidents if incident.proposal]
    return set(Proposal.objects.visible_to(user).filter(pk__in=named).values_list("pk", flat=True))
