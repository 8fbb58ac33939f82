"""Retrying what is due of bulk retries: so many as their rates allow, each in a transaction of its own.

A worker that dies in between leaves everything as it is, and the next tick goes on: what was retried is
written with its retry, and what was not begun is as it was. Nobody waits here for a rate.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import Error, transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from audit.ground.refusals import Refusal
from execution.bulk.choosing import WHY, candidates
from execution.bulk.start import STATUS, end, stop_by_itself
from execution.desk import attend
from execution.models import BulkRetry, BulkRetryItem, Execution

ATTENDS = "execution.attend_execution"
SECONDS = 1.0  # for one of them in a tick, however many are due
AT_ONCE = 10  # bulk retries in a tick
LATE = timedelta(seconds=2)  # by which a tick may come late without slowing it down
LATEST, TOO_MANY = 10, 5  # of the latest so many, that need attention again
OUTCOME = BulkRetryItem.Outcome
_DUE = BulkRetry.objects.filter(status=STATUS.RUNNING, due_at__lte=Now())
_log = structlog.get_logger(__name__)


class LeftOut(Refusal):
    """This one is not retried; `detail` says why."""


def retry_due() -> None:
    """Retry what the rates allow by now, of each bulk retry that runs."""
    for bulk_id in list(_DUE.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE]):
        until = time.monotonic() + SECONDS
        try:
            while retry_next(bulk_id) and time.monotonic() < until:
                pass
        except Error:  # the database is away, or chose another one: the next tick goes on
            raise
        except Exception as error:  # what goes wrong with one must not hold up the others for ever
            _log.exception("bulk retry stopped", bulk_retry=str(bulk_id))
            _give_up(bulk_id, type(error).__name__)


@transaction.atomic
def retry_next(bulk_id: UUID) -> bool:
    """Retry the next execution of it, if it is time for one; whether to look for another."""
    locking = _DUE.select_for_update(of=("self",), skip_locked=True)
    bulk = locking.select_related("on_behalf_of").filter(pk=bulk_id).first()
    if bulk is None:
        return False
    item = bulk.items.filter(outcome=OUTCOME.WAITING).order_by("position")[0]  # else it would be done
    execution = Execution.objects.visible_to(bulk.on_behalf_of).filter(pk=item.execution_id).first()
    why = _why(execution, item)
    if said := _reason_to_stop(bulk, why):
        stop_by_itself(bulk, said)
        return False
    _retry(bulk, item, execution, why)
    bulk.refresh_from_db(fields=["retried", "left_out", "total"])
    if not bulk.waiting:
        end(bulk)
    return bulk.waiting > 0


def _why(execution: Execution | None, item: BulkRetryItem) -> str:
    """What speaks against retrying it; nothing where it is not as it was, for then that is what counts."""
    as_it_was = (item.round, Execution.Status.NEEDS_ATTENTION)
    if execution is None or (execution.round, execution.status) != as_it_was:
        return ""
    return next((one.why for one in candidates(Execution.objects.filter(pk=execution.pk), most=1)), "")


def _reason_to_stop(bulk: BulkRetry, why: str) -> str:
    """Why it should not go on; empty while it may. `why` is what speaks against the next one."""
    person = bulk.on_behalf_of
    if not (person.is_active and person.has_perm(ATTENDS)):
        return f"{person.printed_name[:300]} may not retry executions any more."
    if why == WHY.HALT:
        return "A kill switch is on for what comes next."
    if why == WHY.SHUT:
        return "The breakers of all routes of what comes next are open: what it calls seems to be down still."
    again = _need_attention_again(bulk)
    if again >= TOO_MANY:
        return f"Of the latest {LATEST} that were retried {again} need attention again: it does not help yet."
    return ""


def _need_attention_again(bulk: BulkRetry) -> int:
    """How many of those that were retried last, since it was started or let go on, need attention again."""
    lately = bulk.items.filter(outcome=OUTCOME.RETRIED, at__gte=bulk.running_since).order_by("-at")
    statuses = lately.values_list("execution__status", flat=True)[:LATEST]
    return sum(status == Execution.Status.NEEDS_ATTENTION for status in statuses)


def _retry(bulk: BulkRetry, item: BulkRetryItem, execution: Execution | None, why: str) -> None:
    """Retry one in the name of whoever asked for it; what can't be any more is left out."""
    person = bulk.on_behalf_of
    try:
        if execution is None:
            raise LeftOut(f"{person.printed_name[:250]} can't see it any more.")
        if why:
            raise LeftOut(f"{WHY(why).label.capitalize()}.")
        attend.retry(execution, by=person, reason=bulk.reason, seen=item.round, bulk=bulk.pk)
    except Refusal as refusal:  # takes nothing of the rate
        _note(item, OUTCOME.LEFT_OUT, refusal.detail)
        changes: dict[str, Any] = {"left_out": F("left_out") + 1}
    else:
        _note(item, OUTCOME.RETRIED)
        next_at = Greatest(F("due_at"), Now() - LATE) + timedelta(seconds=60 / bulk.rate)
        changes = {"retried": F("retried") + 1, "due_at": next_at}
    BulkRetry.objects.filter(pk=bulk.pk).update(**changes)


def _note(item: BulkRetryItem, outcome: str, detail: str = "") -> None:
    BulkRetryItem.objects.filter(pk=item.pk).update(outcome=outcome, detail=detail[:300], at=Now())


@transaction.atomic
def _give_up(bulk_id: UUID, error: str) -> None:
    bulk = BulkRetry.objects.select_for_update().get(pk=bulk_id)
    if bulk.status == STATUS.RUNNING:
        stop_by_itself(bulk, f"Something went wrong with what comes next: {error}.")
