"""The decision bar: what the one who looks may say of a proposal, and why not where they may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse

from approvals.deciding import undo
from approvals.deciding.voices import Version, brief, shortened
from approvals.detail.read import Whole, person
from approvals.models import Claim, Decision
from audit.ground.unseen import Piece, pieces, shown
from audit.statements.prepared import execute
from governance.door.deciders import DECIDES, MAY_DECIDE
from governance.door.teams import slugs_of
from governance.models import User
from governance.models.absences import RUNNING
from governance.showing.names import lowered
from suggestions.answering.obligations import obligations_of
from suggestions.models import Proposal, Suggestion

Verdict = Decision.Verdict
NEARBY = 8
MOST_PEOPLE = 100
SAID = {
    Verdict.APPROVE: "You approved this. It waits for somebody else to agree.",
    Verdict.REJECT: "You rejected this. It waits for somebody else to say so too.",
    Verdict.ESCALATE: "You escalated this. Others decide on it now.",
}
OWN_AGENT = "You own this agent, so somebody else has to approve what it proposes."


@dataclass(frozen=True, slots=True)
class HandingOn:
    """Other teams in which somebody may decide, and the other people who could decide on this; by name."""

    teams: list[tuple[str, str]]
    people: list[User]


NOBODY = HandingOn([], [])


@dataclass(frozen=True, slots=True)
class Approval:
    """One action that can be approved: its button says what will happen, `whole` all of it; `folds` parts of
    it open at a click."""

    rank: int
    suggestion: str
    digest: str
    digest_short: str
    label: list[Piece]
    whole: str
    edit_url: str
    folds: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is on it, until when; `by` is who assigned it, empty where they took it themselves."""

    who: str
    mine: bool
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Bar:
    """What `approvals/detail/_decision.html` draws; `urls` are by the names of the verbs.

    `why_not` is why this person can say nothing now, `why_not_approve` why everything but yes.
    """

    approvals: list[Approval]
    why_not: str
    why_not_approve: str
    can_take_back: bool
    claim: Lease | None
    teams: list[tuple[str, str]]
    people: list[tuple[int, str]]
    may_comment: bool
    undo_left: float
    urls: dict[str, str] = field(default_factory=dict)


def bar_of(
    whole: Whole, reader: User, *, versions: Sequence[Version], folds: Mapping[str, int], query: str
) -> Bar:
    """The bar as this person has it. `folds` are counted where the actions were drawn, by their digests."""
    proposal = whole.proposal
    why = why_not(whole, reader)
    open_to = proposal.status == Proposal.Status.PENDING and _is_asked(proposal, reader)
    mine = _mine(reader, whole.decisions)
    others = handing_on(proposal, reader) if open_to else NOBODY
    return Bar(
        approvals=[] if why else _approvals(proposal, whole.suggestions, versions, folds, query),
        why_not=why,
        why_not_approve="" if why else _why_not_approve(proposal, reader),
        can_take_back=open_to and mine is not None and mine.verdict in (Verdict.APPROVE, Verdict.REJECT),
        claim=_lease(whole.claim, reader),
        teams=[] if why else others.teams,
        people=[(person.pk, person.printed_name) for person in others.people],
        may_comment=reader.has_perm(DECIDES),
        undo_left=_undo_left(proposal, reader),
        urls=_urls(proposal, query, open_to=open_to),
    )


def why_not(whole: Whole, reader: User) -> str:
    """Why this person can't decide on it now; empty when they can."""
    proposal = whole.proposal
    if proposal.status != Proposal.Status.PENDING:
        return "It has been decided."
    if not reader.has_perm(DECIDES):
        return "You can read this proposal; deciding on it is for reviewers."
    if not _is_asked(proposal, reader):
        return f"This is for {teams_in_words(whole)}; only its members decide on it."
    mine = _mine(reader, whole.decisions)
    return SAID.get(Verdict(mine.verdict), "You have decided on this already.") if mine else ""


def teams_in_words(whole: Whole) -> str:
    """The teams that decide, by name: "Finance and Operations"."""
    return " and ".join(whole.teams.get(team, team) for team in whole.proposal.teams)


def _is_asked(proposal: Proposal, reader: User) -> bool:
    return reader.has_perm(DECIDES) and not slugs_of(reader).isdisjoint(proposal.teams)


def _mine(reader: User, decisions: Sequence[Decision]) -> Decision | None:
    return next((d for d in decisions if d.reviewer_id == reader.pk and d.standing), None)


def _why_not_approve(proposal: Proposal, reader: User) -> str:
    owns = proposal.agent.owner_id == reader.pk
    return OWN_AGENT if owns and not obligations_of(proposal).owner_may_approve else ""


# --- What can be approved -----------------------------------------------------------------------------


