"""What stands between an agent and the next stage: its own record, measured.

All of it is counted from what people decided and what executions proved, in the present stage and
no further back than the newest `LOOKED_AT` of each: a record is bounded, and old merits fade. The
one thing that agents say themselves is their confidence, and that is what is put to the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.asking.answers import ShareAnswer
from audit.ground.wilson import Share, share
from audit.statements.prepared import execute
from governance.models import ActionType, Agent, Autonomy, PolicyVersion
from governance.policies.policy import ready
from governance.trust.gate_bounds import Bounds, bounds_for
from governance.trust.passing import hazard_of
from insights.trust.answers import CountAnswer, GateAnswer, RecordAnswer

LOOKED_AT = 500
BINS = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """An agent and an action, and where they stand."""

    agent_id: UUID
    agent: str
    owner_id: int
    action: str
    stage: int
    since: datetime
    reason: str = ""

    @property
    def next_stage(self) -> int | None:
        return self.stage + 1 if self.stage < Autonomy.Stage.STRATEGIC else None


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that is asked: what it is now, what it has to be, and how much of the way that is.

    Of an error the bar is the error itself, so that the figure and the bar say the same.
    """

    name: str
    title: str
    passed: bool
    said: str  # "41 of 50 decisions"
    help: str = ""
    way: float = 0.0  # 0 to 1
    is_error: bool = False

    def told(self) -> GateAnswer:
        return GateAnswer(name=self.name, passed=self.passed, said=self.said)


