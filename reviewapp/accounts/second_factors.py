"""Second factors: what proves that it is really somebody, kept sealed and written into the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from approvals.deciding.step_up import SECOND_FACTORS, latest
from approvals.desk.confirm import ages_of
from audit.asking.who import actor_of
from audit.ground.actors import ANONYMOUS, SYSTEM, Actor
from audit.log.record import record, record_alone
from governance.secrets import box, resealing

_PURPOSE = "second-factors"


class SealedSecrets(DefaultMFAAdapter):
    """What codes are made from is of no use to whoever reads the database alone."""

    def encrypt(self, text: str) -> str:
        return box.seal_for(_PURPOSE, text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Empty where it was sealed under a key that is not among SECRETS_KEYS: then no code is right."""
        try:
            return box.opened_for(_PURPOSE, encrypted_text.encode())
        except box.Unreadable:
            return ""


def reseal(*, actor: Actor) -> resealing.Resealed:
    """Encrypt under the newest key whatever is not."""
    kept = Authenticator.objects.filter(type__in=[Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES])
    return resealing.reseal(kept, "data", purpose=_PURPOSE, actor=actor)


# allauth's own signals come after the commit; an event belongs into the transaction of its change.


@receiver(post_save, sender=Authenticator)
def _added(instance: Authenticator, created: bool, **_: Any) -> None:
    if created:
        _tell("second_factor.added", instance)


@receiver(post_delete, sender=Authenticator)
def _removed(instance: Authenticator, **_: Any) -> None:
    _tell("second_factor.removed", instance)


@transaction.atomic
def _tell(event: str, authenticator: Authenticator) -> None:
    actor = actor_of(context.request) if context.request else SYSTEM
    record(event, actor=actor, data={"user": str(authenticator.user_id), "type": str(authenticator.type)})


@receiver(signals.authentication_failed)
def _refused(request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    data = {"user": str(user.pk), "reason": f"wrong code for {authenticator.type}"}
    signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
    record_alone("session.refused", actor=actor_of(request) if signed_in else ANONYMOUS, data=data)


@receiver(authentication_step_completed)
def _confirmed(request: Any, user: Any, method: str, **facts: Any) -> None:
    if facts.get("reauthenticated"):
        told = {"method": str(facts.get("type") or method)}
        record_alone("session.confirmed", actor=actor_of(request), data=told)


# --- Changing them --------------------------------------------------------------------------------


def shown_first(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page on which second factors are changed or recovery codes read: whoever has a second factor
    shows it first. A password alone would take away what it is there to back."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        if user.is_authenticated and not _has_shown_one(request, user):
            door = "mfa_reauthenticate" if _has(user, Authenticator.Type.TOTP) else _KEY_DOOR
            return redirect(f"{reverse(door)}?{urlencode({'next': request.get_full_path()})}")
        return view(request, *args, **kwargs)

    return guarded


_KEY_DOOR = "mfa_reauthenticate_webauthn"


def _has_shown_one(request: HttpRequest, user: Any) -> bool:
    """True, too, where there is none yet, or none but those set up just now."""
    moment = timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    if not _has(user, *SECOND_FACTORS, created_at__lt=Now() - moment):
        return True
    _, age = latest(ages_of(request), second=True)
    return age is not None and age <= moment.total_seconds()


def _has(user: Any, *types: str, **more: Any) -> bool:
    return Authenticator.objects.filter(user=user, type__in=types, **more).exists()
