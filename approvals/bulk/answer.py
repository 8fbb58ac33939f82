"""Answering several proposals at once: one word for all of them, and a decision for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from approvals.deciding import checks, decide, undo
from approvals.deciding.decide import Decided
from approvals.deciding.together import MOST, Candidate, candidate, candidates
from approvals.models import Batch, BatchItem
from audit.ground.actors import Actor
from audit.ground.canonical import commitment, new_salt
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import Rows
from execution.models import Execution
from governance.models import User
from suggestions.answering.resolve import AlreadyResolved, lock_pending
from suggestions.models import Proposal

SLICE = 2.0  # seconds that a request goes on for
AHEAD = 25  # items that are looked up at once
LASTS = timedelta(minutes=15)  # after which nobody is taken to stand behind it any more
Outcome = BatchItem.Outcome
VERDICTS = ("approve", "reject", "return")


class NotTogether(Refusal):
    """It has to be decided by itself; `detail` says why."""


class OtherBatch(Refusal):
    detail = "These were answered already, in another way. Look at what became of them."


class BatchOver(Refusal):
    detail = "Too much time has passed. What is left of it waits in the queue."


class Shown(NamedTuple):
    """A proposal as a table showed it, with what a service had said is there."""

    proposal: UUID
    digest: str
    look: UUID | None = None


@transaction.atomic
def submit(
    batch_id: UUID,
    items: Sequence[Shown],
    *,
    verdict: str,
    said: str,
    reviewer: User,
    actor: Actor,
    reason: str = "",
    looked_seconds: int | None = None,
) -> Batch:
    """Write down what is to be said of these, to be carried out by `go_on`; the same id twice is one.

    `said` is what was confirmed, in words. Raises `Invalid`; `OtherBatch` where the id was used for
    something else.
    """
    _check(items, verdict, reason)
    salt = new_salt()
    batch, created = Batch.objects.get_or_create(
        pk=batch_id,
        defaults={
            "reviewer": reviewer,
            "verdict": verdict,
            "said": said[:500],
            "reason": reason,
            "salt": salt,
            "looked_seconds": looked_seconds,
        },
    )
    if not created:
        if (batch.reviewer_id, batch.verdict) != (reviewer.pk, verdict):
            raise OtherBatch
        return batch
    BatchItem.objects.bulk_create(
        BatchItem(batch=batch, proposal_id=one.proposal, position=n, action_digest=one.digest, look=one.look)
        for n, one in enumerate(items, start=1)
    )
    told = {"reason": commitment(salt, reason)} if reason else {}
    data = {"batch": str(batch_id), "verdict": verdict, "proposals": len(items), **told}
    record("batch.submitted", actor=actor, data=data)
    return batch


def _check(items: Sequence[Shown], verdict: str, reason: str) -> None:
    if verdict not in VERDICTS:
        raise Invalid.field("/verdict", "Approve, reject or return.")
    if not items:
        raise Invalid.field("/item", "Nothing is left that could be decided together.")
    if len(items) > MOST or len({one.proposal for one in items}) != len(items):
        raise Invalid.field("/item", f"At most {MOST} proposals, each once.")
    if verdict != "approve" and not reason:
        raise Invalid.field("/reason", "Say why: the agents and the log need a reason.")


def go_on(batch: Batch, *, actor: Actor, seconds: float | None = None) -> int:
    """Decide on what is left, for so long at most; returns how many are left then.

    Each in a transaction of its own: what was refused or decided meanwhile stops no other. Of two
    that go on at once each takes its own. Raises `BatchOver` once too much time has passed.
    """
    if is_over(batch) and batch.items.filter(outcome=Outcome.WAITING).exists():
        raise BatchOver
    together = decide.Together(batch.pk, _share(batch))
    until = time.monotonic() + (SLICE if seconds is None else seconds)
    ahead = _Ahead(batch)
    while time.monotonic() < until and _next(batch, actor, together, ahead):
        pass
    return batch.items.filter(outcome=Outcome.WAITING).count()


class _Ahead:
    """Candidates that are looked up for many items at once, and again where one has changed since."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.found: dict[UUID, Candidate | None] = {}

    def candidate(self, locked: Proposal) -> Candidate | None:
        """What this person would decide on, of a proposal as it is in the present transaction."""
        if locked.pk not in self.found:
            self._look(locked.pk)
        found = self.found.pop(locked.pk)
        unchanged = found is None or found.proposal.version == locked.version
        return found if unchanged else candidate(locked.pk, self.batch.reviewer)

    def _look(self, first: UUID) -> None:
        waiting = self.batch.items.filter(outcome=Outcome.WAITING).order_by("position")
        ids = [first, *waiting.values_list("proposal", flat=True)[:AHEAD]]
        found = {one.proposal.pk: one for one in candidates(ids, self.batch.reviewer)}
        self.found = {pk: found.get(pk) for pk in ids}


_NEXT = Rows(
    BatchItem,
    where="t.batch_id = %s AND t.outcome = 'waiting' ORDER BY t.position LIMIT 1 FOR UPDATE OF t SKIP LOCKED",
)


