"""The clock's rounds: which task, how often at most, and the question whether it has anything to do.

Every question is a look into an index, and all of them are put in one statement. One may be answered yes
although its task finds nothing, as while a kill switch holds what is overdue; never no although something
is due. Knows the tables by their names alone, so that the clock loads no models.
"""

from __future__ import annotations

from typing import NamedTuple

from audit.sealing.lag import IS_DUE

LOST_AFTER = 5.0  # seconds, as `audit.outbox.tell_worker` has it where nothing waits


class Round(NamedTuple):
    task: str
    seconds: float  # between two of it, at least
    due: str = "TRUE"  # SQL


def _any(table: str, *conditions: str) -> str:
    return " OR ".join(f"EXISTS (SELECT FROM {table} WHERE {condition})" for condition in conditions)


def _over(column: str) -> str:
    return f"{column} <= statement_timestamp()"


def _untold(status: str, since: str) -> str:
    """Rows of an outbox whose time has come and of which the broker was not told since or lately."""
    lately = f"statement_timestamp() - make_interval(secs => {LOST_AFTER})"
    told = f"coalesce(queued_at, '-infinity') < greatest({since}, {lately})"
    return f"status = '{status}' AND {_over(since)} AND {told}"


_PENDING = "status = 'pending' AND deadline > statement_timestamp()"
_ABSENCE = "begun_at IS NULL AND ended_at IS NULL AND until > statement_timestamp()"
_AT_REST = """
    SELECT FROM suggestions_sample s JOIN execution_execution e ON e.proposal_id = s.proposal_id
     WHERE s.status = 'chosen' AND e.status IN ('succeeded', 'failed', 'cancelled', 'needs_attention')"""
_BY_NOBODY = """
    SELECT FROM suggestions_secondreview r JOIN governance_user u ON u.id = r.second_id
     WHERE r.status = 'open' AND NOT u.is_active"""
# Approvals since a little before `execution.running.schedule.adopt` looked last; once a minute it looks
# whatever the answer, so that they stay few.
_ADOPTED = "(SELECT at FROM execution_heartbeat WHERE name = 'adopted')"
_ORPHANS = f"""
    coalesce({_ADOPTED} < statement_timestamp() - interval '1 minute', TRUE)
    OR EXISTS (SELECT FROM suggestions_resolution r
                WHERE r.status = 'approved' AND r.at > {_ADOPTED} - interval '10 minutes'
                  AND NOT EXISTS (SELECT FROM execution_execution e WHERE e.proposal_id = r.proposal_id))"""
_MAY_BE_TRIED = f"""
    SELECT FROM execution_breaker b
     WHERE state <> 'closed' AND {_over("until")}
       AND EXISTS (SELECT FROM execution_execution e
                    WHERE e.waits_for = b.route AND e.status = 'scheduled'
                      AND e.due_at > statement_timestamp())"""
_NEARLY_OVER_BY_HAND = """
    SELECT FROM execution_manualtask t JOIN execution_execution e ON e.id = t.execution_id
     WHERE t.status = 'open' AND t.reminded_at IS NULL AND e.status = 'handed_back' AND e.round = t.round
       AND e.deadline - make_interval(secs => t.remind_before) <= statement_timestamp()"""
_UNREAD = """
    (SELECT max(leaf_index) + 1 FROM audit_leaf)
    > coalesce((SELECT position FROM approvals_follower WHERE name = 'notices'), 0)"""
_PAUSED = """
    SELECT FROM suggestions_callback c
     WHERE c.agent_id = e.agent_id AND c.origin = e.origin AND c.status = 'paused'"""
_UNSETTLED = """
    EXISTS (SELECT FROM suggestions_correction)
    OR EXISTS (SELECT FROM suggestions_settled
                WHERE until < date_bin('1 minute', now() - interval '10 seconds', 'epoch'))
    OR EXISTS (SELECT FROM governance_agent a
                WHERE NOT EXISTS (SELECT FROM suggestions_settled s WHERE s.key = a.id))"""

