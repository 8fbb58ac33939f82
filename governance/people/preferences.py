"""How a person wants their pages; kept with them, not with a browser."""

from __future__ import annotations

from django.db import transaction

from audit.ground.actors import Actor
from audit.log.record import record
from governance.models import User


@transaction.atomic
def set_single_keys(user: User, on: bool, *, actor: Actor) -> None:
    """Let single keys be shortcuts, or not: whoever speaks to their computer presses them unawares."""
    changed = User.objects.filter(pk=user.pk).exclude(single_keys=on).update(single_keys=on)
    if changed:
        record("preference.changed", actor=actor, data={"single_keys": on})