@transaction.atomic
def _next(batch: Batch, actor: Actor, together: decide.Together, ahead: _Ahead) -> bool:
    """Decide on the next that nobody else is at; False where there is none."""
    found = _NEXT([batch.pk])
    if not found:
        return False
    [item] = found
    try:
        with transaction.atomic():
            decided = _decide(batch, item, actor, together, ahead)
    except Refusal as refusal:
        item.outcome, item.detail = Outcome.REFUSED, _in_words(refusal)[:500]
        told = {"verdict": batch.verdict, "refusal": type(refusal).__name__, "bulk": str(batch.pk)}
        record("decision.refused", actor=actor, proposal=item.proposal_id, data=told)
    else:
        _keep(item, decided)
    item.save(update_fields=["outcome", "detail", "decision"])
    return True


def _share(batch: Batch) -> int | None:
    """Of the time that the table was looked at, what falls to each of its lines."""
    if batch.looked_seconds is None:
        return None
    return batch.looked_seconds // max(1, batch.items.count())


def _keep(item: BatchItem, decided: Decided) -> None:
    if decided.check:
        item.outcome, item.detail = Outcome.CHECK, checks.told(decided.check)[:1000]
        return
    item.outcome = Outcome.DONE if decided.resolution else Outcome.WAITS
    item.decision = decided.decision


def is_over(batch: Batch) -> bool:
    """Has too much time passed for anybody to stand behind what is left of it?"""
    return not Batch.objects.filter(pk=batch.pk, at__gt=Now() - LASTS).exists()


def _decide(batch: Batch, item: BatchItem, actor: Actor, together: decide.Together, ahead: _Ahead) -> Decided:
    """What was said of all, said of this one, if it still fits among others."""
    reviewer = batch.reviewer
    one = ahead.candidate(lock_pending(item.proposal_id))
    if one is None:
        raise NotTogether("You can't see it any more.")
    if one.why_not:
        raise NotTogether(one.why_not)
    if batch.verdict == "approve":
        return _approve(one, item, batch, actor, together)
    verb = decide.reject if batch.verdict == "reject" else decide.give_back
    if one.suggestion.action_digest != item.action_digest:
        raise decide.DigestMismatch
    return verb(
        one.proposal.pk,
        reviewer=reviewer,
        actor=actor,
        reason=batch.reason,
        together=together,
        shown=_looks(item),
    )


def _approve(
    one: Candidate, item: BatchItem, batch: Batch, actor: Actor, together: decide.Together
) -> Decided:
    return decide.approve(
        one.suggestion,
        reviewer=batch.reviewer,
        actor=actor,
        shown_digest=item.action_digest,
        reason=batch.reason,
        together=together,
        shown=_looks(item),
    )


def _looks(item: BatchItem) -> list[UUID]:
    return [item.look] if item.look else []


def _in_words(refusal: Refusal) -> str:
    if isinstance(refusal, Invalid):
        return " ".join(error["detail"] for error in refusal.errors)
    if isinstance(refusal, AlreadyResolved):
        return f"Decided meanwhile. {refusal.detail}"
    return refusal.detail


# --- Undoing ------------------------------------------------------------------------------------------


def undo_all(batch: Batch, *, actor: Actor) -> tuple[int, int]:
    """Take back every approval of it that still can be: how many were, and how many were too late.

    What waits for somebody else is taken back; what was approved is undone in its grace period.
    """
    undone = late = 0
    given = batch.items.filter(outcome__in=[Outcome.DONE, Outcome.WAITS])
    if batch.verdict != "approve":
        return 0, 0
    for pk in given.values_list("pk", flat=True):
        done = _undo(batch, pk, actor)
        undone, late = undone + (done is True), late + (done is False)
    return undone, late


@transaction.atomic
def _undo(batch: Batch, item_id: int, actor: Actor) -> bool | None:
    item = batch.items.select_for_update(of=("self",)).get(pk=item_id)
    if item.outcome not in (Outcome.DONE, Outcome.WAITS):
        return None
    reviewer, proposal_id = batch.reviewer, item.proposal_id
    try:
        with transaction.atomic():
            status = Proposal.objects.select_for_update().values_list("status", flat=True).get(pk=proposal_id)
            if status == Proposal.Status.PENDING:
                decide.take_back(proposal_id, reviewer=reviewer, actor=actor)
            else:
                undo.undo(proposal_id, reviewer=reviewer, actor=actor)
    except Refusal as refusal:
        item.detail = refusal.detail[:500]
        item.save(update_fields=["detail"])
        return False
    item.outcome = Outcome.UNDONE
    item.save(update_fields=["outcome"])
    return True


class Undoable(NamedTuple):
    """How much of a batch can still be undone; until when, where that ends by itself."""

    number: int
    until: datetime | None


def undoable(batch: Batch) -> Undoable:
    """How many approvals of it can be taken back now."""
    if batch.verdict != "approve":
        return Undoable(0, None)
    waiting = batch.items.filter(
        outcome=Outcome.WAITS, decision__standing=True, proposal__status=Proposal.Status.PENDING
    ).count()
    in_grace = Execution.objects.filter(
        status=Execution.Status.SCHEDULED,
        fence=0,
        due_at__gt=Now(),
        proposal__in=batch.items.filter(outcome__in=[Outcome.DONE, Outcome.WAITS]).values("proposal"),
    )
    last = in_grace.aggregate(last=Max("due_at"))["last"]
    return Undoable(waiting + in_grace.count(), last)
