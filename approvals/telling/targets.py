"""A person's own addresses outside: added, tried, switched on again, taken away."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from approvals.models.notices import Delivery, Message, Target
from approvals.telling import carrier, seal
from approvals.telling.tell import deliver
from approvals.telling.words import test_message
from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from governance.models import User

MOST = 10


class TriedJustNow(Refusal):
    detail = "A test is on its way. Wait until it has arrived or failed."


@transaction.atomic
def add(user: User, *, address: str, name: str, actor: Actor) -> Target:
    """Keep an address, sealed; it is never shown again. Raises `Invalid`."""
    User.objects.select_for_update().get(pk=user.pk)  # so that two at once do not pass the most
    if user.notice_targets.count() >= MOST:
        raise Invalid.field("/address", f"You have {MOST} addresses, which is the most.")
    try:
        read = carrier.read(address)
    except carrier.NoAddress as error:
        raise Invalid.field("/address", str(error)) from error
    target = Target.objects.create(
        user=user,
        name=name.strip()[:60],
        service=read.service,
        shown=read.shown,
        sealed=seal.sealed(read.full),
    )
    record("notice_target.added", actor=actor, data=_facts(target))
    return target


@transaction.atomic
def remove(target_id: UUID, *, user: User, actor: Actor) -> None:
    """Forget an address. Raises `Target.DoesNotExist`."""
    target = Target.objects.select_for_update().get(pk=target_id, user=user)
    record("notice_target.removed", actor=actor, data=_facts(target))
    target.delete()


@transaction.atomic
def attempt(target_id: UUID, *, user: User, actor: Actor) -> Message:
    """Send a test there, once; an address that had been disabled is used again if it arrives.

    Raises `TriedJustNow`, `Target.DoesNotExist`.
    """
    target = Target.objects.select_for_update().get(pk=target_id, user=user)
    waiting = Delivery.objects.filter(target=target, status=Delivery.Status.WAITING, message__notices=None)
    if waiting.exists():
        raise TriedJustNow
    record("notice_target.tried", actor=actor, data=_facts(target))
    title, body = test_message()
    message = Message.objects.create(user=user, title=title, body=body)
    deliver(message, [target])
    return message


def _facts(target: Target) -> dict[str, str]:
    return {"target": str(target.pk), "user": str(target.user_id), "service": target.service}
