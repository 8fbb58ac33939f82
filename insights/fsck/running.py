"""What operators and workers do besides: breakers, endpoints, bulk retries, backtests, plans, addresses."""

from __future__ import annotations

from audit.ground.canonical import digest
from insights.fsck.ledger import UNKNOWN, Facts
from insights.fsck.moves import by, ends, makes, person, puts, said, sets
from insights.fsck.replay import Kind, commits

# --- Routes and addresses -------------------------------------------------------------------------


def _is_closed(facts: Facts) -> bool:
    return bool(facts["state"] == "closed")


BREAKERS = Kind(
    name="breakers",
    noun="breaker of route",
    sentence="Each breaker is open, half open or closed, as the log has it.",
    moves={
        "breaker.opened": puts(by("route"), state="open"),
        "breaker.half_opened": puts(by("route"), state="half_open"),
        "breaker.closed": puts(by("route"), state="closed"),
    },
    rows="SELECT '', route, json_build_object('state', state)::text FROM execution_breaker",
    needs_no_event=_is_closed,
)


def _is_called(facts: Facts) -> bool:
    return not facts["is_paused"]


ENDPOINTS = Kind(
    name="callback addresses",
    noun="callback address",
    sentence="Each address at which agents are called is paused or not, as the log has it.",
    moves={
        "callback_endpoint.paused": puts(by("agent", "origin"), is_paused=True),
        "callback_endpoint.resumed": puts(by("agent", "origin"), is_paused=False),
    },
    rows="""
        SELECT '', agent_id::text || ' ' || origin,
               json_build_object('is_paused', paused_at IS NOT NULL)::text
          FROM suggestions_callbackendpoint""",
    needs_no_event=_is_called,
)

NOTICE_TARGETS = Kind(
    name="notice targets",
    noun="place where notices go",
    sentence="Each place where notices go was added by its owner.",
    moves={
        "notice_target.added": makes(by("target"), person=said("user"), service=said("service")),
        "notice_target.removed": ends(by("target")),
    },
    rows="""
        SELECT '', id::text, json_build_object('person', user_id::text, 'service', service)::text
          FROM approvals_target""",
)


# --- Several at once ------------------------------------------------------------------------------

BATCHES = Kind(
    name="batches",
    noun="batch",
    sentence="Each batch was submitted: by whom, with which word, for how many proposals.",
    moves={
        "batch.submitted": makes(
            by("batch"),
            verdict=said("verdict"),
            proposals=said("proposals"),
            person=person,
            reason=said("reason"),
        )
    },
    rows="""
        SELECT '', b.id::text, json_build_object('verdict', b.verdict, 'person', b.reviewer_id::text,
               'proposals', (SELECT count(*) FROM approvals_batchitem i WHERE i.batch_id = b.id),
               'reason', b.reason, 'salt', encode(b.salt, 'hex'))::text FROM approvals_batch b""",
    reads=commits("reason"),
)

_BULK = by("bulk_retry")
_COUNTS = {"retried": said("retried"), "left_out": said("left_out")}
_UNCOUNTED = {"retried": UNKNOWN, "left_out": UNKNOWN}  # while it runs, no event tells how far it is

BULK_RETRIES = Kind(
    name="bulk retries",
    noun="bulk retry",
    sentence="Each bulk retry was started, stopped, let go on and ended, as the log has it.",
    moves={
        "bulk_retry.started": makes(
            _BULK, status="running", total=said("executions"), rate=said("per_minute"), **_UNCOUNTED
        ),
        "bulk_retry.stopped": sets(_BULK, was={"status": "running"}, status="stopped", **_COUNTS),
        "bulk_retry.went_on": sets(_BULK, was={"status": "stopped"}, status="running", **_UNCOUNTED),
        "bulk_retry.ended": sets(_BULK, was={"status": "running"}, status="done", **_COUNTS),
    },
    rows="""
        SELECT '', id::text, json_build_object('status', status, 'total', total, 'rate', rate,
               'retried', retried, 'left_out', left_out)::text FROM execution_bulkretry""",
)


# --- What is tried, and what people are tried with ------------------------------------------------

_BACKTEST = by("backtest")
_RUNS = frozenset({"queued", "running"})

BACKTESTS = Kind(
    name="backtests",
    noun="backtest",
    sentence="Each backtest was asked for, and ended as the log has it.",
    moves={
        "backtest.asked": makes(_BACKTEST, status=_RUNS, policy=said("policy"), chosen=said("chosen")),
        "backtest.finished": sets(_BACKTEST, was={"status": _RUNS}, status="done"),
        "backtest.failed": sets(_BACKTEST, was={"status": _RUNS}, status="failed"),
        "backtest.cancelled": sets(_BACKTEST, was={"status": _RUNS}, status="cancelled"),
    },
    rows="""
        SELECT '', id::text, json_build_object('status', status, 'policy', policy_id, 'chosen', chosen)::text
          FROM suggestions_backtest""",
)

CHECK_PLANS = Kind(
    name="check plans",
    noun="plan of checks of team",
    sentence="Checks are slipped in as the log says that it was planned.",
    moves={
        "check_plan.changed": puts(
            by("team"),
            on=said("on"),
            share=said("share"),
            most_per_day=said("most_per_day"),
            busy_from=said("busy_from"),
            from_past=said("from_past"),
            person=person,
        )
    },
    rows="""
        SELECT '', team_id, json_build_object('on', "on", 'share', share, 'most_per_day', most_per_day,
               'busy_from', busy_from, 'from_past', from_past, 'person', changed_by_id::text)::text
          FROM approvals_checkplan""",
)


def _with_digest(facts: Facts) -> Facts:
    return {**facts, "body": digest(facts["body"])}


CHECK_TEMPLATES = Kind(
    name="check templates",
    noun="template of checks",
    sentence="Each template of checks is as it was added, and retired where the log says so.",
    moves={
        "check_template.added": makes(
            by("template"),
            agent=said("agent"),
            kind=said("kind"),
            body=said("body"),
            person=person,
            is_retired=False,
        ),
        "check_template.retired": sets(by("template"), was={"is_retired": False}, is_retired=True),
    },
    rows="""
        SELECT '', t.id::text, json_build_object('agent', a.name, 'kind', t.kind, 'body', t.body,
               'person', t.made_by_id::text, 'is_retired', t.retired_at IS NOT NULL)::text
          FROM approvals_checktemplate t JOIN governance_agent a ON a.id = t.agent_id""",
    reads=_with_digest,
)

KINDS = (
    BREAKERS,
    ENDPOINTS,
    NOTICE_TARGETS,
    BATCHES,
    BULK_RETRIES,
    BACKTESTS,
    CHECK_PLANS,
    CHECK_TEMPLATES,
)
