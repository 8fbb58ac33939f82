"""Second factors: what proves that it is really somebody, kept sealed and written into the log."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from audit.actors import ANONYMOUS, SYSTEM
from audit.asking import actor_of
from audit.record import record, record_alone


class SealedSecrets(DefaultMFAAdapter):
    """What codes are made from is of no use to whoever reads the database alone."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Empty where it was sealed with another SECRET_KEY: then no code is right."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return ""


def _box() -> Fernet:
    key = hmac.digest(settings.SECRET_KEY.encode(), b"second-factors", hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))


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
