"""Letting people in: reviewers, auditors, operators."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from functools import cache

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from audit.ground.actors import Actor
from audit.ground.prepared import execute, unsaved
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.door.roles import OPERATOR
from governance.models import Absence, Team, User


class PersonRefused(Refusal):
    """A person could not be created; the message says why."""


def teams_of(user: User) -> QuerySet[Team]:
    """The teams that this person acts for: their own, and those of the absent for whom they stand in."""
    absent = Absence.objects.running().filter(deputy=user, person__is_active=True).values("person")
    return Team.objects.filter(Q(members=user) | Q(members__in=absent)).distinct()


def known_teams_of(user: User) -> list[Team]:
    """`teams_of` by name, asked for once by an instance of a person, as Django does with permissions.

    For what is read: an instance lives as long as its request. Verbs ask `teams_of` anew.
    """
    known: list[Team] | None = user.__dict__.get("_known_teams")
    if known is None:
        statement, mentions = _teams_statement()
        found = execute(statement, [user.pk] * mentions)
        known = [unsaved(Team, slug=slug, name=name) for slug, name in found]
        user.__dict__["_known_teams"] = known
    return known


@cache
def _teams_statement() -> tuple[str, int]:
    """`teams_of` by name as SQL, made once, and how often it asks for the person: nothing else varies."""
    rows = teams_of(User(pk=0)).order_by("name").values_list("slug", "name")
    statement, values = rows.query.sql_with_params()
    if set(values) != {0}:
        raise TypeError(f"More than the person decides which teams they act for: {values}")
    return statement, len(values)


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


@transaction.atomic
def create_user(
    name: str,
    *,
    roles: Sequence[str],
    teams: Sequence[str],
    actor: Actor,
    password: str | None = None,
) -> tuple[User, str]:
    """Create a person with their roles and teams (made where they are new), and a password.

    Without `password` a random one is made. It is returned once and kept as a hash.
    Raises `PersonRefused`.
    """
    password = password or secrets.token_urlsafe(15)
    return _create(User(username=name), password, roles=roles, teams=teams, actor=actor), password


@transaction.atomic
def create_without_password(
    name: str,
    *,
    full_name: str = "",
    email: str = "",
    roles: Sequence[str],
    teams: Sequence[str],
    actor: Actor,
) -> User:
    """The same for somebody who is invited, and chooses the password: until then nothing opens the account.

    Raises `PersonRefused`.
    """
    if not full_name.isprintable():
        raise PersonRefused("A name is one line of text.")
    first, _, last = full_name.strip().rpartition(" ")
    user = User(username=name, first_name=first or last, last_name=last if first else "", email=email.strip())
    return _create(user, None, roles=roles, teams=teams, actor=actor)


def _create(
    user: User, password: str | None, *, roles: Sequence[str], teams: Sequence[str], actor: Actor
) -> User:
    unknown = [role for role in roles if role not in User.Roles.values]
    if unknown or not roles:
        raise PersonRefused(
            f"A role is one of {', '.join(User.Roles.values)}, not {', '.join(unknown) or 'none'}."
        )
    # Operators alone may look at raw rows in the admin.
    user.is_staff = OPERATOR in roles
    user.set_password(password)
    _check(user, password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise PersonRefused(f"There is a user {user.username} already.") from error
    user.groups.set(Group.objects.filter(name__in=roles))
    user.teams.set([_team(slug) for slug in teams])
    record(
        "user.created",
        actor=actor,
        data={
            "user": str(user.pk),
            "name": user.username,
            "roles": sorted(roles),
            "teams": sorted(teams),
            **({} if password else {"invited": True}),
        },
    )
    return user


@transaction.atomic
def set_password(user: User, *, actor: Actor) -> str:
    """Give a person a new random password, returned once; their open sessions end."""
    user = User.objects.select_for_update().get(pk=user.pk)
    password = secrets.token_urlsafe(15)
    user.set_password(password)
    user.save(update_fields=["password"])
    record("password.changed", actor=actor, data={"user": str(user.pk)})
    return password


def _check(user: User, password: str | None) -> None:
    try:
        user.clean_fields()
        if password is not None:
            validate_password(password, user)
    except ValidationError as error:
        raise PersonRefused(" ".join(error.messages)) from error


def _team(slug: str) -> Team:
    team = Team(slug=slug, name=slug.replace("-", " ").capitalize())
    try:
        team.clean_fields()
    except ValidationError as error:
        raise PersonRefused(f"Team {slug}: {' '.join(error.messages)}") from error
    return Team.objects.get_or_create(slug=slug, defaults={"name": team.name})[0]
