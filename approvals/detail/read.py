"""One proposal with all that its page tells of it, as the database has it now: one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from approvals.deciding.together import ALIKE
from approvals.deciding.together import MOST as MOST_TOGETHER
from approvals.deciding.voices import MOST_COMMENTS
from approvals.models import Claim, Comment, Decision
from audit.models import Event
from audit.statements.prepared import execute, stored
from governance.door.deciders import DECIDES
from governance.models import ActionType, Agent, Deployment, Team, User
from suggestions.models import Proposal, Resolution, Suggestion, seen_by, visible_sql

MOST_EVENTS = 100
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """A proposal with its agent, its team and what it was answered, and what stands beside it.

    Decisions and events are oldest first. Of events the newest `MOST_EVENTS` come, of comments the first, one
    more than `voices` shows where there are more. `teams` are the names of those that are asked, `alike` is
    how many others wait that are like it. Of what is rare it says only that it is there: others that
    contradict it, later ones that revise it, an execution that was taken away, a kill switch that is on.
    """

    proposal: Proposal
    suggestions: list[Suggestion]
    decisions: list[Decision]
    comments: list[Comment]
    events: list[Event]
    more_events: bool
    looking: list[tuple[int, str]]
    claim: Claim | None
    deployment: Deployment | None
    teams: dict[str, str]
    alike: int
    is_contradicted: bool
    is_revised: bool
    came_back: bool
    halted: bool

    @property
    def resolution(self) -> Resolution | None:
        return getattr(self.proposal, "resolution", None)


def whole_of(proposal_id: UUID, reader: User) -> Whole:
    """The proposal as this person may know of it. Raises `Proposal.DoesNotExist` where they may not."""
    asked = {"proposal": proposal_id, "decides": reader.has_perm(DECIDES), "most_events": MOST_EVENTS}
    found = execute(_WHOLE, {**asked, **seen_by(reader)})
    if not found:
        raise Proposal.DoesNotExist
    [(proposal, agent, team, resolution, options, said, notes, log, looking, claim, deployment, *rest)] = (
        found
    )
    suggestions = [_suggestion(row) for row in options]
    return Whole(
        _proposal(proposal, agent, team, resolution),
        suggestions,
        _decisions(said, suggestions),
        [stored(Comment, row, author=person(row["author"])) for row in notes],
        [stored(Event, row) for row in reversed(log[:MOST_EVENTS])],
        len(log) > MOST_EVENTS,
        [(one.pk, one.printed_name) for one in map(person, looking)],
        _claim(claim),
        _deployment(deployment),
        *rest,
    )


def _proposal(row: Row, agent: Row, team: Row, resolution: Row | None) -> Proposal:
    found = stored(Proposal, row, agent=stored(Agent, agent), team=stored(Team, team))
    answer = stored(Resolution, resolution, proposal=found) if resolution else None
    found._state.fields_cache["resolution"] = answer
    return found


def _suggestion(row: Row) -> Suggestion:
    return stored(Suggestion, row, action_type=stored(ActionType, row["action_type"]))


def _decisions(rows: Sequence[Row], suggestions: Sequence[Suggestion]) -> list[Decision]:
    by_id = {str(suggestion.pk): suggestion for suggestion in suggestions}
    return [
        stored(Decision, row, reviewer=person(row["reviewer"]), suggestion=by_id.get(row["suggestion_id"]))
        for row in rows
    ]


def _claim(row: Row | None) -> Claim | None:
    return stored(Claim, row, user=person(row["user"]), by=person(row["by"])) if row else None


def _deployment(row: Row | None) -> Deployment | None:
    if row is None:
        return None
    return stored(Deployment, row, approved_by=person(row["approved_by"]) if row["approved_by"] else None)


def person(row: Row) -> User:
    return stored(User, row)


# --- The statement ------------------------------------------------------------------------------------


def _named(user: str) -> str:
    """A person as `printed_name` needs them."""
    columns = ", ".join(f"'{name}', {user}.{name}" for name in ("id", "username", "first_name", "last_name"))
    return f"json_build_object({columns})"


def _rows(select: str) -> str:
    """What is selected, as a list."""
    return f"(SELECT coalesce(json_agg(found), '[]') FROM ({select}) found)"


def _row(select: str) -> str:
    """The only row of what is selected; null where there is none."""
    return f"(SELECT row_to_json(found) FROM ({select}) found)"


_SUGGESTIONS = _rows("""
    SELECT s.*, row_to_json(k) AS action_type
      FROM suggestions_suggestion s JOIN governance_actiontype k ON k.id = s.action_type_id
     WHERE s.proposal_id = p.id ORDER BY s.rank""")
_DECISIONS = _rows(f"""
    SELECT d.*, {_named("u")} AS reviewer
      FROM approvals_decision d JOIN governance_user u ON u.id = d.reviewer_id
     WHERE d.proposal_id = p.id ORDER BY d.at""")
_COMMENTS = _rows(f"""
    SELECT c.*, {_named("u")} AS author
      FROM approvals_comment c JOIN governance_user u ON u.id = c.author_id
     WHERE c.proposal_id = p.id ORDER BY c.id LIMIT {MOST_COMMENTS + 1}""")
_EVENTS = _rows("""
    SELECT id, body, type, at FROM audit_event
     WHERE proposal_id = p.id ORDER BY id DESC LIMIT %(most_events)s + 1""")
_LOOKING = _rows("""
    SELECT u.id, u.username, u.first_name, u.last_name
      FROM approvals_look l JOIN governance_user u ON u.id = l.user_id
     WHERE l.proposal_id = p.id AND l.until > statement_timestamp() AND p.status = 'pending'
     ORDER BY l.began_at, l.id""")
_CLAIM = _row(f"""
    SELECT c.*, {_named("u")} AS "user", {_named("b")} AS by
      FROM approvals_claim c
      JOIN governance_user u ON u.id = c.user_id JOIN governance_user b ON b.id = c.by_id
     WHERE c.proposal_id = p.id AND c.until > statement_timestamp() AND p.status = 'pending'""")
_DEPLOYMENT = _row(f"""
    SELECT d.id, d.approved_by_id, CASE WHEN u.id IS NOT NULL THEN {_named("u")} END AS approved_by
      FROM governance_deployment d LEFT JOIN governance_user u ON u.id = d.approved_by_id
     WHERE d.agent_id = p.agent_id AND d.label = p.provenance ->> 'deployment'""")
# On one line: psycopg keeps what it made of a statement of less than 4,096 characters.
_WHOLE = " ".join(
    f"""
