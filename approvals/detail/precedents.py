"""What was decided before on the like of a proposal, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.urls import reverse

from audit.ground.unseen import Piece, pieces, shown
from audit.statements.prepared import execute
from execution.models import Execution
from governance.models import User
from governance.policies.findings import Finding, Weight
from suggestions.models import Proposal, Resolution, seen_by, visible_sql

DAYS = 90
COUNTED = 500  # of the newest decisions on an agent and an action, for the sums
OF_SUBJECT = 30  # of the newest proposals about a subject, in which decided ones are looked for
SHOWN = 4
_DECIDED = ("approved", "rejected", "returned")
_ENDED_BADLY = {Execution.Status.FAILED, Execution.Status.NEEDS_ATTENTION}


@dataclass(frozen=True, slots=True)
class Precedent:
    """One earlier decision: what it was about, what was said by whom, and what came of it."""

    url: str
    sentence: str
    said: str  # "approved by Ben, suggestion 2, edited"
    status: str
    at: datetime
    reason: list[Piece]
    ended: str
    ended_badly: bool
    doubts: tuple[str, ...] = ()  # why it is no example to follow
    same: bool = False  # the very same, to the sentence


@dataclass(frozen=True, slots=True)
class Precedents:
    """`told` sums up what people decided on this agent and action: "14 approved, 2 rejected, 1 edited"."""

    told: str
    of_action: list[Precedent]
    of_subject: list[Precedent]
    days: int = DAYS

    @property
    def speaks_against(self) -> list[Finding]:
        """What of the record has to be known before anybody approves."""
        found = []
        for one in [*self.of_action, *self.of_subject]:
            if one.same and one.status == "rejected":
                found.append(Finding(Weight.ALARM, f"Exactly this was {one.said} on {one.at:%-d %b}"))
            elif one.same and one.doubts:
                found.append(Finding(Weight.ALARM, f"Exactly this was {one.said}; {one.doubts[0]}"))
        return found[:1]


def precedents(proposal: Proposal, reader: User) -> Precedents:
    """The last decisions on this agent and action, and those about this subject, that the reader may see."""
    asked = {
        "proposal": proposal.pk,
        "agent": proposal.agent_id,
        "action": proposal.action,
        "subject": proposal.subject_key if proposal.subject_id else None,
        **seen_by(reader),
    }
    rows = [Answered(*row) for row in execute(_FOUND, asked)]
    newest, subject = _of_action(rows), _of_subject(rows)
    known = {row.id: _precedent(row, same=row.proposed == proposal.sentence) for row in rows}
    own = {row.id for row in newest}
    return Precedents(
        _told(rows),
        [known[row.id] for row in newest],
        [known[row.id] for row in subject if row.id not in own],
    )


def _told(rows: Sequence[Answered]) -> str:
    """What people decided, in sums, which each row of it has."""
    counts = next((row.counts for row in rows if row.counts), {})
    return ", ".join(f"{counts[name]:,} {name}" for name in (*_DECIDED, "edited") if counts.get(name))


def _of_action(rows: Sequence[Answered]) -> list[Answered]:
    """The newest, what was rejected first: a no says more about the like of it than many a yes; but it does
    not hide the newest yes."""
    of_action = [row for row in rows if row.counts]
    refused = [row for row in of_action if row.status == "rejected"]
    others = [row for row in of_action if row.status != "rejected"]
    first = refused[: SHOWN - 1] if others else refused[:SHOWN]
    return [*first, *others[: SHOWN - len(first)]]


def _of_subject(rows: Sequence[Answered]) -> list[Answered]:
    """The same of the newest about the same subject, of any agent."""
    return sorted((row for row in rows if row.of_subject), key=lambda row: row.status != "rejected")


def _doubts(row: Answered) -> Iterator[str]:
    """Why an approval is no example: it was warned of, or somebody thought otherwise afterwards."""
    if row.wrong:
        yield "checked afterwards: it was wrong"
    if row.otherwise:
        yield "a second person decided otherwise"
    if row.undone:
        yield "an approval of it was taken back"
    level, text = row.glance.get("found", ("", ""))
    if level == "alarm":
        yield f"although: {text}"


def _precedent(row: Answered, *, same: bool) -> Precedent:
    said = f"{row.status} by {shown(row.by_name)}" if row.by != Resolution.By.TIMER else row.status
    sentence = row.proposed
    if row.rank is not None:
        sentence = row.approved or row.suggested
        said += f", suggestion {row.rank}" if row.rank > 1 else ""
        said += ", edited" if row.edited else ""
    return Precedent(
        url=reverse("approvals:proposal", args=[row.id]),
        sentence=shown(sentence),
        said=said,
        status=row.status,
        at=row.at,
        reason=pieces(row.reason),
        ended=Execution.Status(row.ended).label.lower() if row.ended else "",
        ended_badly=row.ended in _ENDED_BADLY,
        doubts=tuple(_doubts(row)) if row.status == "approved" else (),
        same=same,
    )


class Answered(NamedTuple):
    """A row of the statement below: the answer to an earlier proposal.

    `proposed` is the proposal's sentence, `approved` what was carried out instead, `suggested` that of the
    suggestion that was meant. `counts` are those of all decisions on the agent and action, where it is one.
    """

    id: UUID
    status: str
    by: str
    by_name: str
    at: datetime
    reason: str
    proposed: str
    glance: dict[str, Any]
    approved: str
    rank: int | None
    suggested: str
    edited: bool
    ended: str
    wrong: bool
    otherwise: bool
    undone: bool
    counts: dict[str, int]
    of_subject: bool


# Of the newest decisions on the agent and action those that the reader may see, in sums, with a few of
# each kind; and a few of the newest decided about the subject. Both are bounded reads of an index.
_FOUND = f"""
WITH seen AS MATERIALIZED (
    SELECT r.* FROM (
        SELECT r.proposal_id, r.status, r.at,
               r.status = 'approved' AND r.action_digest IS DISTINCT FROM s.action_digest AS edited
          FROM suggestions_resolution r LEFT JOIN suggestions_suggestion s ON s.id = r.suggestion_id
         WHERE r.agent_id = %(agent)s AND r.action = %(action)s AND r.by = 'human'
           AND r.status IN ('approved', 'rejected', 'returned')
           AND r.at > statement_timestamp() - interval '{DAYS} days'
         ORDER BY r.at DESC LIMIT {COUNTED}) r
      JOIN suggestions_proposal p ON p.id = r.proposal_id
     WHERE p.id <> %(proposal)s AND {visible_sql("p")}
), counts AS (
    SELECT json_object_agg(what, n) AS told FROM (
        SELECT status AS what, count(*) AS n FROM seen GROUP BY status
        UNION ALL SELECT 'edited', count(*) FROM seen WHERE edited) counted
), of_action AS (
    (SELECT proposal_id FROM seen WHERE status = 'rejected' ORDER BY at DESC LIMIT {SHOWN})
    UNION ALL
    (SELECT proposal_id FROM seen WHERE status <> 'rejected' ORDER BY at DESC LIMIT {SHOWN})
), of_subject AS (
    SELECT r.proposal_id FROM (
        SELECT * FROM suggestions_proposal
         WHERE subject_key = %(subject)s AND subject_id <> '' AND NOT is_check
         ORDER BY created_at DESC LIMIT {OF_SUBJECT}) p
      JOIN suggestions_resolution r ON r.proposal_id = p.id
     WHERE p.id <> %(proposal)s AND {visible_sql("p")}
     ORDER BY r.at DESC LIMIT {SHOWN}
)
SELECT r.proposal_id, r.status, r.by, r.actor_name, r.at, r.reason, p.sentence, p.glance::json, r.sentence,
       s.rank, s.sentence, r.action_digest IS DISTINCT FROM s.action_digest,
       coalesce((SELECT e.status FROM execution_execution e WHERE e.proposal_id = p.id), ''),
       EXISTS (SELECT FROM suggestions_sample x WHERE x.proposal_id = p.id AND x.status = 'wrong'),
       EXISTS (SELECT FROM suggestions_secondreview x WHERE x.proposal_id = p.id AND x.status = 'differed'),
       EXISTS (SELECT FROM approvals_decision x
                WHERE x.proposal_id = p.id AND NOT x.standing AND NOT x.stale AND x.verdict = 'approve'),
       CASE WHEN p.id IN (SELECT proposal_id FROM of_action) THEN (SELECT told FROM counts) ELSE '{{}}' END,
       p.id IN (SELECT proposal_id FROM of_subject)
  FROM suggestions_resolution r
  JOIN suggestions_proposal p ON p.id = r.proposal_id
  LEFT JOIN suggestions_suggestion s ON s.id = r.suggestion_id
 WHERE r.proposal_id IN (SELECT proposal_id FROM of_action UNION SELECT proposal_id FROM of_subject)
 ORDER BY r.at DESC
"""
