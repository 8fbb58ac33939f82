"""Bringing a message to one address: tried a few times, given up in the end, said on the page."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.models.kinds import Kind
from approvals.models.notices import Delivery, Message, Notice, Target
from approvals.telling import carrier, seal
from approvals.telling.outbox import DELIVERIES
from approvals.telling.owe import Line, add
from approvals.telling.tell import still_news
from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from governance.models import Risk

DISABLED_AFTER = 10  # failures in a row


def attempt(delivery_id: UUID) -> None:
    """Make one attempt, if one is due. Safe to call twice: the second call finds nothing due.

    A worker that is killed in between leaves a row that is due again; the address may then hear the
    same twice, with the same id.
    """
    taken = DELIVERIES.take(delivery_id)
    if taken is None:
        return
    number = taken.number
    delivery = Delivery.objects.select_related("message", "target").get(pk=delivery_id)
    if not _is_test(delivery) and (delivery.target.disabled_at or (number > 1 and _is_stale(delivery))):
        Delivery.objects.filter(pk=delivery.pk).update(status=Delivery.Status.DROPPED)
        return
    try:
        address = seal.opened(bytes(delivery.target.sealed))
        carrier.carry(address, title=delivery.message.title, body=delivery.message.body, key=str(delivery.pk))
    except (carrier.NotCarried, seal.Unreadable) as error:
        said = str(error)[:200]
        insist(lambda: _failed(delivery, number, said))
    else:
        insist(lambda: _arrived(delivery, number))


def _is_stale(delivery: Delivery) -> bool:
    """Is nothing of it news any more?"""
    news = still_news(delivery.message.user_id, list(delivery.message.notices.all()))
    return not any(one.count for one in news.values())


def _is_test(delivery: Delivery) -> bool:
    """Is it sent to try the address, and tells of nothing?"""
    return not delivery.message.notices.exists()


@transaction.atomic
def _arrived(delivery: Delivery, number: int) -> None:
    if not DELIVERIES.end(delivery.pk, number, Delivery.Status.SENT):
        return
    Target.objects.filter(pk=delivery.target_id).update(
        failures=0, last_error="", sent_at=Now(), disabled_at=None
    )
    record("notice.sent", actor=WORKER, data=_facts(delivery, number))


@transaction.atomic
def _failed(delivery: Delivery, number: int, said: str) -> None:
    final = number >= DELIVERIES.attempts or _is_test(delivery)
    if final:
        mine = DELIVERIES.end(delivery.pk, number, Delivery.Status.GIVEN_UP, error=said)
    else:
        mine = DELIVERIES.put_off(delivery.pk, number, DELIVERIES.pauses[number - 1], error=said)
    if not mine:
        return
    if final:
        record("notice.given_up", actor=WORKER, data={**_facts(delivery, number), "error": said})
    target = Target.objects.select_for_update().get(pk=delivery.target_id)
    Target.objects.filter(pk=target.pk).update(failures=F("failures") + 1, last_error=said)
    if target.failures + 1 >= DISABLED_AFTER and not target.disabled_at:
        _disable(target)


def _facts(delivery: Delivery, number: int) -> dict[str, object]:
    return {
        "delivery": str(delivery.pk),
        "target": str(delivery.target_id),
        "user": str(delivery.message.user_id),
        "attempts": number,
    }


def _disable(target: Target) -> None:
    """Send nothing there any more, and tell its owner on the page."""
    Target.objects.filter(pk=target.pk).update(disabled_at=Now())
    record(
        "notice_target.disabled", actor=WORKER, data={"target": str(target.pk), "user": str(target.user_id)}
    )
    key = f"{target.pk}:{target.created_at.isoformat()}"
    add([Line(target.user_id, Kind.TARGET, None, Risk.LOW, (), key)])


def forget_old() -> None:
    """Let go of what is a month old: read or not, it is no news any more."""
    month = Now() - timedelta(days=30)
    Notice.objects.filter(at__lt=month).delete()
    Message.objects.filter(created_at__lt=month).delete()