SELECT row_to_json(p), json_build_object('id', a.id, 'name', a.name, 'owner_id', a.owner_id), row_to_json(t),
       {_row("SELECT * FROM suggestions_resolution WHERE proposal_id = p.id")},
       {_SUGGESTIONS}, {_DECISIONS}, {_COMMENTS}, {_EVENTS}, {_LOOKING}, {_CLAIM}, {_DEPLOYMENT},
       (SELECT json_object_agg(slug, name) FROM governance_team WHERE slug = ANY(p.team_id || p.also_teams)),
       CASE WHEN %(decides)s AND p.status = 'pending' AND p.team_id || p.also_teams && %(teams)s::varchar[]
            THEN (SELECT count(*) FROM ({ALIKE} AND o.id <> p.id LIMIT {MOST_TOGETHER + 1}) alike) ELSE 0 END,
       p.status = 'pending' AND EXISTS (
           SELECT FROM suggestions_proposal o
            WHERE o.concern = p.concern AND o.status = 'pending' AND NOT o.is_check AND o.id <> p.id),
       EXISTS (SELECT FROM suggestions_proposal later WHERE later.revises_id = p.id),
       EXISTS (SELECT FROM execution_formerexecution WHERE proposal_id = p.id),
       EXISTS (SELECT FROM governance_halt WHERE lifted_at IS NULL)
  FROM suggestions_proposal p
  JOIN governance_agent a ON a.id = p.agent_id
  JOIN governance_team t ON t.slug = p.team_id
 WHERE p.id = %(proposal)s AND {visible_sql("p")}
""".split()
)
