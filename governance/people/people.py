"""Letting people in: reviewers, auditors, operators."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.door.roles import OPERATOR
from governance.models import Team, User


class PersonRefused(Refusal):
    """A person could not be created; the message says why."""


def known_roles_of(user: User) -> list[str]:
    """The names of a person's roles, asked for once by an instance like `known_teams_of`."""
    known: list[str] | None = getattr(user, "_known_roles", None)
    return remember_roles(user, sorted(group.name for group in user.groups.all())) if known is None else known


def remember_roles(user: User, roles: list[str]) -> list[str]:
    """Let `known_roles_of` answer with these, which were asked for with the person."""
    user._known_roles = roles  # type: ignore[attr-defined]
    return roles


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
    user.let_in_by = actor.name
    user.set_password(password)
    _check(user, password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise PersonRefused(f"There is a user {user.username} already.") from error
    given = {"given_by": actor.name}
    user.groups.set(Group.objects.filter(name__in=roles), through_defaults=given)
    user.teams.set([_team(slug) for slug in teams], through_defaults=given)
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
