"""Addresses of people hold secrets: they lie in the database encrypted."""

from __future__ import annotations

from approvals.models.notices import Target
from audit.ground.actors import Actor
from governance.secrets import box, resealing

_PURPOSE = "notice-targets"


class Unreadable(Exception):
    """It was sealed under a key that is not among SECRETS_KEYS."""

    def __init__(self) -> None:
        super().__init__("This address can’t be read any more: the installation has a new key. Add it again.")


def sealed(address: str) -> bytes:
    return box.seal_for(_PURPOSE, address)


def opened(token: bytes) -> str:
    """The address again. Raises `Unreadable`."""
    try:
        return box.opened_for(_PURPOSE, token)
    except box.Unreadable:
        raise Unreadable from None


def reseal(*, actor: Actor) -> resealing.Resealed:
    """Encrypt under the newest key whatever is not."""
    return resealing.reseal(Target.objects.order_by("pk"), "sealed", purpose=_PURPOSE, actor=actor)
