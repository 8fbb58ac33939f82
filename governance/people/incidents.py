"""Who sees to what went wrong: which incidents a person may know about, and who is told of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from governance.door.teams import slugs_of, teams_of_each
from governance.models import Incident, User
from governance.models.incidents import IncidentQuerySet

SEES = "governance.view_incident"
ATTENDS = "governance.attend_incident"  # those of a team
ACTS = "execution.attend_execution"  # what operators do
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


@dataclass(frozen=True)
class Attending:
    """Who sees to what went wrong: of each team its people, whatever is on their screens, and operators."""

    members: dict[str, set[int]]
    operators: set[int]

    def to(self, team: str, *, acts: bool = True) -> set[int]:
        """Whom to page of a team; operators besides where nobody in it `acts` on executions, or is there."""
        people = self.members.get(team, set())
        alone = not people & self.operators if acts else not people
        return people | self.operators if alone else set(people)


def attending() -> Attending:
    everybody = set(_holding(ATTENDS))
    members: dict[str, set[int]] = defaultdict(set)
    for user, teams in teams_of_each(everybody).items():
        for team in teams:
            members[team].add(user)
    return Attending(members, set(_holding(ACTS)))


def _holding(permission: str) -> Iterable[int]:
    backend = "django.contrib.auth.backends.ModelBackend"
    return User.objects.with_perm(permission, backend=backend).values_list("pk", flat=True)