ROUNDS = (
    Round(
        "approvals.tasks.expire",
        1,
        _any("suggestions_proposal", f"status = 'pending' AND {_over('deadline')}"),
    ),
    Round(
        "approvals.tasks.deadline",
        1,
        _any("suggestions_proposal", *(f"{_PENDING} AND {_over(at)}" for at in ("remind_at", "escalate_at"))),
    ),
    Round("approvals.tasks.stand_in", 2, _any("governance_absence", f"{_ABSENCE} AND {_over('since')}")),
    Round(
        "approvals.tasks.sample",
        2,
        f"EXISTS ({_AT_REST}) OR EXISTS ({_BY_NOBODY}) OR "
        + _any("suggestions_sample", f"status = 'open' AND {_over('deadline')}")
        + " OR "
        + _any("suggestions_secondreview", f"status = 'open' AND {_over('deadline')}"),
    ),
    Round(
        "execution.tasks.sweep",
        1,
        _any("governance_halt", "lifted_at IS NOT NULL AND settled_at IS NULL")
        + " OR "
        + _any(
            "execution_execution",
            _untold("scheduled", "due_at"),
            _untold("running", "lease_until"),
            f"status IN ('scheduled', 'running', 'handed_back') AND {_over('deadline')}",
        )
        + f" OR EXISTS ({_MAY_BE_TRIED}) OR {_ORPHANS}",
    ),
    Round(
        "execution.tasks.retry_many",
        1,
        _any("execution_bulkretry", f"status = 'running' AND {_over('due_at')}"),
    ),
    Round("execution.tasks.remind", 5, f"EXISTS ({_NEARLY_OVER_BY_HAND})"),
    Round(
        "execution.tasks.page",
        5,
        _any("execution_attention", _over("remind_at"))
        + " OR "
        + _any("governance_incident", _over("remind_at")),
    ),
    Round("execution.tasks.watch_workflows", 300),  # what does not come any more leaves no row
    Round(
        "suggestions.tasks.sweep",
        1,
        _any("suggestions_callback", _untold("waiting", "due_at"))
        + " OR "
        + _any("suggestions_callbackendpoint e", f"{_over('probe_due_at')} AND EXISTS ({_PAUSED})"),
    ),
    Round(
        "suggestions.tasks.sweep_backtests",
        1,
        _any("suggestions_backtest", "status IN ('queued', 'running')"),
    ),
    Round("audit.tasks.seal", 1, f"({IS_DUE})"),
    Round("insights.tasks.copy_checkpoints", 10),  # to places that settings name
    Round("approvals.tasks.follow_log", 1, _UNREAD),
    Round("audit.tasks.sum_up_refusals", 15),  # which are counted in Valkey
    Round(
        "approvals.tasks.tell",
        1,
        _any("approvals_notice", f"outside = 'waiting' AND {_over('due_at')}")
        + " OR "
        + _any("approvals_delivery", _untold("waiting", "due_at")),
    ),
    Round("approvals.tasks.forget_notices", 3600),
    Round(
        "approvals.tasks.end_standing",
        10,
        _any("governance_standingapproval", f"status IN ('draft', 'active') AND {_over('expires_at')}"),
    ),
    Round("approvals.tasks.throw_dice_for_checks", 60, _any("approvals_checkplan", '"on"')),
    Round("approvals.tasks.forget_figures", 3600),
    Round("governance.tasks.begin_access_review", 3600),
    Round("suggestions.tasks.forget_rejected", 60, _any("suggestions_rejectedaction", _over("until"))),
    Round("suggestions.tasks.settle_past", 10, _UNSETTLED),
    Round("execution.tasks.heartbeat", 5),  # proves that clock, broker, worker and database work together
)
# Of each round whether it is its time, and there is something to do.
QUESTION = "SELECT " + ", ".join(f"%s AND ({one.due})" for one in ROUNDS)
