"""What was decided before on the like of a proposal, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.urls import reverse

from approvals.models import Decision
from approvals.queue.read import visible_among
from audit.ground.unseen import Piece, pieces, shown
from execution.models import Execution
from governance.models import User
from governance.policies.findings import Finding, Weight
from suggestions.models import Proposal, Resolution, Sample, SecondReview

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
    told, newest = _of_action(proposal, reader)
    subject = _of_subject(proposal, reader)
    found = _read([*newest, *subject], proposal)
    return Precedents(
        told,
        [found[one] for one in newest if one in found],
        [found[one] for one in subject if one in found and one not in newest],
    )


def _of_action(proposal: Proposal, reader: User) -> tuple[str, list[object]]:
    """What people decided, in sums; and the newest of it, what they rejected first.

    A no says more about the like of it than many a yes; but it does not hide the newest yes.
    """
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
    seen = visible_among([row[0] for row in decided], reader)
    rows = [row for row in decided if row[0] in seen]
    counted = Counter(status for _, status, _, _ in rows)
    changed = sum(status == "approved" and digest != proposed for _, status, digest, proposed in rows)
    told = [f"{counted[status]:,} {status}" for status in _DECIDED if counted[status]]
    told += [f"{changed:,} edited"] if changed else []
    refused = [one for one, status, *_ in rows if status == "rejected"]
    others = [one for one, status, *_ in rows if status != "rejected"]
    first = refused[: SHOWN - 1] if others else refused[:SHOWN]
    return ", ".join(told), [*first, *others[: SHOWN - len(first)]]


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
    seen = visible_among([one for one in newest if one != proposal.pk], reader)
    decided = Resolution.objects.filter(pk__in=seen).order_by("-at")
    newest_first = list(decided.values_list("pk", "status")[:SHOWN])
    return [one for one, _ in sorted(newest_first, key=lambda row: row[1] != "rejected")]


def _read(ids: Iterable[object], proposal: Proposal) -> dict[object, Precedent]:
    of_it = {"proposal": OuterRef("pk")}
    wrong = Sample.objects.filter(**of_it, status=Sample.Status.WRONG)
    otherwise = SecondReview.objects.filter(**of_it, status=SecondReview.Status.DIFFERED)
    undone = Decision.objects.filter(**of_it, standing=False, verdict=Decision.Verdict.APPROVE)
    rows = (
        Resolution.objects.filter(pk__in=set(ids))
        .select_related("suggestion", "proposal")
        .defer("proposal__context", "proposal__verdict", "proposal__provenance", "arguments")
        .annotate(ended=F("proposal__execution__status"), why=F("proposal__execution__reason"))
        .annotate(wrong=Exists(wrong), otherwise=Exists(otherwise), undone=Exists(undone))
    )
    return {row.pk: _precedent(row, same=row.proposal.sentence == proposal.sentence) for row in rows}


def _doubts(row: Any) -> Iterator[str]:
    """Why an approval is no example: it was warned of, or somebody thought otherwise afterwards."""
    if row.wrong:
        yield "checked afterwards: it was wrong"
    if row.otherwise:
        yield "a second person decided otherwise"
    if row.undone:
        yield "an approval of it was taken back"
    level, text = row.proposal.glance.get("found", ("", ""))
    if level == "alarm":
        yield f"although: {text}"


def _precedent(row: Resolution, *, same: bool) -> Precedent:
    said = f"{row.status} by {shown(row.actor_name)}" if row.by != Resolution.By.TIMER else str(row.status)
    sentence = row.proposal.sentence
    if row.suggestion:
        sentence = row.sentence or row.suggestion.sentence
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
        doubts=tuple(_doubts(row)) if row.status == "approved" else (),
        same=same,
    )
