"""Proposals, the answers to them, and what people decided."""

from __future__ import annotations

from typing import Any

from audit.log.record import as_utc
from insights.fsck.ledger import UNKNOWN, Facts, Ledger, LogLine
from insights.fsck.moves import (
    Move,
    by,
    each,
    ends,
    makes,
    moment,
    named,
    person,
    proposal,
    said,
    sets,
    spelled,
)
from insights.fsck.replay import Kind, commits

ANSWERS = ("approved", "rejected", "returned", "expired", "withdrawn", "blocked")
TAKEN_BACK = ("proposal.approval_undone", "proposal.returned_edited", "proposal.returned_stale")


def was_a_check(facts: Facts) -> bool:
    """A check that was answered is forgotten after a while, with all that belongs to it."""
    return bool(facts.get("is_check")) and facts.get("status") != "pending"


# --- Proposals ------------------------------------------------------------------------------------


def _suggested(line: LogLine) -> list[dict[str, Any]]:
    ranked: list[dict[str, Any]] = sorted(line.data["suggestions"], key=lambda one: one["rank"])
    return ranked


_ASKED: dict[str, Any] = {
    "status": "pending",
    "suggestions": _suggested,
    "policy": said("policy"),
    "verdict": said("verdict"),
    "rules": said("rules"),
    "teams": said("teams"),
    "approvals": said("approvals"),
    "risk": said("risk"),
    "deadline": moment("deadline"),
    "is_reminded": False,
}


def _handed_over(ledger: Ledger, line: LogLine) -> None:
    """Another team is asked in the place of one. Where it has more time, nobody was reminded yet."""
    known = ledger.facts_of(line.proposal)
    teams = [line.data["to"] if team == line.data["from"] else team for team in known.get("teams", [])]
    deadline = line.data.get("deadline")
    due = spelled(deadline) if deadline else UNKNOWN
    reminded = known.get("is_reminded") if due == known.get("deadline") else due is UNKNOWN and UNKNOWN
    ledger.move(line.proposal, line, {"teams": teams, "deadline": due, "is_reminded": reminded})


def _asks_for_more(ledger: Ledger, line: LogLine) -> None:
    """What is edited may ask for more people, more teams and a higher risk."""
    if asks := line.data.get("asks"):
        ledger.move(line.proposal, line, dict(asks))


_PENDING = {"status": "pending"}
_BACK = sets(
    proposal, was={"status": "approved"}, status="pending", deadline=moment("deadline"), is_reminded=False
)

PROPOSALS = Kind(
    name="proposals",
    noun="proposal",
    sentence="Each proposal was handed in, and stands as its last event left it.",
    of_proposals=True,
    moves={
        "proposal.submitted": makes(proposal, **_ASKED, agent=lambda line: line.actor["id"], is_check=False),
        "check.slipped_in": makes(proposal, **_ASKED, agent=UNKNOWN, is_check=True),
        **{f"proposal.{answer}": sets(proposal, was=_PENDING, status=answer) for answer in ANSWERS},
        "check.answered": sets(proposal, was=_PENDING, status="withdrawn"),
        "check.expired": sets(proposal, was=_PENDING, status="withdrawn"),
        "proposal.approval_undone": sets(proposal, was={"status": "approved"}, status="pending"),
        "proposal.returned_edited": _BACK,
        "proposal.returned_stale": _BACK,
        "proposal.escalated": _handed_over,
        "proposal.reminded": sets(proposal, was=_PENDING, deadline=moment("deadline"), is_reminded=True),
        "decision.made": _asks_for_more,
        "execution.returned": _asks_for_more,
    },
    rows=f"""
        SELECT p.id::text, p.id::text, json_build_object(
            'status', p.status, 'agent', p.agent_id, 'is_check', p.is_check, 'policy', p.policy_id,
            'verdict', p.verdict -> 'verdict',
            'rules', (SELECT coalesce(json_agg(rule -> 'name'), '[]')
                        FROM jsonb_array_elements(p.verdict -> 'rules') rule),
            'teams', array_prepend(p.team_id, p.also_teams), 'approvals', p.approvals_needed,
            'risk', (ARRAY['low', 'medium', 'high', 'critical'])[p.risk + 1],
            'deadline', {as_utc("p.deadline")}, 'is_reminded', p.reminded_at IS NOT NULL,
            'suggestions', (SELECT coalesce(json_agg(json_build_object('rank', s.rank, 'action', t.name,
                                       'version', t.version, 'action_digest', s.action_digest)
                                   ORDER BY s.rank), '[]')
                              FROM suggestions_suggestion s
                              JOIN governance_actiontype t ON t.id = s.action_type_id
                             WHERE s.proposal_id = p.id))::text
          FROM suggestions_proposal p ORDER BY p.id""",
    may_be_gone=was_a_check,
)


