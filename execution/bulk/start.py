"""Starting a bulk retry, stopping it, and letting it go on; `turn` retries what is due of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import WORKER, Actor
from audit.ground.canonical import commitment, new_salt
from audit.ground.ids import uuid7
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from execution.bulk.choosing import Candidate, Chosen, preview
from execution.models import BulkRetry, BulkRetryItem
from governance.models import User

STATUS = BulkRetry.Status
RATE, SLOWEST, FASTEST = 60, 1, 600  # a minute
LONGEST_REASON = 500


class AlreadyRuns(Refusal):
    """The same executions are being retried: there is no use in doing so twice at once."""

    def __init__(self, running: BulkRetry) -> None:
        super().__init__(f"{running.by.printed_name} has started the same, and it runs.")
        self.running = running
        self.facts["bulk_retry"] = str(running.pk)


class OtherBulkRetry(Refusal):
    detail = "This id was used for another bulk retry. Look at what would be retried again."


class NotRunning(Refusal):
    detail = "This bulk retry is not running."


class NotStopped(Refusal):
    detail = "This bulk retry is not stopped."


@transaction.atomic
def start(
    chosen: Chosen,
    *,
    by: User,
    actor: Actor,
    reason: str,
    rate: int = RATE,
    bulk_id: UUID | None = None,
    as_of: datetime | None = None,
) -> BulkRetry:
    """Have what is chosen retried one after another, `rate` of them a minute; the same id twice is one.

    It is written down now which these are. What needs attention only since `as_of`, when whoever asks had
    looked, is none of it. Raises `Invalid`, `AlreadyRuns`, `OtherBulkRetry`.
    """
    reason = _tidy(reason)
    if not SLOWEST <= rate <= FASTEST:
        raise Invalid.field("/rate", f"From {SLOWEST} to {FASTEST} a minute.")
    _one_at_a_time()
    bulk_id = bulk_id or uuid7()
    if earlier := BulkRetry.objects.filter(pk=bulk_id).first():
        if (earlier.by_id, earlier.key) != (by.pk, chosen.key):
            raise OtherBulkRetry
        return earlier
    _refuse_twice(chosen.key)
    found = preview(chosen, by, as_of=as_of)
    if not found.retried:
        raise Invalid.field("/filter", "Nothing that needs attention fits this, or all of it is left out.")
    bulk = BulkRetry.objects.create(
        pk=bulk_id,
        chosen=chosen.as_json(),
        key=chosen.key,
        rate=rate,
        reason=reason,
        salt=new_salt(),
        by=by,
        on_behalf_of=by,
        total=len(found.retried),
        left_out_before=found.counts,
    )
    _keep(bulk, found.retried)
    filters = {name: value for name, value in chosen.as_json().items() if name != "text"}
    facts = {"executions": bulk.total, "left_out": len(found.left_out), "per_minute": rate}
    _record("bulk_retry.started", bulk, actor, reason, filters=filters, **facts)
    bulk.refresh_from_db()
    return bulk


@transaction.atomic
def stop(bulk: BulkRetry, *, by: User, actor: Actor, reason: str) -> None:
    """Begin none of what is left; what was retried goes its way. Raises `Invalid`, `NotRunning`."""
    reason = _tidy(reason)
    locked = _lock(bulk, STATUS.RUNNING, NotRunning)
    _change(locked, STATUS.STOPPED, said=reason, said_by=by.printed_name)
    _record("bulk_retry.stopped", locked, actor, reason, **_counts(locked))


@transaction.atomic
def go_on(bulk: BulkRetry, *, by: User, actor: Actor, reason: str) -> None:
    """Retry what is left, from now on in the name of this person.

    Raises `Invalid`, `NotStopped`, and `AlreadyRuns` where the same was started anew meanwhile.
    """
    reason = _tidy(reason)
    _one_at_a_time()
    locked = _lock(bulk, STATUS.STOPPED, NotStopped)
    _refuse_twice(locked.key)
    begins = {"due_at": Now(), "running_since": Now(), "on_behalf_of": by}
    _change(locked, STATUS.RUNNING, said=reason, said_by=by.printed_name, **begins)
    _record("bulk_retry.went_on", locked, actor, reason, **_counts(locked))


def stop_by_itself(bulk: BulkRetry, why: str) -> None:
    """Begin none of what is left, for a reason of our own; its row is locked."""
    _change(bulk, STATUS.STOPPED, said=why, said_by="")
    data = {"bulk_retry": str(bulk.pk), "why": why, **_counts(bulk)}
    record("bulk_retry.stopped", actor=WORKER, data=data)


def end(bulk: BulkRetry) -> None:
    """Nothing is left of it; its row is locked."""
    BulkRetry.objects.filter(pk=bulk.pk).update(status=STATUS.DONE, ended_at=Now())
    counts = {"retried": bulk.retried, "left_out": bulk.left_out}
    record("bulk_retry.ended", actor=WORKER, data={"bulk_retry": str(bulk.pk), **counts})


def _tidy(reason: str) -> str:
    reason = reason.strip()[:LONGEST_REASON]
    if not reason:
        raise Invalid.field("/reason", "Say why: others will read it.")
    return reason


def _one_at_a_time() -> None:
    """Let whoever starts one at the same moment wait here, and then see this one."""
    execute("SELECT pg_advisory_xact_lock(hashtextextended('execution.bulk', 0))", [])


def _refuse_twice(key: str) -> None:
    running = BulkRetry.objects.filter(key=key, status=STATUS.RUNNING).select_related("by").first()
    if running is not None:
        raise AlreadyRuns(running)


def _keep(bulk: BulkRetry, chosen: list[Candidate]) -> None:
    """Write down which these are, and the round that was looked at."""
    BulkRetryItem.objects.bulk_create(
        BulkRetryItem(bulk=bulk, execution_id=one.execution, round=one.round, position=place)
        for place, one in enumerate(chosen, start=1)
    )


def _lock(bulk: BulkRetry, status: str, refusal: type[Refusal]) -> BulkRetry:
    locked = BulkRetry.objects.select_for_update(of=("self",)).get(pk=bulk.pk)
    if locked.status != status:
        raise refusal
    return locked


def _change(bulk: BulkRetry, status: str, *, said: str, said_by: str, **columns: Any) -> None:
    words = {"said": said[:LONGEST_REASON], "said_by": said_by[:300], "said_at": Now()}
    BulkRetry.objects.filter(pk=bulk.pk).update(status=status, **words, **columns)


def _counts(bulk: BulkRetry) -> dict[str, int]:
    return {"retried": bulk.retried, "left_out": bulk.left_out, "waiting": bulk.waiting}


def _record(event: str, bulk: BulkRetry, actor: Actor, reason: str, **facts: Any) -> None:
    """The words stay in the row, with its salt: the log holds a commitment to them."""
    said = commitment(bytes(bulk.salt), reason)
    record(event, actor=actor, data={"bulk_retry": str(bulk.pk), "reason": said, **facts})
