"""How long the next team has, once a proposal was handed to it."""

from __future__ import annotations

from audit.statements.prepared import execute
from governance.models import Team
from suggestions.models import Proposal

# Never beyond the agent's own limit, and never nearer than it was. `least` and `greatest` leave
# aside what is not given.
_RENEW = """
UPDATE suggestions_proposal p
   SET deadline = ends.at,
       escalate_at = CASE WHEN statement_timestamp() + make_interval(secs => %(after)s) < ends.at
                          THEN statement_timestamp() + make_interval(secs => %(after)s) END,
       remind_at = CASE WHEN ends.at = p.deadline THEN p.remind_at
                        WHEN ends.at - make_interval(secs => %(remind)s) > statement_timestamp()
                        THEN ends.at - make_interval(secs => %(remind)s) END,
       reminded_at = CASE WHEN ends.at = p.deadline THEN p.reminded_at END
  FROM (SELECT id, least(expires_at, greatest(deadline,
               statement_timestamp() + make_interval(secs => %(within)s))) AS at
          FROM suggestions_proposal WHERE id = %(proposal)s) ends
 WHERE p.id = ends.id
RETURNING p.deadline
"""


# As when it came in: see `suggestions.intake.store`. Who was asked after a silence is asked by now.
_ANEW = """
UPDATE suggestions_proposal p
   SET deadline = ends.at, reminded_at = NULL,
       escalate_at = CASE WHEN statement_timestamp() + make_interval(secs => %(after)s) < ends.at
                          THEN statement_timestamp() + make_interval(secs => %(after)s) END,
       remind_at = CASE WHEN ends.at - make_interval(secs => %(remind)s) > statement_timestamp()
                        THEN ends.at - make_interval(secs => %(remind)s) END
  FROM (SELECT id, least(expires_at, statement_timestamp() + make_interval(secs => %(within)s)) AS at
          FROM suggestions_proposal WHERE id = %(proposal)s) ends
 WHERE p.id = ends.id
RETURNING p.deadline
"""


def begin_anew(proposal: Proposal) -> None:
    """Give people as long as they had when it came in, but never longer than the agent's own limit."""
    said = proposal.verdict
    handed_on = said.get("escalate_to") in proposal.teams
    [(proposal.deadline,)] = execute(
        _ANEW,
        {
            "proposal": proposal.pk,
            "within": float(said["decide_within_seconds"]),
            "after": None if handed_on else said.get("escalate_after_seconds"),
            "remind": said.get("remind_seconds"),
        },
    )


def renew(proposal: Proposal, to: Team) -> None:
    """Count anew for the team that a locked proposal goes to.

    Where that is the team which the policy asks after a silence, it gets what the policy gives it,
    and nobody comes after it. A team that a person chose gets as long as the first one had.
    """
    said = proposal.verdict
    last = said.get("escalate_to") == to.pk
    [(proposal.deadline,)] = execute(
        _RENEW,
        {
            "proposal": proposal.pk,
            "within": said.get("escalate_within_seconds") if last else None,
            "after": None if last else said.get("escalate_after_seconds"),
            "remind": said.get("remind_seconds"),
        },
    )
