"""Giving roles, teams and accounts, and taking them away: each with its event, in one transaction."""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.door.roles import OPERATOR
from governance.models import Team, User

SUPERUSER = "superuser"  # stands beside the roles, and may do all that any of them may


class LastOperator(Refusal):
    detail = "Nobody would be left who may operate. Make somebody else an operator first."


@transaction.atomic
def give_role(user: User, role: str, *, actor: Actor) -> None:
    """Give a person a role again. Does nothing where they have it."""
    user = _locked(user)
    if _has_role(user, role):
        return
    if role == SUPERUSER:
        user.is_superuser = True
    else:
        user.groups.add(Group.objects.get(name=role), through_defaults={"given_by": actor.name})
    user.is_staff = user.is_staff or role == OPERATOR
    user.save(update_fields=["is_superuser", "is_staff"])
    _record("role_given", user, actor=actor, role=role)


@transaction.atomic
def take_role(user: User, role: str, *, actor: Actor) -> bool:
    """Take a role from a person; False where they do not have it. Raises `LastOperator`."""
    user = _locked(user)
    if not _has_role(user, role):
        return False
    if role == SUPERUSER:
        user.is_superuser = False
    else:
        user.groups.remove(*Group.objects.filter(name=role))
    user.is_staff = user.is_staff and role != OPERATOR
    user.save(update_fields=["is_superuser", "is_staff"])
    if role in (OPERATOR, SUPERUSER):
        _check_somebody_operates()
    _record("role_taken", user, actor=actor, role=role)
    return True


@transaction.atomic
def join_team(user: User, team: str, *, actor: Actor) -> None:
    """Put a person into a team again. Does nothing where they are in it, or the team is gone."""
    user = _locked(user)
    found = Team.objects.filter(pk=team).exclude(members=user).first()
    if found is None:
        return
    user.teams.add(found, through_defaults={"given_by": actor.name})
    _record("team_joined", user, actor=actor, team=team)


@transaction.atomic
def leave_team(user: User, team: str, *, actor: Actor) -> bool:
    """Take a person out of a team; False where they are not in it."""
    user = _locked(user)
    found = user.teams.filter(pk=team).first()
    if found is None:
        return False
    user.teams.remove(found)
    _record("team_left", user, actor=actor, team=team)
    return True


@transaction.atomic
def take_permission(user: User, permission: str, *, actor: Actor) -> bool:
    """Take away a single permission, by its `app.codename`; False where they do not have it by itself."""
    user = _locked(user)
    app, _, codename = permission.partition(".")
    found = Permission.objects.filter(user=user, content_type__app_label=app, codename=codename)
    if not found:
        return False
    user.user_permissions.remove(*found)
    _record("permission_taken", user, actor=actor, permission=permission)
    return True


@transaction.atomic
def activate(user: User, *, actor: Actor) -> None:
    """Let somebody sign in again, with the roles and teams that they had. Does nothing where they may."""
    user = _locked(user)
    if user.is_active:
        return
    user.is_active = True
    user.save(update_fields=["is_active"])
    _record("activated", user, actor=actor)


@transaction.atomic
def deactivate(user: User, *, actor: Actor) -> bool:
    """Shut somebody's account: no session, token or link of theirs opens anything from the next request on.

    False where it was shut before. Raises `LastOperator`.
    """
    user = _locked(user)
    if not user.is_active:
        return False
    user.is_active = False
    user.save(update_fields=["is_active"])
    if _has_role(user, OPERATOR) or user.is_superuser:
        _check_somebody_operates()
    _record("deactivated", user, actor=actor)
    return True


def _check_somebody_operates() -> None:
    """Somebody has to remain who can sign in and operate. Raises `LastOperator`."""
    # Two who take the role from each other at the same moment wait here for one another.
    Group.objects.select_for_update().get(name=OPERATOR)
    invited = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)  # who can't sign in yet
    able = User.objects.filter(is_active=True).exclude(invited)
    if not able.filter(Q(is_superuser=True) | Q(groups__name=OPERATOR)).exists():
        raise LastOperator


def _has_role(user: User, role: str) -> bool:
    return user.is_superuser if role == SUPERUSER else user.groups.filter(name=role).exists()


def _locked(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)


def _record(happened: str, user: User, *, actor: Actor, **facts: str) -> None:
    data = {"user": str(user.pk), "name": user.username, **facts}
    record(f"user.{happened}", actor=actor, data=data)
