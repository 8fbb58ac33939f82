"""Single-use links with which a person chooses a password: an invitation, or a new one for who forgot theirs.

A link is shown or sent once and kept as a hash. An operator makes them for others, never for themselves and
never for another operator: nobody becomes somebody with as much power by a link. For those there is the
console. Using one ends every session, forgets the known devices and makes the other links void; a second
factor stays, and is asked for at the next log-in.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.door import devices
from governance.door.keys import hash_of
from governance.door.roles import OPERATOR
from governance.models import AccountLink, User

Purpose = AccountLink.Purpose
LASTS = {Purpose.INVITATION: timedelta(days=7), Purpose.RESET: timedelta(hours=24)}
BY_MAIL = timedelta(hours=1)


class LinkRefused(Refusal):
    """No link is made; the message says why."""


class LinkIsOver(Refusal):
    detail = "This link was used, replaced, or its time is over."


class PasswordRefused(Refusal):
    """Not good enough as a password; the message says why."""


@transaction.atomic
def make(user: User, *, by: User | None, actor: Actor) -> str:
    """A link for somebody: an invitation where they have no password yet. Those that an operator made for
    them before are void. It is returned once. `by` is nobody at the console. Raises `LinkRefused`."""
    if by is not None:
        _check_by(user, by)
    if not user.is_active:
        raise LinkRefused(f"The account of {user.printed_name} is not active.")
    AccountLink.objects.good().filter(user=user, by_mail=False).update(revoked_at=Now())
    purpose = Purpose.RESET if user.has_usable_password() else Purpose.INVITATION
    return _new(user, purpose, LASTS[purpose], by=by, actor=actor)


@transaction.atomic
def make_for_mail(user: User, *, actor: Actor) -> str:
    """A link that is sent to the person's own address. It leaves the others be: anybody can ask for it."""
    return _new(user, Purpose.RESET, BY_MAIL, by=None, actor=actor, by_mail=True)


def void(token: str) -> None:
    """A link that did not reach its person opens nothing."""
    AccountLink.objects.good().filter(hash=hash_of(token)).update(revoked_at=Now())


def find(token: str) -> AccountLink:
    """The link that this opens, which is not used up by looking. Raises `LinkIsOver`."""
    link = AccountLink.objects.good().select_related("user").filter(hash=hash_of(token)).first()
    if link is None:
        raise LinkIsOver
    return link


@transaction.atomic
def use(token: str, password: str) -> User:
    """Choose a password. Raises `LinkIsOver` and `PasswordRefused`, after which the link is still good."""
    found = AccountLink.objects.good().filter(hash=hash_of(token))
    # The lock makes the second of two who use one link at the same time find it used.
    link = found.select_for_update(of=("self",)).first()
    if link is None:
        raise LinkIsOver
    user = User.objects.select_for_update().get(pk=link.user_id)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordRefused(" ".join(error.messages)) from error
    user.set_password(password)
    user.save(update_fields=["password"])
    AccountLink.objects.filter(pk=link.pk).update(used_at=Now())
    AccountLink.objects.filter(user=user, used_at=None, revoked_at=None).update(revoked_at=Now())
    devices.forget(user)
    actor = user.as_actor(authenticated_by="link")
    record("account_link.used", actor=actor, data={"user": str(user.pk), "link": str(link.pk)})
    record("password.changed", actor=actor, data={"user": str(user.pk)})
    return user


def address_of(token: str) -> str:
    """The whole address that a person opens."""
    return f"{settings.PUBLIC_URL}{reverse('account_link', args=[token])}"


def may_make_for(user: User, by: User) -> bool:
    """Does the page offer to make a link?"""
    try:
        _check_by(user, by)
    except LinkRefused:
        return False
    return user.is_active


def _check_by(user: User, by: User) -> None:
    if user.pk == by.pk:
        raise LinkRefused("Nobody makes a link for themselves: change your password instead.")
    if user.is_superuser or any(group.name == OPERATOR for group in user.groups.all()):
        raise LinkRefused(
            f"{user.printed_name} is an operator: their link is made at the console, "
            f"with manage.py account_link {user.username}."
        )


def _new(
    user: User, purpose: str, lasts: timedelta, *, by: User | None, actor: Actor, by_mail: bool = False
) -> str:
    token = secrets.token_urlsafe(32)
    link = AccountLink.objects.create(
        user=user,
        purpose=purpose,
        hash=hash_of(token),
        made_by=by,
        by_mail=by_mail,
        expires_at=Now() + lasts,  # type: ignore[misc]
    )
    facts = {"user": str(user.pk), "link": str(link.pk), "purpose": purpose, "by_mail": by_mail}
    record("account_link.made", actor=actor, data={**facts, "lasts_seconds": int(lasts.total_seconds())})
    return token
