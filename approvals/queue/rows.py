"""A proposal as one row of the queue: the same for everybody who may see it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.template.loader import get_template
from django.urls import reverse

from approvals.deciding import quorum
from approvals.models import Claim, Decision
from approvals.showing import initials
from approvals.showing.statuses import status_label
from audit.ground.unseen import shown
from audit.statements.prepared import execute, stored
from governance.models import Agent, Risk, User
from governance.policies.findings import Finding, Weight
from governance.showing.figures import Figure
from suggestions.intake.concerns import Contradiction, contradictions
from suggestions.models import Proposal, Resolution

# What a row says, to all, of what somebody is to decide a second time without knowing of the first.
DECIDED = "decided"
KEPT = 2_000  # rows as they were drawn, of 3 kB each


@dataclass(frozen=True, slots=True)
class Row:
    """What `approvals/queue/_row.html` draws."""

    id: str
    version: int
    url: str
    sentence: str
    agent: str
    action: str
    subject: str
    risk: str
    deadline: datetime
    status: str
    status_label: str
    teams: tuple[str, ...]
    held: bool
    ends_soon: bool
    figures: tuple[Figure, ...]
    found: Finding | None
    order: str
    created: datetime
    revises: bool
    came_back: bool
    says: float | None = None
    priority: int = 0
    contradicts: tuple[str, ...] = ()
    claim: Claimed | None = None
    looking: Looking = field(default_factory=lambda: Looking(()))
    agreement: Agreement | None = None

    @property
    def html(self) -> str:
        return drawn(self)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who is on it, and for how long."""

    user: int
    name: str
    initials: str
    until: datetime
    assigned: bool


@dataclass(frozen=True, slots=True)
class Looking:
    """Who has it on the screen now."""

    people: tuple[tuple[int, str], ...]

    @property
    def as_json(self) -> str:
        return json.dumps(self.people, ensure_ascii=False) if self.people else ""

    @property
    def in_words(self) -> str:
        names = [name for _, name in self.people]
        if len(names) < 2:
            return f"{names[0]} is looking" if names else ""
        return f"{names[0]} and {len(names) - 1} more look"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of those who have to agree do; or that they stand behind different actions."""

    count: int
    needed: int
    disagree: bool

    @property
    def one_more(self) -> bool:
        return self.count == self.needed - 1


def rows_of(ids: Iterable[UUID]) -> list[Row]:
    """The rows of these proposals, in this order, in one query however many they are; where some are claimed
    or contradicted one more for each."""
    wanted = list(ids)
    found = {row.proposal.pk: row for row in map(_read, execute(_ROWS, {"ids": wanted}))} if wanted else {}
    letters = initials.of(row.claim.user for row in found.values() if row.claim)
    against = contradictions(row.proposal for row in found.values() if row.is_contradicted)
    return [_row(found[one], letters, against.get(one, ())) for one in wanted if one in found]


class ReadProposal(NamedTuple):
    """A proposal as far as its row tells of it: what the statement below finds. `suggested` is the digest of
    what an operator suggests in the place of what had been approved, and who that is."""

    proposal: Proposal
    says: float | None
    held: bool
    blind: bool
    is_contradicted: bool
    four_eyes: bool
    came_back: bool
    suggested: list[Any] | None
    approving: list[Decision]
    looking: list[User]
    claim: Claim | None


def _read(row: Sequence[Any]) -> ReadProposal:
    columns, agent, resolution, *rest, approving, looking, claim = row
    proposal = stored(Proposal, columns, agent=stored(Agent, agent))
    proposal._state.fields_cache["resolution"] = stored(Resolution, resolution) if resolution else None
    beside = (
        [stored(Decision, one) for one in approving or ()],
        [stored(User, one) for one in looking or ()],
        stored(Claim, claim, user=stored(User, claim["user"])) if claim else None,
    )
    return ReadProposal._make([proposal, *rest, *beside])


# What is long (context, summary, verdict) stays where it is: a row shows none of it.
_COLUMNS = (
    "id", "version", "status", "sentence", "glance", "action", "subject_type", "subject_id", "risk",
    "deadline", "team_id", "also_teams", "approvals_needed", "reminded_at", "queue_order", "priority",
    "created_at", "revises_id", "concern",
)  # fmt: skip
_ROWS = " ".join(
    f"""