def _approvals(
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    versions: Sequence[Version],
    folds: Mapping[str, int],
    query: str,
) -> list[Approval]:
    several = len(suggestions) + len(versions) > 1
    edit = _optional("approvals:edit", proposal)
    found = [
        _approval(
            s.rank,
            str(s.pk),
            s.action_digest,
            (brief(s.action_type, s.arguments), s.sentence),
            several,
            _edit_url(edit, s, query),
            folds[s.action_digest],
        )
        for s in suggestions
    ]
    texts = {v.rank: (v.brief, "".join(piece.text for piece in v.sentence)) for v in versions}
    return found + [
        _approval(v.rank, v.suggestion, v.digest, texts[v.rank], several, "", folds[v.digest])
        for v in versions
    ]


def _approval(
    rank: int, suggestion: str, digest: str, said: tuple[str, str], several: bool, edit_url: str, folds: int
) -> Approval:
    begin = f"Approve {rank}: " if several else "Approve "
    in_brief, whole = map(lowered, said)
    return Approval(
        rank=rank,
        suggestion=suggestion,
        digest=digest,
        digest_short=shortened(digest),
        label=pieces(begin + in_brief),
        whole=shown(begin + whole),
        edit_url=edit_url,
        folds=folds,
    )


def in_short(text: str, most: int) -> str:
    """A long text without its middle: how it begins and ends is what tells two apart."""
    if len(text) <= most:
        return text
    tail = text[-(most // 3) :]
    head = text[: most - len(tail) - 1]
    # Between words, where there is one nearby.
    if " " in head[-NEARBY:]:
        head = head.rpartition(" ")[0]
    if " " in tail[:NEARBY]:
        tail = tail.partition(" ")[2]
    return f"{head.rstrip()} … {tail.lstrip()}"


def _edit_url(address: str, suggestion: Suggestion, query: str) -> str:
    if not address:
        return ""
    return f"{address}{query}{'&' if query else '?'}suggestion={suggestion.pk}"


def _optional(route: str, proposal: Proposal) -> str:
    try:
        return reverse(route, args=[proposal.pk])
    except NoReverseMatch:
        return ""


# --- Beside the verdict -------------------------------------------------------------------------------


def _lease(claim: Claim | None, reader: User) -> Lease | None:
    if claim is None:
        return None
    by = "" if claim.by_id == claim.user_id else shown(claim.by.printed_name)
    return Lease(shown(claim.user.printed_name), claim.user_id == reader.pk, claim.until, by)


def _undo_left(proposal: Proposal, reader: User) -> float:
    if proposal.status != Proposal.Status.APPROVED:
        return 0
    return next((u.left for u in undo.undoable(reader, proposal=proposal)), 0)


def _urls(proposal: Proposal, query: str, *, open_to: bool) -> dict[str, Any]:
    always = ["comment", "undo"]
    names = ["approve", "reject", "return", "escalate", "claim", "release", "assign", "take-back"]
    return {
        name.replace("-", "_"): reverse(f"approvals:{name}", args=[proposal.pk]) + query
        for name in (names if open_to else []) + always
    }


# --- To whom it can be handed on ----------------------------------------------------------------------


def handing_on(proposal: Proposal, reader: User) -> HandingOn:
    [(teams, people)] = execute(_OTHERS, {"teams": proposal.teams, "reader": reader.pk})
    return HandingOn([(slug, name) for slug, name in teams], [person(row) for row in people])


_OTHERS = f"""
WITH may AS MATERIALIZED (
    SELECT u.id, u.first_name, u.last_name, u.username FROM governance_user u WHERE {MAY_DECIDE}
), asked AS (
    SELECT m.user_id FROM governance_user_teams m WHERE m.team_id = ANY(%(teams)s::varchar[])
    UNION
    SELECT a.deputy_id FROM governance_absence a
      JOIN governance_user away ON away.id = a.person_id
      JOIN governance_user_teams m ON m.user_id = a.person_id
     WHERE away.is_active AND {RUNNING}
       AND m.team_id = ANY(%(teams)s::varchar[])
)
SELECT (SELECT coalesce(json_agg(json_build_array(t.slug, t.name) ORDER BY t.name), '[]')
          FROM governance_team t
         WHERE t.slug <> ALL(%(teams)s::varchar[])
           AND EXISTS (SELECT FROM governance_user_teams m JOIN may ON may.id = m.user_id
                        WHERE m.team_id = t.slug)),
       (SELECT coalesce(json_agg(others ORDER BY first_name, username), '[]')
          FROM (SELECT * FROM may WHERE id IN (SELECT user_id FROM asked) AND id <> %(reader)s
                 ORDER BY first_name, username LIMIT {MOST_PEOPLE}) others)
"""