# --- Answers --------------------------------------------------------------------------------------


def _answer(status: str) -> Move:
    return makes(
        proposal,
        status=status,
        by=said("by"),
        person=lambda line: line.person if line.data["by"] == "human" else None,
        printed=named,
        digest=said("action_digest", ""),
        reason=said("reason"),
        is_check=False,
    )


_OF_A_CHECK = makes(
    proposal,
    status="withdrawn",
    by="timer",
    person=None,
    printed=UNKNOWN,
    digest="",
    reason=None,
    is_check=True,
)

RESOLUTIONS = Kind(
    name="answers",
    noun="answer to proposal",
    sentence="Each answer to a proposal has its event: what it is, whose, and which action it approves.",
    of_proposals=True,
    moves={
        **{f"proposal.{answer}": _answer(answer) for answer in ANSWERS},
        **dict.fromkeys(TAKEN_BACK, ends(proposal)),
        "check.answered": _OF_A_CHECK,
        "check.expired": _OF_A_CHECK,
    },
    rows="""
        SELECT proposal_id::text, proposal_id::text, json_build_object(
            'status', status, 'by', by, 'person', user_id::text, 'printed', actor_name,
            'digest', action_digest, 'reason', reason, 'salt', encode(salt, 'hex'))::text
          FROM suggestions_resolution ORDER BY proposal_id""",
    reads=commits("reason"),
    may_be_gone=was_a_check,
)


# --- Decisions ------------------------------------------------------------------------------------


def _changes(line: LogLine) -> str | None:
    changes = line.data.get("changes")
    return changes["content"] if changes else None


_TAKEN_BACK = sets(by("decision"), was={"standing": True}, standing=False)
_STALE = sets(each("decisions"), was={"standing": True}, standing=False, stale=True)

DECISIONS = Kind(
    name="decisions",
    noun="decision",
    sentence="Each decision has its event: who said what, of which action, and whether it still counts.",
    of_proposals=True,
    moves={
        "decision.made": makes(
            by("decision"),
            verdict=said("verdict"),
            person=person,
            rank=said("rank"),
            digest=said("action_digest", ""),
            team=said("team"),
            instead_of=said("for"),
            reason=said("reason"),
            changes=_changes,
            standing=True,
            stale=False,
        ),
        "decision.taken_back": _TAKEN_BACK,
        "proposal.approval_undone": _TAKEN_BACK,
        "proposal.returned_edited": _STALE,
        "proposal.returned_stale": _STALE,
    },
    rows="""
        SELECT d.proposal_id::text, d.id::text, json_build_object(
            'verdict', d.verdict, 'person', d.reviewer_id::text, 'rank', s.rank, 'digest', d.action_digest,
            'team', d.to_team_id, 'instead_of', d.for_user_id::text, 'reason', d.reason,
            'changes', d.changes, 'standing', d.standing, 'stale', d.stale,
            'salt', encode(d.salt, 'hex'))::text
          FROM approvals_decision d LEFT JOIN suggestions_suggestion s ON s.id = d.suggestion_id
         ORDER BY d.proposal_id""",
    reads=commits("reason", "changes"),
)

KINDS = (PROPOSALS, RESOLUTIONS, DECISIONS)
