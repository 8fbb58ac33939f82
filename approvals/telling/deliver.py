"""Bringing a message to one address: tried a few times, given up in the end, said on the page."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.models.kinds import Kind
from approvals.models.notices import Delivery, Message, Notice, Target
from approvals.telling import carrier, seal
from approvals.telling.owe import Line, add
from approvals.telling.tell import still_news
from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from audit.outbox.tell_worker import lost_after
from governance.models import Risk

WAITS = [20, 120, 900, 3_600]  # seconds after each attempt that failed
ATTEMPTS = len(WAITS) + 1
DISABLED_AFTER = 10  # failures in a row
CLAIMED_SECONDS = 60  # by then an attempt is over, or the worker that made it is gone


def attempt(delivery_id: UUID) -> None:
    """Make one attempt, if one is due. Safe to call twice: the second call finds nothing due.

    A worker that is killed in between leaves a row that is due again; the address may then hear the
    same twice, with the same id.
    """
    number = _take(delivery_id)
    if number is None:
        return
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


def due() -> list[UUID]:
    """Deliveries that wait for a worker and were not mentioned to the broker lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE approvals_delivery SET queued_at = statement_timestamp()
             WHERE id IN (SELECT id FROM approvals_delivery
                           WHERE status = 'waiting' AND due_at <= statement_timestamp()
                             AND (queued_at IS NULL OR queued_at < due_at
                                  OR queued_at < statement_timestamp() - %(lost_after)s * interval '1 second')
                           ORDER BY due_at LIMIT 200 FOR UPDATE SKIP LOCKED)
         RETURNING id
            """,
            {"lost_after": lost_after("notices")},
        )
        return [row[0] for row in cursor.fetchall()]


def _take(delivery_id: UUID) -> int | None:
    """Make this the one sender of the next attempt; returns its number, or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE approvals_delivery
               SET attempts = attempts + 1, due_at = statement_timestamp() + make_interval(secs => %s)
             WHERE id = %s AND status = 'waiting' AND due_at <= statement_timestamp()
         RETURNING attempts
            """,
            [CLAIMED_SECONDS, delivery_id],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _is_stale(delivery: Delivery) -> bool:
    """Is nothing of it news any more?"""
    news = still_news(delivery.message.user_id, list(delivery.message.notices.all()))
    return not any(one.count for one in news.values())


def _is_test(delivery: Delivery) -> bool:
    """Is it sent to try the address, and tells of nothing?"""
    return not delivery.message.notices.exists()


@transaction.atomic
def _arrived(delivery: Delivery, number: int) -> None:
    if not _mine(delivery, number).update(status=Delivery.Status.SENT, last_error=""):
        return  # another worker took over meanwhile
    Target.objects.filter(pk=delivery.target_id).update(
        failures=0, last_error="", sent_at=Now(), disabled_at=None
    )
    record("notice.sent", actor=WORKER, data=_facts(delivery, number))


@transaction.atomic
def _failed(delivery: Delivery, number: int, said: str) -> None:
    final = number >= ATTEMPTS or _is_test(delivery)
    changes = (
        {"status": Delivery.Status.GIVEN_UP}
        if final
        else {"due_at": Now() + timedelta(seconds=WAITS[number - 1])}
    )
    if not _mine(delivery, number).update(last_error=said, **changes):
        return
    if final:
        record("notice.given_up", actor=WORKER, data={**_facts(delivery, number), "error": said})
    target = Target.objects.select_for_update().get(pk=delivery.target_id)
    Target.objects.filter(pk=target.pk).update(failures=F("failures") + 1, last_error=said)
    if target.failures + 1 >= DISABLED_AFTER and not target.disabled_at:
        _disable(target)


def _mine(delivery: Delivery, number: int) -> models.QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, attempts=number, status=Delivery.Status.WAITING)


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
