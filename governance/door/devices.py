"""Browsers that somebody signed in from before: no failed try of others keeps them out.

A cookie per person, signed and with a new secret at every log-in; the database holds its hash. When the
password changes, all of them are forgotten.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from governance.models import KnownDevice, User

LASTS = timedelta(days=90)
MOST = 20  # of one person; the ones that were not used for longest are forgotten
_signer = signing.TimestampSigner(salt="governance.door.devices")


def known(request: HttpRequest, user: User) -> KnownDevice | None:
    """The device that this request comes from, if this person signed in from it before."""
    try:
        secret = _signer.unsign(request.COOKIES.get(cookie_of(user), ""), max_age=LASTS)
    except signing.BadSignature:
        return None
    found = KnownDevice.objects.filter(user=user, hash=_hash(secret))
    return found.filter(used_at__gt=Now() - LASTS).first()


@transaction.atomic
def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Let this browser be known to be this person's, with a new secret in place of an old one."""
    if device := known(request, user):
        device.delete()
    secret = secrets.token_urlsafe(32)
    KnownDevice.objects.create(user=user, hash=_hash(secret))
    old = KnownDevice.objects.filter(user=user).order_by("-used_at", "-id").values_list("pk", flat=True)
    KnownDevice.objects.filter(pk__in=list(old[MOST:])).delete()
    response.set_cookie(
        cookie_of(user),
        _signer.sign(secret),
        max_age=LASTS,
        path="/",
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def forget(user: User) -> None:
    """No device of this person is known any more."""
    KnownDevice.objects.filter(user=user).delete()


def cookie_of(user: User) -> str:
    """What this person's cookie is called: several people may use one browser, and none is named."""
    prefix = "__Host-" if settings.HTTPS else ""
    return f"{prefix}reviewapp_device_{salted_hmac('device', str(user.pk)).hexdigest()[:12]}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
