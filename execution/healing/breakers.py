"""Breakers: a route that fails again and again is let alone for a while, by all workers.

The truth stands in PostgreSQL, so that it outlives every worker and the broker. A breaker opens after
`FAILURES` failures in a row, for 30 seconds at first and for twice as long each time, up to ten minutes.
Then it is half open: one execution tries the route once, and closes it or opens it again. Whatever waits
for a route waits until its breaker closes; only the one that tries it next is woken before that. Then they
begin again one after the other, so that a service that is just back is not overrun by all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.actors import WORKER, Actor
from audit.ground.announce import announce_breakers
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid
from audit.log.record import record
from audit.statements.prepared import execute
from execution.models import Breaker, BreakerChange
from execution.models.work import Troubled
from governance.trust.halts import HELD

FAILURES = 5  # in a row
FIRST = 30.0  # seconds that it stays open
LONGEST = 600.0
TRIAL = 60.0  # seconds after which who tried it is taken for lost; longer than a call can take
WAITS = "It waits: its routes failed too often and are let alone."  # the reason of who does
PER_SECOND = 10  # in a second, of those who waited: the oldest first
ALL_BEGUN = 600.0  # seconds after which the last has begun, however many they are
STATE = Breaker.State


class NoReason(Invalid):
    def __init__(self) -> None:
        said = "Say why: others will read it."
        super().__init__([{"pointer": "/reason", "detail": said}], said)


_TRY = """
UPDATE execution_breaker
   SET state = 'half_open', holder = %s, until = statement_timestamp() + make_interval(secs => %s),
       changed_at = statement_timestamp()
 WHERE route = %s AND state <> 'closed' AND until <= statement_timestamp()
RETURNING route
"""


# Locked until the commit: who closes it comes before and is seen here, or after and sees who waits.
_SHUT = """
SELECT route FROM execution_breaker
 WHERE route = %s AND state <> 'closed' AND (until IS NULL OR until > statement_timestamp())
   FOR SHARE
"""
# Who could take another route, too, waits for the one that may be tried first.
_WAKE = """
WITH waiting AS MATERIALIZED (
    SELECT id FROM execution_execution
     WHERE status = 'scheduled' AND waits_for <> '' AND waits_for = coalesce(%(route)s, waits_for)
       FOR UPDATE SKIP LOCKED
), placed AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS many FROM waiting
)
UPDATE execution_execution e
   SET due_at = statement_timestamp()
              + make_interval(secs => place * least(1 / %(per_second)s::float8, %(all_begun)s::float8 / many))
  FROM placed WHERE e.id = placed.id
