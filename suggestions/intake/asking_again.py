"""No asking again: what a person rejected is not asked for once more, unless something has changed.

A *fingerprint* names what is asked for: this agent, this subject, this action, these arguments. It
leaves out the action type's version: a new template or workflow does not make another question of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import digest
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.writes import store
from suggestions.answering.known import suggestions_of
from suggestions.models import Proposal, RejectedAction, Suggestion

if TYPE_CHECKING:
    from suggestions.intake.prepare import Prepared

LONGEST_CHAIN = 100
AT_ONCE = 1_000

# Part of the statement that writes proposals, over its `given`. A key that exists is a replay: its
# proposal was taken before. Whoever begins after a rejection was committed finds it here. OFFSET
# and LIMIT keep it one look into an index for each fingerprint, however many proposals there are.
REFUSED_SQL = """refused AS (
    SELECT FROM (
        SELECT given.key FROM given CROSS JOIN unnest(given.fingerprints) AS asked (fingerprint)
          CROSS JOIN LATERAL (
            SELECT FROM suggestions_rejectedaction r
             WHERE r.fingerprint = asked.fingerprint AND r.reopened_at IS NULL
               AND r.until > statement_timestamp() AND r.proposal_id <> ALL (given.cleared) LIMIT 1) found
        OFFSET 0) hit
     WHERE (SELECT true FROM suggestions_proposal p
             WHERE p.agent_id = %(agent)s AND p.idempotency_key = hit.key LIMIT 1) IS NULL
)"""


class AlreadyRejected(Refusal):
    """A person said no to this a short while ago; `facts` has the earlier decision.

    `each` has a refusal for every proposal that was refused, by the id it would have had.
    """

    detail = "This was rejected a short while ago."

    def __init__(self, detail: str = "", **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.each: dict[UUID, AlreadyRejected] = {}


# --- What is the same, and what matters ---------------------------------------------------------------


def fingerprints(proposal: Proposal, suggestions: Sequence[Suggestion]) -> list[str]:
    """The fingerprint of each suggestion, in their order."""
    about = {"agent": str(proposal.agent_id), "subject": [proposal.subject_type, proposal.subject_id]}
    return [digest({**about, "action": s.action_type.name, "arguments": s.arguments}) for s in suggestions]


def _what_matters(proposal: Proposal, suggestions: Sequence[Suggestion]) -> str:
    """Changes with the context, with what is said to be there now, with the evidence, and with what is
    asked for; not with wording and not with how sure the agent says it is."""
    asked = zip(fingerprints(proposal, suggestions), suggestions, strict=True)
    each = sorted((fingerprint, digest([s.before, s.risk_indicators])) for fingerprint, s in asked)
    return digest({"context": proposal.context, "suggestions": [list(pair) for pair in dict.fromkeys(each)]})


def cleared_by(proposal: Proposal, suggestions: Sequence[Suggestion]) -> list[UUID]:
    """The rejected proposals that this one may follow: it revises them, and something has changed."""
    asked = fingerprints(proposal, suggestions)
    rejected = set(
        RejectedAction.objects.standing().filter(fingerprint__in=asked).values_list("proposal_id", flat=True)
    )
    if not rejected:
        return []
    now = _what_matters(proposal, suggestions)
    revised = Proposal.objects.filter(pk__in=rejected & _chain(proposal.revises_id))
    with_suggestions = revised.prefetch_related("suggestions__action_type")
    return [p.pk for p in with_suggestions if _what_matters(p, list(p.suggestions.all())) != now]


def _chain(proposal_id: UUID | None) -> set[UUID]:
    """A proposal, the one that it revises, the one that that one revises, and so on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE chain(id, revises_id, steps) AS (
                SELECT id, revises_id, 1 FROM suggestions_proposal WHERE id = %s
                UNION ALL
                SELECT p.id, p.revises_id, steps + 1
                  FROM chain JOIN suggestions_proposal p ON p.id = chain.revises_id WHERE steps < %s)
            SELECT id FROM chain
            """,
            [proposal_id, LONGEST_CHAIN],
        )
        return {row[0] for row in cursor.fetchall()}


# --- Keeping and letting go ---------------------------------------------------------------------------


def remember(proposal: Proposal) -> None:
    """Keep what a person said no to, in the transaction that rejects it."""
    window = proposal.verdict.get("ask_again_after_seconds", settings.ASK_AGAIN_AFTER_SECONDS)
    if window <= 0:
        return
    until = ("statement_timestamp() + make_interval(secs => %s)", [window])
    for fingerprint in dict.fromkeys(fingerprints(proposal, suggestions_of(proposal))):
        store(RejectedAction(fingerprint=fingerprint, proposal=proposal), until=until)


def forget() -> int:
    """Let go of what may be asked for again by now; returns how many."""
    forgotten = 0
    while batch := _forget_some():
        forgotten += batch
    return forgotten


def _forget_some() -> int:
    over = RejectedAction.objects.filter(until__lte=Now()).order_by("until").values("pk")[:AT_ONCE]
    return RejectedAction.objects.filter(pk__in=list(over.values_list("pk", flat=True))).delete()[0]


# --- Saying no ----------------------------------------------------------------------------------------


def refusal(refused: Sequence[Prepared]) -> AlreadyRejected | None:
    """What to answer about proposals that the statement did not take.

    None where nothing stands against them any more: somebody let the agent ask again just now.
    """
    told = {prepared.proposal.pk: _refusal(prepared) for prepared in refused}
    each = {proposal_id: one for proposal_id, one in told.items() if one}
    first = next(iter(each.values()), None)
    if first:
        first.each = each
    return first


def _refusal(prepared: Prepared) -> AlreadyRejected | None:
    standing = RejectedAction.objects.standing().filter(fingerprint__in=prepared.fingerprints)
    found = (
        standing.exclude(proposal__in=prepared.cleared)
        .select_related("proposal__resolution")
        .order_by("-at")
        .first()
    )
    if found is None:
        return None
    resolution = found.proposal.resolution
    address = f"/api/v1/proposals/{found.proposal_id}/"
    said = f"{resolution.actor_name} rejected this on {_time(resolution.at)}: {resolution.reason}"
    return AlreadyRejected(
        f"{said[:600]} — {_what_helps(prepared, found)}",
        pointer=f"/suggestions/{prepared.fingerprints.index(found.fingerprint)}",
        earlier={
            "proposal": str(found.proposal_id),
            "status": resolution.status,
            "by": resolution.actor_name,
            "at": resolution.at.isoformat(),
            "reason": resolution.reason,
            "link": address,
            "page": f"/queue/{found.proposal_id}/",
        },
        ask_again_after=found.until.isoformat(),
    )


def _what_helps(prepared: Prepared, found: RejectedAction) -> str:
    if prepared.proposal.revises_id and found.proposal_id in _chain(prepared.proposal.revises_id):
        return (
            "This revises it, but nothing that matters has changed: neither context, nor before, "
            "nor risk indicators, nor what is suggested."
        )
    return (
        f"Ask again after {_time(found.until)}, or when something that matters has changed: "
        f"then name it in `revises`."
    )


def _time(moment: datetime) -> str:
    return f"{moment:%-d %b %Y at %H:%M} UTC"


@transaction.atomic
def note(refusals: Sequence[AlreadyRejected], *, actor: Actor) -> None:
    """Write down that proposals of a batch were refused; of a single one its answer is written down."""
    for refusal in refusals:
        earlier = refusal.facts.get("earlier", {}).get("proposal")
        data = {"status": 409, "problem": "urn:reviewapp:problem:already-rejected", "route": "batch"}
        record("request.refused", actor=actor, proposal=UUID(earlier) if earlier else None, data=data)
