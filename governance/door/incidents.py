"""Which incidents a person may know about, and what they may do about them."""

from __future__ import annotations

from django.db.models import Q

from governance.door.teams import slugs_of
from governance.models import Incident, User
from governance.models.incidents import IncidentQuerySet

SEES = "governance.view_incident"
ATTENDS = "governance.attend_incident"  # those of a team
CHANGES = "governance.change_incident"  # those of agents too
_SEES_ALL = "suggestions.view_every_proposal"


def incidents_seen_by(user: User) -> IncidentQuerySet:
    """Those of agents, which are for everybody to see, and those of teams that this person acts for."""
    incidents = Incident.objects.all()
    if not user.has_perm(SEES):
        return incidents.none()
    if user.has_perm(_SEES_ALL):
        return incidents
    teams = sorted(slugs_of(user))
    return incidents.filter(Q(team=None) | Q(team__in=teams) | Q(escalated_to__in=teams))


def seen_sql(incident: str) -> str:
    """The same in SQL, of a table's alias, with the values that `suggestions.models.seen_by` gives."""
    return f"""(%(sees_all)s OR {incident}.team_id IS NULL OR {incident}.team_id = ANY(%(teams)s::varchar[])
           OR {incident}.escalated_to_id = ANY(%(teams)s::varchar[]))"""


def may_attend(user: User, incident: Incident) -> bool:
    """Whether this person, who may see it, may take it on, note and close it."""
    return user.has_perm(CHANGES) or (incident.team_id is not None and user.has_perm(ATTENDS))
