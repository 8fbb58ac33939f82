"""A proposal as one row of the queue: the same for everybody who may see it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.template.loader import get_template
from django.urls import reverse
from django.utils.safestring import SafeString

from approvals.attention import looks
from approvals.deciding import quorum
from approvals.models import Claim, Decision
from approvals.showing import initials
from approvals.showing.statuses import status_label
from audit.ground.unseen import shown
from governance.models import Halt, Risk
from governance.policies.findings import Finding, Weight
from governance.showing.figures import Figure
from suggestions.intake.concerns import contradictions
from suggestions.models import Proposal, SecondReview, Suggestion

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
    due: str
    made: str
    created: datetime
    revises: bool
    says: float | None = None
    priority: int = 0
    contradicts: tuple[str, ...] = ()
    claim: Claimed | None = None
    looking: Looking = field(default_factory=lambda: Looking(()))
    agreement: Agreement | None = None

    @property
    def html(self) -> SafeString:
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
    """The rows of these proposals, in this order, in five queries however many they are."""
    wanted = list(ids)
    found = {proposal.pk: proposal for proposal in _proposals(wanted)}
    open_ones = [proposal for proposal in found.values() if proposal.status == Proposal.Status.PENDING]
    looking = looks.present([proposal.pk for proposal in open_ones]) if open_ones else {}
    agreements = _agreements([proposal for proposal in open_ones if proposal.approvals_needed > 1])
    letters = initials.of(one.claim.user for one in open_ones if one.is_claimed)  # type: ignore[attr-defined]
    against = contradictions(open_ones)
    rows = [
        _row(found[one], looking.get(one, ()), agreements.get(one), letters) for one in wanted if one in found
    ]
    return [
        replace(row, contradicts=tuple(str(c.other) for c in against.get(UUID(row.id), ()))) for row in rows
    ]


def _proposals(ids: list[UUID]) -> Iterable[Proposal]:
    first = Suggestion.objects.filter(proposal=OuterRef("pk"), rank=1)
    claimed = Claim.objects.filter(proposal=OuterRef("pk"), until__gt=Now())
    # What is long (context, summary, verdict) stays where it is: a row shows none of it.
    return (
        Proposal.objects.filter(pk__in=ids)
        .select_related("agent", "resolution", "claim__user")
        .defer(
            "context",
            "provenance",
            "summary",
            "verdict",
            "raised",
            "numbers",
            "callback_url",
            "salt",
            "resolution__arguments",
            "resolution__reason",
            "agent__allowed_actions",
        )
        .annotate(
            says=Subquery(first.values("confidence")),
            four_eyes=F("verdict__four_eyes"),
            four_eyes_by_edit=F("raised__four_eyes"),
            is_claimed=Exists(claimed),
            held=Exists(_halts()),
            blind=Exists(SecondReview.objects.open().filter(proposal=OuterRef("pk"))),
        )
    )


def _agreements(proposals: Sequence[Proposal]) -> dict[UUID, Agreement]:
    """How far those are that several people have to agree on."""
    approving: dict[UUID, dict[str, list[Decision]]] = {}
    if proposals:
        decisions = Decision.objects.filter(
            proposal__in=proposals, standing=True, verdict=Decision.Verdict.APPROVE
        ).defer("reason", "salt")
        for one in decisions:
            approving.setdefault(one.proposal_id, {}).setdefault(one.action_digest, []).append(one)
    return {proposal.pk: _agreement(proposal, approving.get(proposal.pk, {})) for proposal in proposals}


def _agreement(proposal: Proposal, by_action: dict[str, list[Decision]]) -> Agreement:
    said = (proposal.four_eyes_by_edit, proposal.four_eyes, True)  # type: ignore[attr-defined]
    four_eyes = next(one for one in said if one is not None)
    counts = [len(quorum.counting_among(those, four_eyes=four_eyes)) for those in by_action.values()]
    return Agreement(max(counts, default=0), proposal.approvals_needed, disagree=len(by_action) > 1)


def _halts() -> QuerySet[Halt]:
    everything, of_action = Q(scope=Halt.Scope.EVERYTHING), Q(action=OuterRef("action"))
    return Halt.objects.on().filter(everything | of_action | Q(agent=OuterRef("agent")))


def _row(
    proposal: Proposal,
    looking: Sequence[tuple[int, str]],
    agreement: Agreement | None,
    letters: dict[int, str],
) -> Row:
    deadline, pending = proposal.deadline.astimezone(UTC), proposal.status == Proposal.Status.PENDING
    return Row(
        id=str(proposal.pk),
        version=proposal.version,
        url=reverse("approvals:proposal", args=[proposal.pk]),
        sentence=shown(_sentence(proposal)),
        agent=shown(proposal.agent.name),
        action=shown(proposal.action),
        subject=subject_of(proposal),
        risk=Risk(proposal.risk).label,
        deadline=deadline,
        status=DECIDED if proposal.blind else proposal.status,  # type: ignore[attr-defined]
        status_label=DECIDED if proposal.blind else status_label(proposal),  # type: ignore[attr-defined]
        teams=tuple(proposal.teams),
        held=pending and proposal.held,  # type: ignore[attr-defined]
        ends_soon=pending and proposal.reminded_at is not None,
        figures=_figures(proposal),
        found=_found(proposal) if pending else None,
        order=f"{proposal.queue_order:03d}",
        priority=proposal.priority,
        due=f"{deadline:%Y%m%dT%H%M%S%f}",
        made=f"{proposal.created_at.astimezone(UTC):%Y%m%dT%H%M%S%f}",
        created=proposal.created_at.astimezone(UTC),
        revises=proposal.revises_id is not None,
        says=proposal.says,  # type: ignore[attr-defined]
        claim=_claimed(proposal.claim, letters) if pending and proposal.is_claimed else None,  # type: ignore[attr-defined]
        looking=Looking(tuple((user, shown(name)) for user, name in looking)),
        agreement=agreement,
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


def _found(proposal: Proposal) -> Finding | None:
    """The worst of what the policy found."""
    level, text = proposal.glance.get("found", ("", ""))
    return Finding(Weight[level.upper()], text) if level else None


def _claimed(claim: Claim, letters: dict[int, str]) -> Claimed:
    name, own = claim.user.printed_name, claim.by_id == claim.user_id
    return Claimed(claim.user_id, shown(name), letters[claim.user_id], claim.until, assigned=not own)


def subject_of(proposal: Proposal) -> str:
    """Whom or what it is about: "customer 19122", or the id alone where it says the type itself."""
    named = proposal.subject_id.lower().startswith(proposal.subject_type.lower())
    return shown(proposal.subject_id if named else f"{proposal.subject_type} {proposal.subject_id}")


@lru_cache(KEPT)
def drawn(row: Row) -> SafeString:
    """The row as HTML, on pages and for sockets. It is the same for everybody: a process draws it once."""
    return get_template("approvals/queue/_row.html").render({"row": row})
