"""Recorded proposals put before a policy again, with what was known when they came in.

Where agents stood, what they were deployed from and which kill switches were on is left aside, so
that a policy can be judged before any agent has earned to let anything pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit.ground.refusals import Invalid
from audit.statements.prepared import execute, unsaved
from governance.actions import catalogue, risk
from governance.actions.catalogue import Entry
from governance.models import ActionType, Agent, Risk
from governance.policies.policy import Policy
from governance.policies.verdict import Verdict
from governance.trust.passing import Circumstances
from suggestions.intake.judge import weighed
from suggestions.models import Proposal, Resolution, Sample, Suggestion
from suggestions.past import looks
from suggestions.past.answers import Past

DEFAULT_NEWEST, MOST = 100_000, 1_000_000
AT_ONCE = 100  # proposals in memory: a context may be as large as a body
CLOCKS_AGREE = timedelta(days=1)  # ids carry the time of the machine that made them

_PROPOSALS = """
SELECT p.id, p.agent_id, p.title, p.summary, p.subject_type, p.subject_id, p.context, p.provenance,
       p.created_at, p.action, p.verdict, r.status, r.by, r.suggestion_id, r.action_digest, c.status
  FROM suggestions_proposal p
  LEFT JOIN suggestions_resolution r ON r.proposal_id = p.id
  LEFT JOIN suggestions_sample c ON c.proposal_id = p.id
 WHERE p.id = ANY(%s) ORDER BY p.id DESC
"""
_SUGGESTIONS = """
SELECT proposal_id, id, rank, action_type_id, arguments, action_digest, confidence, success_probability,
       claimed_risk, risk_indicators, explanation
  FROM suggestions_suggestion WHERE proposal_id = ANY(%s) ORDER BY proposal_id, rank
