"""Backtests: any policy version put before recorded proposals, and compared with what people decided.

A backtest is cut into chunks. Who takes one has it for a while; what was counted is written once,
with the chunk. So a worker may die at any moment, and the next one goes on with what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Now

from audit.ground.actors import WORKER, Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.outbox.outbox import Outbox, Waits
from governance.models import PolicyVersion, User
from governance.policies import lifecycle
from governance.policies.policy import Policy, ready
from suggestions.models import Backtest, BacktestChunk, Disagreement
from suggestions.trying.rejudge import Chosen, Judge, Outcome
from suggestions.trying.tally import Tally, kind_of, result, score

CHUNK = 500
LEASE_SECONDS = 20
MOST_TRIES = 3
KEPT = 500  # disagreements of each kind
BACKTESTS = Outbox(
    table=Backtest._meta.db_table,
    task="suggestions.tasks.run_backtest",
    waits=(Waits("status IN ('queued', 'running')", "created_at"),),
    unless="""
        (SELECT count(*) FROM suggestions_backtestchunk
          WHERE backtest_id = e.id AND tally IS NULL AND lease_until > statement_timestamp()) >= %(lanes)s""",
    order="created_at",
    queue="background",
)
TURN_SECONDS = 0.5  # how long a worker is held before other work gets its turn
STATUS = Backtest.Status
_log = structlog.get_logger(__name__)


class BacktestRuns(Refusal):
    detail = "A backtest of this version is under way; wait for it or cancel it."


class BacktestOver(Refusal):
    detail = "This backtest is over already."


@dataclass(frozen=True)
class Taken:
    """A chunk that is ours to judge."""

    pk: int
    policy: str
    chosen: Chosen
    newest: UUID
    oldest: UUID


def ask(
    version: PolicyVersion, *, chosen: Chosen, by: User | None, actor: Actor, alone: bool = False
) -> Backtest:
    """Have a version backtested by the workers; `alone`: by whoever calls `work_until_done`.

    Raises `BacktestRuns`, `Invalid` for an agent that does not exist, `MayNotChangePolicies`.
    """
    if by is not None and not (by.is_active and by.has_perm(lifecycle.PERMISSION)):
        raise lifecycle.MayNotChangePolicies
    chosen.where()
    try:
        with transaction.atomic():
            backtest = Backtest.objects.create(
                policy=version, chosen=chosen.as_json(), asked_by=by, queued_at=Now()
            )
            data = {"backtest": str(backtest.pk), "policy": version.pk, "chosen": backtest.chosen}
            record("backtest.asked", actor=actor, data=data)
            if not alone:
                for _ in range(settings.BACKTEST_LANES):
                    BACKTESTS.tell(backtest.pk)
    except IntegrityError as error:
        if "backtest_one_open_per_policy" in str(error):
            raise BacktestRuns from error
        raise
    return Backtest.objects.get(pk=backtest.pk)


@transaction.atomic
def cancel(backtest_id: UUID, *, actor: Actor) -> Backtest:
    """End it without a result. Raises `BacktestOver`, `Backtest.DoesNotExist`."""
    backtest = Backtest.objects.select_for_update().get(pk=backtest_id)
    if not backtest.is_open:
        raise BacktestOver
    _end(backtest, STATUS.CANCELLED, actor=actor)
    Disagreement.objects.filter(backtest=backtest).delete()
    return backtest


def work(backtest_id: UUID, *, seconds: float = TURN_SECONDS) -> bool:
    """Judge chunks for about so long; whether there is more to do for this worker.

    Safe to call twice and at the same time: each chunk is counted once.
    """
    over = time.monotonic() + seconds
    judge: Judge | None = None
    while (taken := _take(backtest_id)) is not None:
        try:
            judge = judge or Judge(ready(taken.policy))
            tally, disagreements = _judge(judge, taken)
        except Exception as error:
            _give_up(taken, error)
            raise
        _keep(backtest_id, taken, tally, disagreements)
        if time.monotonic() >= over:
            return True
    return False


def work_until_done(backtest_id: UUID, tell: Callable[[Backtest, int], None]) -> Backtest:
    """Judge chunks here until all are done, by whomever; `tell` hears how many proposals are."""
    while True:
        busy = work(backtest_id)
        backtest = Backtest.objects.get(pk=backtest_id)
        tell(backtest, done(backtest))
        if not backtest.is_open:
            return backtest
        if not busy:
            time.sleep(0.2)  # the last chunks are somebody else's


def rehearse(policy: Policy, chosen: Chosen, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """The result that a backtest of this policy would have; writes nothing, keeps no disagreements.

    `tell` hears how many of how many proposals are judged. Raises `Invalid` like `ask`.
    """
    where, values = chosen.where()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM suggestions_proposal WHERE {where} ORDER BY id DESC LIMIT %(newest)s",
            {"newest": chosen.newest, **values},
        )
        ids = [row[0] for row in cursor.fetchall()]
    tally, judge = Tally(), Judge(policy)
    for start in range(0, len(ids), CHUNK):
        for outcome in judge.outcomes(ids[start : start + CHUNK]):
            tally.count(outcome)
        tell(min(start + CHUNK, len(ids)), len(ids))
    return result(tally)


def done(backtest: Backtest) -> int:
    """How many proposals have been judged so far."""
    return done_of([backtest])[backtest.pk]


def done_of(backtests: Sequence[Backtest]) -> dict[UUID, int]:
    """The same of each of many, in one query."""
    judged = BacktestChunk.objects.filter(
        backtest__in=[b for b in backtests if b.is_open], tally__isnull=False
    )
    counted = dict(judged.values_list("backtest").annotate(n=Sum("size")))
    return {
        b.pk: counted.get(b.pk, 0) if b.is_open else (b.result or {}).get("proposals", 0) for b in backtests
    }


def tell_due() -> None:
    """Tell the workers of open backtests with room for another one, which they were not told of lately."""
    BACKTESTS.tell_due(lanes=settings.BACKTEST_LANES)


# --- One chunk ------------------------------------------------------------------------------


@transaction.atomic
def _take(backtest_id: UUID) -> Taken | None:
    """Become the one who judges the newest chunk that nobody does; None where there is none."""
    backtest = Backtest.objects.select_for_update().filter(pk=backtest_id).first()
    if backtest is None or not backtest.is_open:
        return None
    if backtest.status == STATUS.QUEUED:
        _plan(backtest)
    left = backtest.chunks.filter(tally__isnull=True)
    held = Q(lease_until__gt=Now())
    if left.filter(held).count() >= settings.BACKTEST_LANES:
        return None
    chunk = left.exclude(held, lease_until__isnull=False).order_by("number").first()
    if chunk is None:
        if not left.exists():
            _finish(backtest)
        return None
    if chunk.tries >= MOST_TRIES:
        error = backtest.error or "A worker died three times over the same proposals."
        _end(backtest, STATUS.FAILED, actor=WORKER, error=error)
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE suggestions_backtestchunk SET tries = tries + 1,
                      lease_until = statement_timestamp() + make_interval(secs => %s) WHERE id = %s""",
            [LEASE_SECONDS, chunk.pk],
        )
    return Taken(chunk.pk, backtest.policy_id, Chosen.from_json(backtest.chosen), chunk.newest, chunk.oldest)


