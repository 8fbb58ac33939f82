"""How the callback secrets of agents lie in the database: encrypted, by these functions and no others."""

from __future__ import annotations

from audit.ground.actors import Actor
from governance.models import CallbackSecret
from governance.secrets import box, resealing

_PURPOSE = "callback-secrets"


class Unreadable(Exception):
    """It was sealed under a key that is not among SECRETS_KEYS."""

    def __init__(self) -> None:
        super().__init__("The callback secret can’t be read: the installation has a new key. Make a new one.")


def sealed(secret: str) -> bytes:
    return box.seal_for(_PURPOSE, secret)


def opened(token: bytes) -> str:
    """The secret again. Raises `Unreadable`."""
    try:
        return box.opened_for(_PURPOSE, token)
    except box.Unreadable:
        raise Unreadable from None


def reseal(*, actor: Actor) -> resealing.Resealed:
    """Encrypt under the newest key whatever is not."""
    kept = CallbackSecret.objects.exclude(sealed=b"")
    return resealing.reseal(kept, "sealed", purpose=_PURPOSE, actor=actor)