SELECT json_build_object({", ".join(f"'{name}', p.{name}" for name in _COLUMNS)}),
       json_build_object('id', a.id, 'name', a.name),
       (SELECT json_build_object('proposal_id', r.proposal_id, 'by', r.by, 'actor_name', r.actor_name,
                                 'sentence', r.sentence)
          FROM suggestions_resolution r WHERE r.proposal_id = p.id),
       (SELECT s.confidence FROM suggestions_suggestion s WHERE s.proposal_id = p.id AND s.rank = 1),
       EXISTS (SELECT FROM governance_halt h WHERE h.lifted_at IS NULL
                  AND (h.scope = 'everything' OR h.action = p.action OR h.agent_id = p.agent_id)),
       EXISTS (SELECT FROM suggestions_secondreview x WHERE x.proposal_id = p.id AND x.status = 'open'),
       p.status = 'pending' AND EXISTS (
           SELECT FROM suggestions_proposal o
            WHERE o.concern = p.concern AND o.status = 'pending' AND NOT o.is_check AND o.id <> p.id),
       coalesce((p.raised ->> 'four_eyes')::boolean, (p.verdict ->> 'four_eyes')::boolean, true),
       p.status = 'pending' AND EXISTS (
           SELECT FROM execution_look k WHERE k.proposal_id = p.id AND k.reason <> ''),
       CASE WHEN p.status = 'pending' AND p.approvals_needed > 1 THEN (
           SELECT json_build_array(f.edited_digest, f.by_id) FROM execution_formerexecution f
            WHERE f.proposal_id = p.id ORDER BY f.at DESC, f.id DESC LIMIT 1) END,
       CASE WHEN p.status = 'pending' AND p.approvals_needed > 1 THEN (
           SELECT json_agg(found) FROM (
               SELECT d.id, d.reviewer_id, d.at, d.action_digest, d.arguments FROM approvals_decision d
                WHERE d.proposal_id = p.id AND d.standing AND d.verdict = 'approve') found) END,
       CASE WHEN p.status = 'pending' THEN (
           SELECT json_agg(found) FROM (
               SELECT u.id, u.username, u.first_name, u.last_name
                 FROM approvals_look l JOIN governance_user u ON u.id = l.user_id
                WHERE l.proposal_id = p.id AND l.until > statement_timestamp()
                ORDER BY l.began_at, l.id) found) END,
       (SELECT json_build_object('proposal_id', c.proposal_id, 'user_id', c.user_id, 'by_id', c.by_id,
                                 'until', c.until, 'user', json_build_object(
                   'id', u.id, 'username', u.username, 'first_name', u.first_name, 'last_name', u.last_name))
          FROM approvals_claim c JOIN governance_user u ON u.id = c.user_id
         WHERE c.proposal_id = p.id AND c.until > statement_timestamp() AND p.status = 'pending')
  FROM suggestions_proposal p JOIN governance_agent a ON a.id = p.agent_id
 WHERE p.id = ANY(%(ids)s)
""".split()
)


def _agreement(row: ReadProposal) -> Agreement | None:
    """How far one is that several people have to agree on."""
    if row.proposal.status != Proposal.Status.PENDING or row.proposal.approvals_needed < 2:
        return None
    by_action: dict[str, list[Decision]] = {}
    for one in row.approving:
        by_action.setdefault(one.action_digest, []).append(one)
    digest, maker = row.suggested or ("", None)
    counts = [
        len(quorum.counting_among(those, four_eyes=row.four_eyes, maker=maker if of == digest else None))
        for of, those in by_action.items()
    ]
    return Agreement(max(counts, default=0), row.proposal.approvals_needed, disagree=len(by_action) > 1)


def _row(found: ReadProposal, letters: Mapping[int, str], against: Iterable[Contradiction]) -> Row:
    proposal = found.proposal
    pending = proposal.status == Proposal.Status.PENDING
    return Row(
        id=str(proposal.pk),
        version=proposal.version,
        url=reverse("approvals:proposal", args=[proposal.pk]),
        sentence=shown(_sentence(proposal)),
        agent=shown(proposal.agent.name),
        action=shown(proposal.action),
        subject=subject_of(proposal),
        risk=Risk(proposal.risk).label,
        deadline=proposal.deadline.astimezone(UTC),
        status=DECIDED if found.blind else proposal.status,
        status_label=DECIDED if found.blind else status_label(proposal),
        teams=tuple(proposal.teams),
        held=pending and found.held,
        ends_soon=pending and proposal.reminded_at is not None,
        figures=_figures(proposal),
        found=_finding(proposal) if pending else None,
        order=f"{proposal.queue_order:03d}",
        priority=proposal.priority,
        created=proposal.created_at.astimezone(UTC),
        revises=proposal.revises_id is not None,
        came_back=found.came_back,
        says=found.says,
        contradicts=tuple(str(one.other) for one in against),
        claim=_claimed(found.claim, letters) if found.claim else None,
        looking=Looking(tuple((user.pk, shown(user.printed_name)) for user in found.looking)),
        agreement=_agreement(found),
    )


def _sentence(proposal: Proposal) -> str:
    """What waits, or what was approved in its place."""
    resolution = getattr(proposal, "resolution", None) if proposal.status == "approved" else None
    return (resolution.sentence if resolution else "") or proposal.sentence


def _figures(proposal: Proposal) -> tuple[Figure, ...]:
    """Those of what the sentence tells: none where something else was approved."""
    if _sentence(proposal) != proposal.sentence:
        return ()
    return tuple(Figure(label, text) for label, text in proposal.glance.get("figures", ()))


def _finding(proposal: Proposal) -> Finding | None:
    """The worst of what the policy found."""
    level, text = proposal.glance.get("found", ("", ""))
    return Finding(Weight[level.upper()], text) if level else None


def _claimed(claim: Claim, letters: Mapping[int, str]) -> Claimed:
    name, own = claim.user.printed_name, claim.by_id == claim.user_id
    return Claimed(claim.user_id, shown(name), letters[claim.user_id], claim.until, assigned=not own)


def subject_of(proposal: Proposal) -> str:
    """Whom or what it is about: "customer 19122", or the id alone where it says the type itself."""
    named = proposal.subject_id.lower().startswith(proposal.subject_type.lower())
    return shown(proposal.subject_id if named else f"{proposal.subject_type} {proposal.subject_id}")


@lru_cache(KEPT)
def drawn(row: Row) -> str:
    """The row as HTML, on pages and for sockets. It is the same for everybody: a process draws it once."""
    return get_template("approvals/queue/_row.html").render({"row": row})