def _plan(backtest: Backtest) -> None:
    """Cut what was chosen into chunks, from the newest proposals to the oldest."""
    chosen = Chosen.from_json(backtest.chosen)
    where, values = chosen.where()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO suggestions_backtestchunk (backtest_id, number, newest, oldest, size, tries)
            SELECT %(backtest)s, (n - 1) / %(chunk)s, (array_agg(id ORDER BY n))[1],
                   (array_agg(id ORDER BY n DESC))[1], count(*), 0
              FROM (SELECT id, row_number() OVER (ORDER BY id DESC) AS n
                      FROM (SELECT id FROM suggestions_proposal WHERE {where}
                             ORDER BY id DESC LIMIT %(newest)s) AS chosen) AS numbered
             GROUP BY (n - 1) / %(chunk)s
            """,
            {"backtest": backtest.pk, "chunk": CHUNK, "newest": chosen.newest, **values},
        )
    backtest.total = backtest.chunks.aggregate(n=Sum("size"))["n"] or 0
    backtest.status = STATUS.RUNNING
    backtest.started_at = Now()
    backtest.save(update_fields=["total", "status", "started_at"])


def _judge(judge: Judge, taken: Taken) -> tuple[Tally, list[Outcome]]:
    where, values = taken.chosen.where()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT id FROM suggestions_proposal
                 WHERE {where} AND id BETWEEN %(oldest)s AND %(newest)s ORDER BY id DESC""",
            {"oldest": taken.oldest, "newest": taken.newest, **values},
        )
        ids = [row[0] for row in cursor.fetchall()]
    tally, disagreements = Tally(), []
    for outcome in judge.outcomes(ids):
        tally.count(outcome)
        if kind_of(outcome) is not None:
            disagreements.append(outcome)
    return tally, disagreements


