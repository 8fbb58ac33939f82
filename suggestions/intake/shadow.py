"""A policy in the shadow: it looks at every new proposal beside the active one, without any effect."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit.statements.prepared import execute
from governance.models import PolicyVersion, User
from governance.policies.obligations import KEPT
from governance.policies.policy import STRICTNESS
from governance.policies.verdict import Verdict
from suggestions.models import Proposal, ShadowDifference

PAGE = 50
Kind = ShadowDifference.Kind


@dataclass(frozen=True)
class Difference:
    """What differs between the two verdicts on one proposal."""

    policy: str
    kind: str
    differs: list[str]
    was: dict[str, Any]
    would: dict[str, Any]


def unharmed() -> AbstractContextManager[Any]:
    """Where a statement that fails does not take a submission's transaction with it."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def difference(policy: str, active: Verdict, shadow: Verdict) -> Difference | None:
    """What the shadow says otherwise; None where it says the same by rules of the same names."""
    was, would = _told(active), _told(shadow)
    differs = [name for name in dict.fromkeys([*was, *would]) if was.get(name) != would.get(name)]
    if not differs:
        return None
    return Difference(policy, _kind(was, would, differs), differs, was, would)


def failed(policy: str, active: Verdict, error: Exception) -> Difference:
    """The shadow could not look at it; what went wrong is told by its kind alone."""
    return Difference(policy, Kind.ERROR, ["error"], _told(active), {"error": type(error).__name__})


def keep(proposals: Sequence[tuple[UUID, Difference | None]]) -> None:
    """Write down what differs, in the transaction that stores the proposals."""
    rows = [
        ShadowDifference(
            proposal_id=pk, policy_id=d.policy, kind=d.kind, differs=d.differs, was=d.was, would=d.would
        )
        for pk, d in proposals
        if d is not None
    ]
    if rows:
        ShadowDifference.objects.bulk_create(rows)


def _told(verdict: Verdict) -> dict[str, Any]:
    """What is compared. `wished` is what the rules alone say: an agent may yet earn that it counts."""
    full = verdict.as_json()
    return {
        "verdict": verdict.verdict,
        "wished": verdict.wished,
        "teams": verdict.teams,
        **{name: full[name] for name in KEPT if name in full},
        "sample": verdict.sample,
        "rules": sorted(rule["name"] for rule in verdict.rules),
    }


def _kind(was: dict[str, Any], would: dict[str, Any], differs: Sequence[str]) -> Kind:
    for name in ("verdict", "wished"):
        if name in differs:
            looser = STRICTNESS.index(would[name]) < STRICTNESS.index(was[name])
            return Kind.LOOSER if looser else Kind.STRICTER
    return Kind.RULES if differs == ["rules"] else Kind.OBLIGATIONS


# --- Reading --------------------------------------------------------------------------------

MOST = 100_000  # the newest that are counted, so that no page grows with what was looked at

# Index-only: no row is counted at the moment it comes in, for all submissions would wait for one another.
_LOOKED_AT = """
SELECT count(*), (min(id::text))::uuid
  FROM (SELECT id FROM suggestions_proposal
         WHERE shadow_id = %(policy)s AND shadow_id IS NOT NULL ORDER BY id DESC LIMIT %(most)s) AS newest
"""
_ANSWERS = """
SELECT d.kind,
       CASE WHEN r.by = 'human' THEN
            CASE WHEN r.status <> 'approved' THEN r.status
                 WHEN r.suggestion_id <> s.id THEN 'other'
                 WHEN r.action_digest <> s.action_digest THEN 'edited'
                 ELSE 'approved' END
            WHEN r.by = 'policy' THEN CASE r.status WHEN 'approved' THEN 'passed' ELSE 'blocked' END
            ELSE 'nobody' END AS answer,
       count(*)
  FROM (SELECT proposal_id, kind FROM suggestions_shadowdifference
         WHERE policy_id = %(policy)s AND proposal_id >= %(oldest)s
         ORDER BY proposal_id DESC LIMIT %(most)s) AS d
  LEFT JOIN suggestions_resolution r ON r.proposal_id = d.proposal_id
  LEFT JOIN suggestions_suggestion s ON s.proposal_id = d.proposal_id AND s.rank = 1
 GROUP BY 1, 2
"""
ANSWERED_MOST = 10_000


@dataclass(frozen=True)
class ShadowCounts:
    """What a policy in the shadow has seen so far, as far as it is counted.

    `kinds` are the newest differences by their kind and by what became of the proposals.
    """

    looked_at: int
    different: int
    capped: bool
    kinds: dict[str, dict[str, int]]

    @property
    def same(self) -> int:
        return self.looked_at - self.different


def told(policy: PolicyVersion) -> ShadowCounts:
    """What this version has looked at, what it would have said otherwise, and what people decided."""
    [(looked_at, oldest)] = execute(_LOOKED_AT, {"policy": policy.pk, "most": MOST})
    if not looked_at:
        return ShadowCounts(0, 0, False, {})
    different = ShadowDifference.objects.filter(policy=policy, proposal_id__gte=oldest).count()
    kinds: dict[str, dict[str, int]] = {}
    asked = {"policy": policy.pk, "oldest": oldest, "most": ANSWERED_MOST}
    for kind, answer, count in execute(_ANSWERS, asked):
        kinds.setdefault(kind, {})[answer] = count
    return ShadowCounts(looked_at, different, looked_at == MOST, kinds)


def page(
    policy: PolicyVersion, *, user: User, kind: str = "", before: UUID | None = None
) -> list[ShadowDifference]:
    """The newest differences about proposals that this person may know of, one more than a page has."""
    rows = (
        ShadowDifference.objects.filter(policy=policy, proposal__in=Proposal.objects.visible_to(user))
        .select_related("proposal__agent", "proposal__resolution")
        .order_by("-proposal_id")
    )
    if kind:
        rows = rows.filter(kind=kind)
    if before:
        rows = rows.filter(proposal_id__lt=before)
    return list(rows[: PAGE + 1])
