"""Whether the log tells of everything between what people said and what is about to be carried out.

The application's role can change every row of an approval, and none of the events: so the events say
who agreed to which action, and what was asked of them. The rows have to say the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.statements.prepared import execute
from execution.models import Execution
from governance.trust import standing
from suggestions.models import Proposal, Resolution

_TOLD = """
SELECT ARRAY (
           SELECT body FROM audit_event
            WHERE proposal_id = %(proposal)s
              AND type = ANY ('{proposal.submitted,proposal.escalated,proposal.approved,
                                proposal.approval_undone,proposal.returned_stale,
                                proposal.returned_edited,execution.returned,
                                decision.made,decision.taken_back,
                                standing_approval.used,execution.scheduled,execution.handed_back,
                                execution.needs_attention}')
            ORDER BY id),
       (SELECT json_object_agg(id, json_build_array(
                   reviewer_id::text, standing AND verdict = 'approve', action_digest))
          FROM approvals_decision WHERE proposal_id = %(proposal)s)
"""
_GIVEN_BACK = ("proposal.returned_stale", "proposal.returned_edited")
_TAKEN_AWAY = ("proposal.approval_undone", *_GIVEN_BACK)


class Broken(Exception):
    """Something is missing or different between the decisions and the execution."""


def check(execution: Execution, resolution: Resolution) -> None:
    """Follow the chain from the decisions over the resolution to this execution. Raises `Broken`.

    The digest of what would be carried out is the resolution's, as `approval` has made sure.
    """
    log = _Log.of(execution.proposal_id)
    approval = log.approval()
    if approval.data["action_digest"] != resolution.action_digest or approval.data["by"] != resolution.by:
        raise Broken("The log tells of the approval of something else.")
    if not log.tells_of(execution):
        raise Broken("The log does not tell of this execution.")
    if resolution.by == Resolution.By.POLICY:
        _check_passed(log, approval, resolution)
    elif resolution.by == Resolution.By.HUMAN:
        _check_agreed(log, approval, execution.proposal)
    else:
        raise Broken("Nobody who may approve has done so.")


def _check_passed(log: _Log, approval: _Told, resolution: Resolution) -> None:
    """The policy itself let it pass when it came in, by a standing approval where it says so."""
    submitted = log.submitted()
    offered = [s["action_digest"] for s in submitted["suggestions"]]
    if submitted["verdict"] != "auto_approve" or approval.actor["type"] != "policy":
        raise Broken("The policy did not let this pass.")
    if resolution.action_digest not in offered:
        raise Broken("The policy let another action pass.")
    used = [e.data["action_digest"] for e in log.of_type("standing_approval.used")]
    if standing.RULE in submitted["rules"] and used != [resolution.action_digest]:
        raise Broken("No standing approval was used for this.")


def _check_agreed(log: _Log, approval: _Told, proposal: Proposal) -> None:
    """Enough distinct people, of the teams that were asked, stand behind exactly this action."""
    digest = approval.data["action_digest"]
    asked = _asked(log, approval, proposal)
    made = {e.data["decision"]: e.actor["id"] for e in log.decisions_for(digest)}
    agreed = approval.data.get("agreed", list(made))
    rows = {
        decision: (reviewer, approves and says == digest)
        for decision, (reviewer, approves, says) in log.decisions.items()
    }
    if any(one in rows and rows[one][0] != person for one, person in made.items()):
        raise Broken("Another person decided than the log tells of.")
    people = {made[one] for one in agreed if one in made and rows.get(one) == (made[one], True)}
    offered = [s["action_digest"] for s in log.submitted()["suggestions"]]
    if asked.four_eyes and digest not in offered:
        people.discard(log.suggested_by(digest) or next(iter(made.values()), ""))  # whoever edited it first
    if len(people) < asked.approvals:
        raise Broken(f"{len(people)} of {asked.approvals} people stand behind this action.")


@dataclass(frozen=True)
class _Asked:
    approvals: int
    four_eyes: bool


def _asked(log: _Log, approval: _Told, proposal: Proposal) -> _Asked:
    """What was asked of those who decided; never less than when it came in, and of the same teams."""
    submitted = log.submitted()
    # Approvals of earlier versions do not say what was asked: then it is what the policy asked for.
    asked = approval.data.get("asked") or {"teams": proposal.teams, "approvals": submitted["approvals"]}
    if set(proposal.teams) != set(asked["teams"]) or not log.teams() <= set(asked["teams"]):
        raise Broken("Other teams were asked than the log tells of.")
    if asked["approvals"] < max(submitted["approvals"], proposal.approvals_needed):
        raise Broken("Fewer people were asked than the policy wants.")
    four_eyes = asked.get("four_eyes", asked["approvals"] > 1)
    return _Asked(asked["approvals"], four_eyes or submitted.get("four_eyes", False))


@dataclass(frozen=True)
class _Told:
    """One event of the log."""

    type: str
    actor: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True)
class _Log:
    """What the log tells of one proposal, as far as it is about its approval; oldest first.

    `decisions` are the rows beside it: by their ids who made each, whether it stands as an approval, and of
    which action.
    """

    events: Sequence[_Told]
    decisions: dict[str, tuple[str, bool, str]]

    @classmethod
    def of(cls, proposal_id: UUID) -> _Log:
        [(bodies, decisions)] = execute(_TOLD, {"proposal": proposal_id}, apart=True)
        told = map(json.loads, bodies)
        return cls([_Told(body["type"], body["actor"], body["data"]) for body in told], decisions or {})

    def of_type(self, *types: str) -> Iterator[_Told]:
        return (event for event in self.events if event.type in types)

    def submitted(self) -> dict[str, Any]:
        found = list(self.of_type("proposal.submitted"))
        if len(found) != 1:
            raise Broken("The log does not tell how it came in.")
        return found[0].data

    def approval(self) -> _Told:
        """The one approval that stands."""
        standing: list[_Told] = []
        for event in self.of_type("proposal.approved", *_TAKEN_AWAY):
            standing = [*standing, event] if event.type == "proposal.approved" else []
        if len(standing) != 1:
            raise Broken("The log tells of two approvals." if standing else "The log tells of no approval.")
        return standing[0]

    def tells_of(self, execution: Execution) -> bool:
        """Was this execution made for what it says now?"""
        return any(
            event.data.get("execution") == str(execution.pk)
            and event.data.get("action_digest") == execution.action_digest
            for event in self.of_type(
                "execution.scheduled", "execution.handed_back", "execution.needs_attention"
            )
        )

    def suggested_by(self, digest: str) -> str:
        """The id of the operator whose edit this action is; empty where it is not the newest such edit."""
        returned = list(self.of_type("execution.returned"))
        is_theirs = returned and returned[-1].data["edited_digest"] == digest
        return str(returned[-1].actor["id"]) if is_theirs else ""

    def teams(self) -> set[str]:
        """Who has to agree: as it came in, and as people and timers handed it on."""
        teams = list(self.submitted()["teams"])
        for event in self.of_type("proposal.escalated"):
            teams = [event.data["to"] if team == event.data["from"] else team for team in teams]
        return set(teams)

    def decisions_for(self, digest: str) -> Iterator[_Told]:
        """The approvals of exactly this action that were not taken back, oldest first."""
        gone = {event.data.get("decision") for event in self.of_type("decision.taken_back", *_TAKEN_AWAY)}
        gone |= {one for event in self.of_type(*_GIVEN_BACK) for one in event.data["decisions"]}
        for event in self.of_type("decision.made"):
            said = (event.data["verdict"], event.data.get("action_digest"), event.actor["type"])
            if said == ("approve", digest, "user") and event.data["decision"] not in gone:
                yield event