@transaction.atomic
def _keep(backtest_id: UUID, taken: Taken, tally: Tally, disagreements: list[Outcome]) -> None:
    """Write what was counted, unless somebody else did or the backtest is over."""
    backtest = Backtest.objects.select_for_update().get(pk=backtest_id)
    mine = BacktestChunk.objects.filter(pk=taken.pk, tally__isnull=True)
    if not backtest.is_open or not mine.update(tally=tally.as_json(), lease_until=None):
        return
    full = _full(backtest, newer_than=taken.newest)
    rows = [
        _row(backtest, outcome, kind)
        for outcome in disagreements
        if (kind := kind_of(outcome)) is not None and kind not in full
    ]
    Disagreement.objects.bulk_create(rows, ignore_conflicts=True)
    if not backtest.chunks.filter(tally__isnull=True).exists():
        _finish(backtest)


def _full(backtest: Backtest, *, newer_than: UUID) -> set[Any]:
    """The kinds of which newer ones than these already fill all places."""
    newer = Disagreement.objects.filter(backtest=backtest, proposal_id__gt=newer_than)
    counted = newer.values_list("kind").annotate(n=Count("pk"))
    return {kind for kind, n in counted if n >= KEPT}


def _row(backtest: Backtest, outcome: Outcome, kind: Disagreement.Kind) -> Disagreement:
    return Disagreement(
        backtest=backtest,
        proposal_id=outcome.proposal,
        kind=kind,
        action=outcome.action,
        verdict=outcome.verdict.verdict,
        answer=outcome.answer,
        rules=[rule["name"] for rule in outcome.verdict.rules],
    )


def _give_up(taken: Taken, error: Exception) -> None:
    """Let the chunk go, to be tried again or to end the backtest; what went wrong is told by its kind."""
    _log.warning("backtest chunk failed", chunk=taken.pk, error=type(error).__name__)
    try:
        BacktestChunk.objects.filter(pk=taken.pk, tally__isnull=True).update(lease_until=None)
        Backtest.objects.filter(chunks=taken.pk).update(error=f"It stopped with {type(error).__name__}.")
    except Exception:
        _log.warning("backtest chunk not let go: its lease runs out", chunk=taken.pk)


# --- The end --------------------------------------------------------------------------------


def _finish(backtest: Backtest) -> None:
    tally = Tally()
    for counts in backtest.chunks.values_list("tally", flat=True).iterator():
        tally.add(counts or [])
    _trim(backtest)
    backtest.result = result(tally)
    _end(backtest, STATUS.DONE, actor=WORKER)
    told = {"backtest": str(backtest.pk), "chosen": backtest.chosen, **score(backtest.result)}
    lifecycle.mark_validated(backtest.policy, told, actor=WORKER)


def _trim(backtest: Backtest) -> None:
    """Chunks may come in another order than they are numbered; only the newest of each kind stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM suggestions_disagreement WHERE id IN (
                SELECT id
                  FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY proposal_id DESC) AS n
                          FROM suggestions_disagreement WHERE backtest_id = %s) AS numbered
                 WHERE n > %s)
            """,
            [backtest.pk, KEPT],
        )


def _end(backtest: Backtest, status: Backtest.Status, *, actor: Actor, error: str = "") -> None:
    backtest.status = status
    backtest.error = error
    backtest.finished_at = Now()
    backtest.save(update_fields=["status", "error", "finished_at", "result"])
    backtest.chunks.all().delete()
    data = {"backtest": str(backtest.pk), "policy": backtest.policy_id, "proposals": backtest.total or 0}
    event = {STATUS.DONE: "finished", STATUS.FAILED: "failed", STATUS.CANCELLED: "cancelled"}[status]
    record(f"backtest.{event}", actor=actor, data=data)
