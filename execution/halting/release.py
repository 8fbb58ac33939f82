"""What becomes of executions that a kill switch held, once it is lifted.

Their clocks stood still: to deadlines, and to grace periods that were running, the time is added
that kill switches held them. Until that is done each stays held, so that no grace is cut short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, UUIDField, Value
from django.db.models.functions import Now

from audit.ground.actors import TIMER, Actor
from audit.ground.announce import announce_executions
from audit.log.record import record_many
from audit.outbox.tell_worker import tell_worker
from execution.models import Execution
from execution.models.executions import ExecutionQuerySet
from governance.models import Halt, User
from governance.trust import halts
from suggestions.models import Proposal

AT_ONCE = 1_000
MOST_COUNTED = 999

# Held by this kill switch and by none that is still on. A clock that was set since it was lifted
# is right already.
_RELEASE = """
WITH open AS (
    SELECT e.id, e.timed_from, e.proposal_id, p.agent_id, t.name AS action
      FROM execution_execution e
      JOIN suggestions_proposal p ON p.id = e.proposal_id
      JOIN suggestions_suggestion s ON s.id = e.suggestion_id
      JOIN governance_actiontype t ON t.id = s.action_type_id
      JOIN governance_halt mine ON mine.id = %(halt)s
     WHERE e.status IN ('scheduled', 'running', 'handed_back') AND e.timed_from < mine.lifted_at
       AND (mine.scope = 'everything' OR mine.agent_id = p.agent_id OR mine.action = t.name)
       AND NOT EXISTS (SELECT FROM governance_halt h
                        WHERE h.lifted_at IS NULL
                          AND (h.scope = 'everything' OR h.agent_id = p.agent_id OR h.action = t.name))
     ORDER BY e.id LIMIT %(at_once)s
       FOR UPDATE OF e
), held AS (
    SELECT open.id, min(lower(span)) AS since, sum(upper(span) - lower(span)) AS lost
      FROM open, LATERAL (
           SELECT range_agg(tstzrange(greatest(h.at, open.timed_from), h.lifted_at)) AS spans
             FROM governance_halt h
            WHERE h.lifted_at > open.timed_from
              AND (h.scope = 'everything' OR h.agent_id = open.agent_id OR h.action = open.action)) s,
           LATERAL unnest(s.spans) AS span
     GROUP BY open.id
)
UPDATE execution_execution e
   SET deadline = deadline + held.lost,
       due_at = due_at + CASE WHEN e.status = 'scheduled' AND e.due_at > held.since
                              THEN held.lost ELSE interval '0' END,
       timed_from = statement_timestamp(), queued_at = NULL, version = version + 1
  FROM held WHERE held.id = e.id
RETURNING e.id, e.proposal_id, held.lost
"""


@transaction.atomic
def lift(halt: Halt, *, reason: str, by: User, actor: Actor) -> Halt:
    """Lift a kill switch, and let what it held go on at once. Raises what `halts.lift` raises."""
    lifted = halts.lift(halt, reason=reason, by=by, actor=actor)
    tell_worker("execution.tasks.release", lifted.pk)
    return lifted


def settle() -> int:
    """Release what lifted kill switches held; returns how much that was. Many may run at once."""
    lifted = Halt.objects.filter(lifted_at__isnull=False, settled_at=None).order_by("lifted_at")
    return sum(_settle(halt_id) for halt_id in lifted.values_list("pk", flat=True))


def _settle(halt_id: UUID) -> int:
    total = 0
    while True:
        with transaction.atomic():
            mine = Halt.objects.select_for_update(skip_locked=True).filter(pk=halt_id, settled_at=None)
            if mine.first() is None:  # another sweeper has it, or is done
                return total
            released = _release_some(halt_id)
            if len(released) < AT_ONCE:
                Halt.objects.filter(pk=halt_id).update(settled_at=Now())
        total += len(released)


class _Released(NamedTuple):
    """An execution that goes on, and how long it had been held."""

    execution: UUID
    proposal: UUID
    lost: timedelta


def _release_some(halt_id: UUID) -> list[_Released]:
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"halt": halt_id, "at_once": AT_ONCE})
        released = [_Released(*row) for row in cursor.fetchall()]
    proposals = [one.proposal for one in released]
    if proposals:
        told = [(one.proposal, _told(halt_id, one)) for one in released]
        record_many("execution.released", actor=TIMER, about=told)
        Proposal.objects.filter(pk__in=proposals).update(version=F("version") + 1)
        transaction.on_commit(lambda: announce_executions(*proposals), robust=True)
    return released


def _told(halt_id: UUID, released: _Released) -> dict[str, Any]:
    held = round(released.lost.total_seconds() * 1000)
    return {"execution": str(released.execution), "halt": str(halt_id), "held_ms": held}


def held_by(on: Sequence[Halt]) -> Counter[UUID]:
    """How many executions wait because of each, counted up to `MOST_COUNTED` + 1, in one query."""
    if not on:
        return Counter()
    few = [_waiting(halt).values_list(Value(halt.pk, UUIDField()))[: MOST_COUNTED + 1] for halt in on]
    return Counter(halt_id for (halt_id,) in few[0].union(*few[1:], all=True))


def _waiting(halt: Halt) -> ExecutionQuerySet:
    scope: dict[str, Any] = {}
    if halt.agent_id:
        scope["proposal__agent_id"] = halt.agent_id
    if halt.action:
        scope["suggestion__action_type__name"] = halt.action
    return Execution.objects.filter(status=Execution.Status.SCHEDULED, **scope).order_by()