"""


@dataclass(frozen=True)
class Chosen:
    """Which recorded proposals: the newest so many of those that fit."""

    since: datetime | None = None
    until: datetime | None = None
    agent: str = ""
    action: str = ""
    newest: int = DEFAULT_NEWEST

    def as_json(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "agent": self.agent,
            "action": self.action,
            "newest": self.newest,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Chosen:
        times = {name: _time(value.get(name)) for name in ("since", "until")}
        return cls(**times, agent=value["agent"], action=value["action"], newest=value["newest"])

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition on `suggestions_proposal`, and its parameters.

        Raises `Invalid` where there is no such agent.
        """
        parts = ["NOT is_check"]
        values: dict[str, Any] = {}
        if self.since:
            parts.append("created_at >= %(since)s AND id >= %(since_id)s")
            values |= {"since": self.since, "since_id": least_id(self.since, -CLOCKS_AGREE)}
        if self.until:
            parts.append("created_at < %(until)s AND id < %(until_id)s")
            values |= {"until": self.until, "until_id": least_id(self.until, CLOCKS_AGREE)}
        if self.agent:
            parts.append("agent_id = %(agent)s")
            values["agent"] = self._agent()
        if self.action:
            parts.append("action = %(action)s")
            values["action"] = self.action
        return " AND ".join(parts), values

    def _agent(self) -> UUID:
        found = Agent.objects.filter(name=self.agent).values_list("pk", flat=True).first()
        if found is None:
            raise Invalid.field("/agent", "There is no such agent.")
        return found


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def least_id(at: datetime, after: timedelta = timedelta(0)) -> UUID:
    """The least identifier of version 7 that could have been made so long after this time."""
    seconds = at.timestamp() + after.total_seconds()  # which has no first and no last year
    return UUID(int=max(int(seconds * 1000), 0) << 80)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy says of a recorded proposal, beside what became of it."""

    proposal: UUID
    action: str
    verdict: Verdict
    recorded: dict[str, Any]  # the verdict of that time
    answer: str  # one of `suggestions.trying.tally.ANSWERS`


class Judge:
    """Puts recorded proposals before one policy. Action types and agents are looked up once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._entries: dict[int, Entry] = {}
        self._agents: dict[UUID, Agent] = {}

    def outcomes(self, proposals: Sequence[UUID]) -> Iterator[Outcome]:
        """What the policy says of these, a few in memory at a time; those that are gone drop out."""
        for start in range(0, len(proposals), AT_ONCE):
            yield from self._some(proposals[start : start + AT_ONCE])

    def _some(self, proposals: Sequence[UUID]) -> Iterator[Outcome]:
        ids = list(proposals)
        of: dict[UUID, list[tuple[Any, ...]]] = {}
        for row in execute(_SUGGESTIONS, [ids]):
            of.setdefault(row[0], []).append(row)
        rows = execute(_PROPOSALS, [ids])
        self._learn({row[1] for row in rows}, {s[3] for one in of.values() for s in one})
        seen = looks.then(ids) if self.policy.asks_look else {}
        for row in rows:
            if row[0] in of:
                yield self._outcome(row, of[row[0]], seen)

    def _learn(self, agents: set[UUID], types: set[int]) -> None:
        if missing := agents - self._agents.keys():
            self._agents |= Agent.objects.in_bulk(missing)
        if unknown := types - self._entries.keys():
            found = ActionType.objects.in_bulk(unknown)
            self._entries |= {pk: catalogue.entry(action_type) for pk, action_type in found.items()}

    def _outcome(
        self, row: tuple[Any, ...], rows: Sequence[tuple[Any, ...]], seen: Mapping[UUID, looks.Facts]
    ) -> Outcome:
        entries = [self._entries[s[3]] for s in rows]
        proposal = self._proposal(row)
        suggestions = [_suggestion(s, entry) for s, entry in zip(rows, entries, strict=True)]
        stated = Circumstances(deployment=proposal.provenance.get("deployment", ""))
        recorded, at = json.loads(row[10]), proposal.created_at
        past = Past.of(proposal, at=at, known=recorded.get("facts"))
        verdict = weighed(
            self.policy, proposal, suggestions, entries, stated, stages=None, now=at, past=past, looks=seen
        )
        answer = _answer(*row[11:16], suggestions=rows)
        return Outcome(row[0], row[9], verdict, recorded, answer)

    def _proposal(self, row: tuple[Any, ...]) -> Proposal:
        return unsaved(
            Proposal,
            id=row[0],
            agent_id=row[1],
            agent=self._agents[row[1]],
            title=row[2],
            summary=row[3],
            subject_type=row[4],
            subject_id=row[5],
            context=json.loads(row[6]),
            provenance=json.loads(row[7]),
            created_at=row[8],
        )


def _suggestion(row: tuple[Any, ...], entry: Entry) -> Suggestion:
    claimed = None if row[8] is None else Risk(row[8])
    return unsaved(
        Suggestion,
        id=row[1],
        rank=row[2],
        arguments=json.loads(row[4]),
        confidence=row[6],
        success_probability=row[7],
        claimed_risk=claimed,
        risk=risk.counting(claimed, entry.type),  # before the policy of that time raised it
        risk_indicators=json.loads(row[9]),
        explanation=row[10],
    )


def _answer(
    status: str | None,
    by: str | None,
    suggestion: UUID | None,
    digest: str,
    checked: str | None,
    *,
    suggestions: Sequence[tuple[Any, ...]],
) -> str:
    """What became of a proposal, in the words of `suggestions.trying.tally.ANSWERS`.

    What passed by itself and was checked by a person afterwards was approved or rejected by them.
    """
    if by == Resolution.By.POLICY:
        afterwards = {Sample.Status.RIGHT: "approved", Sample.Status.WRONG: "rejected"}
        passed = afterwards.get(Sample.Status(checked), "passed") if checked else "passed"
        return passed if status == Proposal.Status.APPROVED else "blocked"
    if by != Resolution.By.HUMAN:
        return "nobody"
    if status != Proposal.Status.APPROVED:
        return str(status)
    first = suggestions[0]
    if suggestion != first[1]:
        return "other"
    return "approved" if digest == first[5] else "edited"