@dataclass(frozen=True, slots=True)
class Record:
    """What was counted for a pair in its stage."""

    decisions: int = 0
    unchanged: int = 0
    unstated: int = 0  # decisions on proposals without a stated confidence
    calibration_error: float | None = None
    sampled: int = 0  # answered samples among the decisions
    unanswered: int = 0  # samples that nobody answered
    ended: int = 0
    verified: int = 0
    incidents: int = 0

    @property
    def approved_unchanged(self) -> Share:
        return share(self.unchanged, self.decisions)

    @property
    def verified_success(self) -> float | None:
        return self.verified / self.ended if self.ended else None

    def told(self) -> RecordAnswer:
        return RecordAnswer(
            decisions=self.decisions,
            approved_unchanged=ShareAnswer(**self.approved_unchanged.as_json()),
            verified_success=CountAnswer(count=self.verified, of=self.ended),
            calibration_error=_round(self.calibration_error),
            confidence_not_stated=self.unstated,
            samples_answered=self.sampled,
            samples_not_answered=self.unanswered,
            open_incidents=self.incidents,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A pair with its record and its gates to the next stage."""

    pair: Pair
    record: Record
    gates: list[Gate]

    @property
    def missing(self) -> list[Gate]:
        return [gate for gate in self.gates if not gate.passed]

    @property
    def is_ready(self) -> bool:
        """Whether it may be promoted."""
        return self.pair.next_stage is not None and not self.missing

    def as_json(self) -> dict[str, Any]:
        """What is kept with a change of its stage."""
        return {**self.record.told().as_json(), "gates": [gate.told().as_json() for gate in self.gates]}


def measure(pairs: Sequence[Pair]) -> list[Measured]:
    """The record and the gates of each pair, in a handful of queries however many there are."""
    if not pairs:
        return []
    records = _records(pairs)
    bounds = bounds_for(pair.action for pair in pairs)
    policy = PolicyVersion.objects.active().defer("text").first()
    hazards = _unnamed_hazards({pair.action for pair in pairs}, policy)
    return [
        Measured(
            pair,
            record,
            [
                *_record_gates(record, bounds[pair.action]),
                _policy_gate(policy),
                *_hazard_gate(pair, hazards),
            ],
        )
        for pair, record in zip(pairs, records, strict=True)
    ]


def measured_now(agent: Agent, action: str) -> Measured:
    """One pair as it stands."""
    row = Autonomy.objects.filter(agent=agent, action=action).first()
    stage, since, reason = (row.stage, row.since, row.reason) if row else (2, agent.created_at, "")
    pair = Pair(agent.pk, agent.name, agent.owner_id, action, stage, since, reason)
    return measure([pair])[0]


# --- Gates ----------------------------------------------------------------------------------------


def _record_gates(record: Record, bounds: Bounds) -> list[Gate]:
    return [
        _decisions(record, bounds),
        _unchanged(record, bounds),
        _success(record, bounds),
        _calibration(record, bounds),
        _incidents(record),
    ]


def _decisions(record: Record, bounds: Bounds) -> Gate:
    n, wanted = record.decisions, bounds.decisions
    return Gate(
        "decisions",
        "Decisions",
        n >= wanted,
        f"{n}{'+' if n >= LOOKED_AT else ''} of {wanted} decisions",
        _of_samples(record),
        min(n / wanted, 1.0),
    )


def _of_samples(record: Record) -> str:
    said = [f"{record.sampled} of them by checking afterwards"] if record.sampled else []
    said += [f"{record.unanswered} checks were not answered"] if record.unanswered else []
    return "; ".join(said)


def _unchanged(record: Record, bounds: Bounds) -> Gate:
    found = record.approved_unchanged
    return Gate(
        "approved_unchanged",
        "Approved unchanged",
        found.low >= bounds.approved_unchanged,
        f"{found.low:.3f} of {bounds.approved_unchanged:g}",
        f"{found.count} of {found.of}; surely at least {found.low:.3f}" if found.of else "No decision yet",
        min(found.low / bounds.approved_unchanged, 1.0),
    )


def _success(record: Record, bounds: Bounds) -> Gate:
    found = record.verified_success
    return Gate(
        "verified_success",
        "Verified success",
        found is not None and found >= bounds.verified_success,
        f"{found or 0:.3f} of {bounds.verified_success:g}",
        f"{record.verified} of {record.ended} executions" if record.ended else "No execution has ended yet",
        min((found or 0) / bounds.verified_success, 1.0),
    )


def _calibration(record: Record, bounds: Bounds) -> Gate:
    found, most = record.calibration_error, bounds.calibration_error
    unstated = f"{record.unstated} of {record.decisions} without a stated confidence"
    return Gate(
        "calibration_error",
        "Calibration error",
        found is not None and found <= most,
        "not known yet" if found is None else f"{found:.3f}, at most {most:g}",
        unstated if record.unstated else "",
        0.0 if found is None else min(found, 1.0),
        is_error=True,
    )


def _incidents(record: Record) -> Gate:
    said = f"{record.incidents} open" if record.incidents else "none open"
    return Gate("incidents", "Incidents", not record.incidents, said, way=float(not record.incidents))


def _policy_gate(policy: PolicyVersion | None) -> Gate:
    validated = bool(policy and policy.validated_at and policy.score is not None)
    said = "validated" if validated else "not validated" if policy else "no policy is active"
    return Gate("policy", "Policy", validated, said, way=float(validated))


def _hazard_gate(pair: Pair, hazards: dict[str, str]) -> list[Gate]:
    """Beyond stage 2, what is hazardous has to be named by the policy; nothing is asked of the rest."""
    if (pair.next_stage or 0) < Autonomy.Stage.CONTROLLED or pair.action not in hazards:
        return []
    hazard = hazards[pair.action]
    return [
        Gate("named", "Named by the policy", not hazard, hazard or "under may_pass", way=float(not hazard))
    ]


def _unnamed_hazards(actions: set[str], policy: PolicyVersion | None) -> dict[str, str]:
    """Of each hazardous action, why it needs naming; empty where the active policy names it."""
    named = ready(policy.pk).may_pass if policy else frozenset()
    types = ActionType.objects.current().filter(name__in=actions)
    hazards = {kind.name: hazard_of(kind) for kind in types}
    return {
        name: "" if name in named else f"it {hazard}, and may_pass does not name it"
        for name, hazard in hazards.items()
        if hazard
    }


# --- Records --------------------------------------------------------------------------------------


def _records(pairs: Sequence[Pair]) -> list[Record]:
    asked = {
        "agents": [pair.agent_id for pair in pairs],
        "actions": [pair.action for pair in pairs],
        "since": [pair.since for pair in pairs],
        "looked_at": LOOKED_AT,
        "bins": BINS,
    }
    return [
        Record(
            decisions=decisions,
            unchanged=unchanged,
            unstated=unstated,
            calibration_error=None if error is None else float(error),
            sampled=sampled,
            unanswered=unanswered,
            ended=ended,
            verified=verified,
            incidents=incidents,
        )
        for (
            decisions,
            unchanged,
            unstated,
            error,
            sampled,
            unanswered,
            ended,
            verified,
            incidents,
        ) in execute(RECORDS, asked)
    ]


# A decision is right where people approved the first suggestion as it was: that is what would have
# passed. A sample that was answered is a decision too.
#
# The expected calibration error is Σ_b (n_b / n) · |right_b − stated_b| over ten bins b of stated
# confidence, of equal width: M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated
# probabilities using Bayesian binning", AAAI 2015. It comes to Σ_b |Σ right − Σ stated| / n. Where
# nothing is stated 0 is read, as everywhere: silence on what is uncertain makes no record look good.
#
# An execution is a verified success where it succeeded, the effect of a step was proved or vouched
# for by a person, and no step rests on the agent's word alone.
RECORDS = """
WITH pair AS (
    SELECT * FROM unnest(%(agents)s::uuid[], %(actions)s::text[], %(since)s::timestamptz[])
        WITH ORDINALITY AS _ (agent_id, action, since, n)
)
SELECT judged.decisions, judged.unchanged, judged.unstated, judged.error, judged.sampled,
       judged.unanswered, ran.ended, ran.verified, open.incidents
  FROM pair
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(n), 0)::int AS decisions, coalesce(sum(rights), 0)::int AS unchanged,
           coalesce(sum(unstated), 0)::int AS unstated, coalesce(sum(sampled), 0)::int AS sampled,
           coalesce(sum(unanswered), 0)::int AS unanswered,
           sum(abs(rights - stated)) / nullif(sum(n), 0) AS error
      FROM (
        SELECT count(was_right) AS n, count(*) FILTER (WHERE was_right) AS rights,
               coalesce(sum(confidence) FILTER (WHERE was_right IS NOT NULL), 0) AS stated,
               count(*) FILTER (WHERE was_right IS NOT NULL AND confidence IS NULL) AS unstated,
               count(*) FILTER (WHERE was_right IS NOT NULL AND sampled) AS sampled,
               count(*) FILTER (WHERE was_right IS NULL) AS unanswered
          FROM (
            (SELECT r.at, s.confidence, false AS sampled,
                    coalesce(s.id = r.suggestion_id AND s.action_digest = r.action_digest, false) AS was_right
               FROM suggestions_resolution r
               JOIN suggestions_suggestion s ON s.proposal_id = r.proposal_id AND s.rank = 1
              WHERE r.agent_id = pair.agent_id AND r.action = pair.action AND r.at >= pair.since
                AND r.by = 'human' AND r.status IN ('approved', 'rejected', 'returned')
              ORDER BY r.at DESC LIMIT %(looked_at)s)
            UNION ALL
            (SELECT x.ended_at, s.confidence, true,
                    CASE x.status WHEN 'right' THEN true WHEN 'wrong' THEN false END
               FROM suggestions_sample x
               JOIN suggestions_suggestion s ON s.proposal_id = x.proposal_id AND s.rank = 1
              WHERE x.agent_id = pair.agent_id AND x.action = pair.action AND x.ended_at >= pair.since
                AND x.status IN ('right', 'wrong', 'expired')
              ORDER BY x.ended_at DESC LIMIT %(looked_at)s)
            ORDER BY 1 DESC LIMIT %(looked_at)s) newest
         GROUP BY least(floor(coalesce(confidence, 0) * %(bins)s), %(bins)s - 1)) bin) judged
 CROSS JOIN LATERAL (
    SELECT count(*)::int AS ended,
           (count(*) FILTER (WHERE status = 'succeeded' AND steps.proved AND NOT steps.on_its_word))::int
               AS verified
      FROM (SELECT id, status, created_at FROM execution_execution
             WHERE agent_id = pair.agent_id AND action = pair.action
               AND status IN ('succeeded', 'failed', 'needs_attention')
             ORDER BY id DESC LIMIT %(looked_at)s) newest
      LEFT JOIN LATERAL (
        SELECT bool_or(vouched) AS proved, bool_or(receipt ? 'reported_by' AND NOT vouched) AS on_its_word
          FROM (SELECT receipt, coalesce(receipt->>'verified' = 'true', false)
                           OR receipt ?| '{marked_done_by,settled_by}' AS vouched
                  FROM execution_step WHERE execution_id = newest.id) step) steps ON true
     WHERE newest.created_at >= pair.since) ran
 CROSS JOIN LATERAL (
    SELECT count(*)::int AS incidents FROM governance_incident
     WHERE agent_id = pair.agent_id AND closed_at IS NULL AND action IN ('', pair.action)) open
 ORDER BY pair.n
"""


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
