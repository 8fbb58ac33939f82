"""For which teams a person acts: their own, and those of the absent for whom they stand in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db.models import Q, QuerySet

from audit.statements.prepared import execute
from governance.models import Absence, Team, User
from governance.models.absences import RUNNING


def teams_of(user: User) -> QuerySet[Team]:
    """The teams that this person acts for: their own, and those of the absent for whom they stand in."""
    absent = Absence.objects.running().filter(deputy=user, person__is_active=True).values("person")
    return Team.objects.filter(Q(members=user) | Q(members__in=absent)).distinct()


def teams_sql(person: str) -> str:
    """`teams_of` by name as an array of slugs and names in SQL, of the person whose id the expression is."""
    return f"""ARRAY(
    SELECT ARRAY[t.slug, t.name] FROM governance_team t
     WHERE t.slug IN (
            SELECT team_id FROM governance_user_teams WHERE user_id = {person}
             UNION ALL
            SELECT m.team_id FROM governance_absence a
              JOIN governance_user away ON away.id = a.person_id AND away.is_active
              JOIN governance_user_teams m ON m.user_id = a.person_id
             WHERE a.deputy_id = {person} AND {RUNNING})
     ORDER BY t.name)"""


_TEAMS = f"SELECT {teams_sql('%(person)s')}"


def known_teams_of(user: User) -> list[Team]:
    """`teams_of` by name, asked for once by an instance of a person, as Django does with permissions.

    For what is read: an instance lives as long as its request. Verbs ask `teams_of` anew.
    """
    known: list[Team] | None = getattr(user, "_known_teams", None)
    if known is None:
        [(found,)] = execute(_TEAMS, {"person": user.pk})
        return remember_teams(user, found)
    return known


def remember_teams(user: User, teams: Iterable[Sequence[str]]) -> list[Team]:
    """Let `known_teams_of` answer with these slugs and names, which were asked for with the person."""
    known = [Team.from_db("default", ["slug", "name"], row) for row in teams]
    user._known_teams = known  # type: ignore[attr-defined]
    return known


def slugs_of(user: User) -> set[str]:
    """The slugs of `known_teams_of`."""
    return {team.slug for team in known_teams_of(user)}


def teams_of_each(users: Collection[int]) -> dict[int, set[str]]:
    """The same for many people, in two queries."""
    found: dict[int, set[str]] = {user: set() for user in users}
    standing_in = Absence.objects.running().filter(deputy__in=users, person__is_active=True)
    pairs = [(user, user) for user in users]
    pairs += standing_in.values_list("deputy_id", "person_id")
    members: dict[int, set[str]] = {}
    rows = User.teams.through.objects.filter(user_id__in={person for _, person in pairs})
    for person, team in rows.values_list("user_id", "team_id"):
        members.setdefault(person, set()).add(team)
    for user, person in pairs:
        found[user] |= members.get(person, set())
    return found
