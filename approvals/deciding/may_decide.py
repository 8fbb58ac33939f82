"""Who may decide on a proposal now, held under its lock."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from audit.ground.refusals import Refusal
from audit.statements.prepared import execute
from governance.models import Autonomy, User
from governance.models.absences import RUNNING
from suggestions.answering.obligations import ProposalObligations
from suggestions.answering.resolve import lock_pending
from suggestions.models import Proposal


class OwnAgent(Refusal):
    """Four eyes: the owner of an agent answers for it and can't approve what it proposes."""

    detail = "You own this agent, so somebody else has to approve what it proposes."


class NotInTeam(Refusal):
    """Who may read every proposal does not thereby decide on it."""

    detail = "This proposal is for a team that you are not in."


class TooLate(Refusal):
    """The sweeper has not come by yet, but the time was over by the database's clock."""

    detail = "The time to decide is over: this proposal expires."


class AlreadyDecided(Refusal):
    """One person counts once."""

    detail = "You have decided on this proposal already; it waits for somebody else."


# What stands is looked up by the proposal alone: a plan that was made while the table was small would go
# through all that the reviewer ever decided.
_STANDING = """
SELECT EXISTS (SELECT FROM governance_user_teams
                WHERE user_id = %(reviewer)s AND (team_id = p.team_id OR team_id = ANY (p.also_teams))),
       p.deadline <= statement_timestamp(),
       said.by_them, said.for_them,
       (SELECT l.seconds FROM approvals_look l WHERE l.proposal_id = p.id AND l.user_id = %(reviewer)s),
       ARRAY(SELECT action FROM governance_autonomy a WHERE a.agent_id = p.agent_id AND stage = %(assisted)s)
  FROM suggestions_proposal p, LATERAL (
       SELECT bool_or(d.reviewer_id = %(reviewer)s) AS by_them,
              bool_or(d.for_user_id = %(reviewer)s) AS for_them
         FROM approvals_decision d WHERE d.proposal_id = p.id AND d.standing) said
 WHERE p.id = %(proposal)s
"""


# Whose place a deputy can take: whoever is away now, is asked, and has not been heard on this.
_ABSENT = f"""
SELECT a.person_id
  FROM governance_absence a
  JOIN governance_user person ON person.id = a.person_id AND person.is_active
  JOIN suggestions_proposal p ON p.id = %(proposal)s
 WHERE a.deputy_id = %(reviewer)s AND {RUNNING}
   AND EXISTS (SELECT FROM governance_user_teams t
                WHERE t.user_id = a.person_id AND (t.team_id = p.team_id OR t.team_id = ANY (p.also_teams)))
   AND NOT EXISTS (SELECT FROM approvals_decision d WHERE d.proposal_id = p.id AND d.standing
                                                      AND a.person_id IN (d.reviewer_id, d.for_user_id))
 ORDER BY a.since, a.id LIMIT 1
"""


class Locked(NamedTuple):
    """A locked proposal that somebody may decide on; whose place they take, being asked themselves by none
    of its teams; for how many seconds they had it open, as far as anybody knows; and the actions for which
    its agent is at stage 1."""

    proposal: Proposal
    for_user: int | None
    looked: int | None
    assisted: list[str]


def lock_open(proposal_id: UUID, reviewer: User) -> Locked:
    """Lock a proposal that this reviewer may decide on now.

    Raises `AlreadyResolved`, `NotInTeam`, `TooLate`, `AlreadyDecided`.
    """
    proposal = lock_pending(proposal_id)
    asked = {"reviewer": reviewer.pk, "proposal": proposal_id, "assisted": Autonomy.Stage.ASSISTED.value}
    [(in_team, overdue, decided, spoken_for, looked, assisted)] = execute(_STANDING, asked)
    absent = [] if in_team else execute(_ABSENT, asked)
    if not in_team and not absent:
        raise NotInTeam
    if overdue:
        raise TooLate
    if decided:
        raise AlreadyDecided
    if spoken_for:
        raise AlreadyDecided("Your deputy has decided on this in your place.")
    return Locked(proposal, absent[0][0] if absent else None, looked, assisted)


def check_eyes(proposal: Proposal, reviewer: User, for_user: int | None, asked: ProposalObligations) -> None:
    if proposal.agent.owner_id in (reviewer.pk, for_user) and not asked.owner_may_approve:
        raise OwnAgent
