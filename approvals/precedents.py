"""What was decided before on the like of a proposal, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse

from approvals.pieces import Piece, pieces, shown
from execution.models import Execution
from governance.models import User
from suggestions.models import Proposal, Resolution

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


@dataclass(frozen=True, slots=True)
class Precedents:
    """`told` sums up what people decided on this agent and action: "14 approved, 2 rejected, 1 edited"."""

    told: str
    of_action: list[Precedent]
    of_subject: list[Precedent]
    days: int = DAYS


def precedents(proposal: Proposal, reader: User) -> Precedents:
    """The last decisions on this agent and action, and those about this subject, that the reader may see."""
    told, newest = _of_action(proposal, reader)
    subject = _of_subject(proposal, reader)
    found = _read([*newest, *subject])
    return Precedents(
        told,
        [found[one] for one in newest if one in found],
        [found[one] for one in subject if one in found and one not in newest],
    )


def _of_action(proposal: Proposal, reader: User) -> tuple[str, list[object]]:
    """What people decided, in sums; and the newest of it."""
    newest = (
        Resolution.objects.filter(
            agent=proposal.agent_id,
            action=proposal.action,
            by=Resolution.By.HUMAN,
            status__in=_DECIDED,
            at__gt=Now() - timedelta(days=DAYS),
        )
        .order_by("-at")
        .values_list("pk", "status", "action_digest", "suggestion__action_digest")[:COUNTED]
    )
    decided = [row for row in newest if row[0] != proposal.pk]
    seen = _visible([row[0] for row in decided], reader)
    rows = [row for row in decided if row[0] in seen]
    counted = Counter(status for _, status, _, _ in rows)
    changed = sum(status == "approved" and digest != proposed for _, status, digest, proposed in rows)
    told = [f"{counted[status]:,} {status}" for status in _DECIDED if counted[status]]
    told += [f"{changed:,} edited"] if changed else []
    return ", ".join(told), [one for one, *_ in rows[:SHOWN]]


def _of_subject(proposal: Proposal, reader: User) -> list[object]:
    """The newest decided ones about the same subject, of any agent."""
    if not proposal.subject_id:
        return []
    newest = list(
        Proposal.objects.asked()
        .filter(subject_key=proposal.subject_key)
        .exclude(subject_id="")
        .order_by("-created_at")
        .values_list("pk", flat=True)[:OF_SUBJECT]
    )
    seen = _visible([one for one in newest if one != proposal.pk], reader)
    decided = Resolution.objects.filter(pk__in=seen).order_by("-at")
    return list(decided.values_list("pk", flat=True)[:SHOWN])


def _visible(ids: list[UUID], reader: User) -> set[UUID]:
    """Those of these few proposals that the reader may see: asked by their keys, for history is long."""
    return set(Proposal.objects.visible_to(reader).filter(pk__in=ids).values_list("pk", flat=True))


def _read(ids: Iterable[object]) -> dict[object, Precedent]:
    rows = (
        Resolution.objects.filter(pk__in=set(ids))
        .select_related("suggestion", "proposal")
        .defer("proposal__context", "proposal__verdict", "proposal__provenance", "arguments")
        .annotate(ended=F("proposal__execution__status"), why=F("proposal__execution__reason"))
    )
    return {row.pk: _precedent(row) for row in rows}


def _precedent(row: Resolution) -> Precedent:
    said = f"{row.status} by {shown(row.actor_name)}" if row.by != Resolution.By.TIMER else str(row.status)
    sentence = row.proposal.sentence
    if row.suggestion:
        sentence = row.suggestion.sentence
        said += f", suggestion {row.suggestion.rank}" if row.suggestion.rank > 1 else ""
        said += ", edited" if row.action_digest != row.suggestion.action_digest else ""
    ended = row.ended  # type: ignore[attr-defined]
    return Precedent(
        url=reverse("approvals:proposal", args=[row.pk]),
        sentence=shown(sentence),
        said=said,
        status=row.status,
        at=row.at,
        reason=pieces(row.reason),
        ended=Execution.Status(ended).label.lower() if ended else "",
        ended_badly=ended in _ENDED_BADLY,
    )