RETURNING e.id
"""
# Of those that wait for a route whose time is over the first, unless that is due already.
_WAKE_ONE = f"""
WITH first AS MATERIALIZED (
    SELECT e.id
      FROM execution_breaker b CROSS JOIN LATERAL (
        SELECT e.id FROM execution_execution e
         WHERE e.waits_for = b.route AND e.status = 'scheduled' AND NOT {HELD}
         ORDER BY e.due_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS e
     WHERE b.state <> 'closed' AND b.until <= statement_timestamp()
)
UPDATE execution_execution e SET due_at = statement_timestamp() FROM first
 WHERE e.id = first.id AND e.due_at > statement_timestamp()
RETURNING e.id
"""


def closed_off(troubled: list[Troubled]) -> dict[str, float]:
    """The routes that nobody may ask at the moment, with the seconds until one may try."""
    return {
        one.route: LONGEST if one.wait is None else one.wait
        for one in troubled
        if one.state != STATE.CLOSED and (one.wait is None or one.wait > 0)
    }


def is_shut(route: str) -> bool:
    """Whether nobody may ask a route; it is not closed before the transaction is over that begins to wait."""
    return bool(execute(_SHUT, [route]))


def let_one_try() -> int:
    """Wake one of those that wait for each route that may be tried again; returns how many that are."""
    return len(execute(_WAKE_ONE, []))


def try_once(route: str, execution_id: UUID, proposal_id: UUID) -> bool:
    """Become the one that tries a route whose time is over; in the transaction that begins the attempt."""
    if not execute(_TRY, [execution_id, TRIAL, route]):
        return False
    BreakerChange.objects.create(route=route, state=STATE.HALF_OPEN)
    record("breaker.half_opened", actor=WORKER, proposal=proposal_id, data={"route": route})
    transaction.on_commit(announce_breakers, robust=True)
    return True


@transaction.atomic(savepoint=False)
def failed(route: str, said: str, *, proposal_id: UUID) -> None:
    """Count a failure, and open the breaker after too many; in the transaction that ends the attempt."""
    breaker, _ = Breaker.objects.select_for_update().get_or_create(route=route)
    breaker.failures += 1
    if breaker.state == STATE.HALF_OPEN or (breaker.state == STATE.CLOSED and breaker.failures >= FAILURES):
        seconds = min(LONGEST, FIRST * 2.0**breaker.opened)
        breaker.opened += 1
        _change(breaker, STATE.OPEN, reason=said, until=Now() + timedelta(seconds=seconds))
        data = {"route": route, "failures": breaker.failures, "seconds": seconds}
        record("breaker.opened", actor=WORKER, proposal=proposal_id, data=data)
    else:
        breaker.save(update_fields=["failures"])


@transaction.atomic(savepoint=False)
def worked(route: str, *, proposal_id: UUID) -> None:
    """A call over it succeeded: nothing speaks against the route any more, unless a person opened it."""
    breaker = Breaker.objects.select_for_update().filter(route=route).first()
    if breaker is None or (breaker.state == STATE.OPEN and breaker.until is None):
        return
    was_closed = breaker.state == STATE.CLOSED
    breaker.failures = breaker.opened = 0
    if was_closed:
        breaker.save(update_fields=["failures", "opened"])
        return
    _change(breaker, STATE.CLOSED)
    _wake(route)
    record("breaker.closed", actor=WORKER, proposal=proposal_id, data={"route": route})


@transaction.atomic
def open_by_hand(route: str, *, actor: Actor, reason: str) -> Breaker:
    """Let a route alone until somebody closes its breaker. Raises `NoReason`."""
    return _by_hand(route, STATE.OPEN, actor, reason)


@transaction.atomic
def close_by_hand(route: str, *, actor: Actor, reason: str) -> Breaker:
    """Let workers ask a route again. Raises `NoReason`."""
    return _by_hand(route, STATE.CLOSED, actor, reason)


def _by_hand(route: str, state: str, actor: Actor, reason: str) -> Breaker:
    reason = reason.strip()[:500]
    if not reason:
        raise NoReason
    breaker, _ = Breaker.objects.select_for_update().get_or_create(route=route[:300])
    breaker.failures = breaker.opened = 0
    change = _change(breaker, state, reason=reason, by=actor.name)
    if state == STATE.CLOSED:
        _wake()
    data = {"route": breaker.route, "reason": commitment(bytes(change.salt), reason)}
    record("breaker.opened" if state == STATE.OPEN else "breaker.closed", actor=actor, data=data)
    return breaker


def _wake(route: str | None = None) -> None:
    """Let those begin again that wait for this route, or for any."""
    execute(_WAKE, {"route": route, "per_second": PER_SECOND, "all_begun": ALL_BEGUN})


def _change(
    breaker: Breaker, state: str, *, reason: str = "", by: str = "", until: Any = None
) -> BreakerChange:
    breaker.state, breaker.reason, breaker.by = state, reason[:500], by[:200]
    breaker.until, breaker.holder, breaker.changed_at = until, None, Now()
    breaker.save()
    transaction.on_commit(announce_breakers, robust=True)
    return BreakerChange.objects.create(
        route=breaker.route, state=state, reason=breaker.reason, by=breaker.by
    )


def changes(
    routes: Sequence[str], *, since: datetime, until: datetime | None = None, most: int = 100
) -> list[BreakerChange]:
    """What became of the breakers of these routes in that time, oldest first; and what had shut one then."""
    rows = BreakerChange.objects.filter(route__in=routes)
    if until is not None:
        rows = rows.filter(at__lte=until)
    found: list[BreakerChange] = []
    begun: set[str] = set()  # routes of which the last change before that time was seen
    for change in rows.order_by("-id")[:most]:
        if change.at >= since or (change.route not in begun and change.state != STATE.CLOSED):
            found.append(change)
        if change.at < since:
            begun.add(change.route)
    return found[::-1]


def states(routes: list[str] | None = None) -> list[Breaker]:
    """The breakers of these routes, or all that are open or near it, the newest change first."""
    rows = Breaker.objects.order_by("-changed_at")
    wanted = Q(route__in=routes) if routes is not None else ~Q(state=STATE.CLOSED) | Q(failures__gt=0)
    return list(rows.filter(wanted).order_by(F("changed_at").desc())[:200])
