"""Which proposals a person's list shows: the newest of each team that fit, however few a team has.

Who sees some teams' proposals and walked through all by their ids would go through everybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.models import Team, User
from suggestions.answering.read import Standing, standing, standing_of
from suggestions.models import Proposal, ProposalQuerySet
from suggestions.models.proposals import seen_by

# Of every team and status the newest few; then the few for which a team has to agree besides others.
# Each part is read from its own index, newest first. How many teams and statuses there are stands in the
# text: only then PostgreSQL keeps the plan, and to plan takes twice as long as to read.
_OF_TEAMS = """
SELECT first.id AS pk FROM (VALUES {teams}) AS team(slug), (VALUES {statuses}) AS one(status), LATERAL (
       SELECT id FROM suggestions_proposal p
        WHERE team_id = team.slug AND status = one.status AND {fits} ORDER BY id DESC LIMIT {most}) first
 UNION
(SELECT id FROM suggestions_proposal p
  WHERE also_teams <> ARRAY[]::varchar[] AND also_teams && %s::varchar[] AND status IN (VALUES {statuses})
        AND {fits} ORDER BY id DESC LIMIT {most})
 ORDER BY pk DESC LIMIT {most}"""
_NOT_BLIND = """NOT EXISTS (SELECT FROM suggestions_secondreview blind WHERE blind.proposal_id = p.id
                             AND blind.status = 'open' AND blind.second_id = %s)"""


@dataclass(frozen=True)
class Narrowed:
    """What a list is asked for: each is empty where anything goes. It begins `after` an id."""

    status: str = ""
    action: str = ""
    agent: str = ""
    after: UUID | None = None

    def of(self, rows: ProposalQuerySet) -> ProposalQuerySet:
        asked = {"status": self.status, "action": self.action, "agent__name": self.agent}
        rows = rows.filter(**{name: value for name, value in asked.items() if value})
        return rows.filter(pk__lt=self.after) if self.after else rows

    def fits(self, reader: User) -> tuple[str, list[Any]]:
        """The same but for the status as conditions of SQL; and what the reader may not know of yet."""
        conditions = [
            (_NOT_BLIND, reader.pk),
            ("action = %s", self.action),
            ("agent_id = (SELECT id FROM governance_agent WHERE name = %s)", self.agent),
            ("id < %s", self.after),
        ]
        given = [(text, value) for text, value in conditions if value]
        return " AND ".join(text for text, _ in given), [value for _, value in given]


def newest_visible(reader: User, narrowed: Narrowed, *, most: int) -> list[Standing]:
    """The newest proposals that this person may know of (`Proposal.objects.visible_to`), at most so many."""
    seen = seen_by(reader)
    if seen["sees_all"] and not narrowed.status:
        return standing(narrowed.of(Proposal.objects.visible_to(reader)).order_by("-pk")[:most])
    teams = list(Team.objects.values_list("slug", flat=True)) if seen["sees_all"] else seen["teams"]
    return standing_of(*newest_of(teams, reader, narrowed, most=most)) if teams else []


def newest_of(teams: list[str], reader: User, narrowed: Narrowed, *, most: int) -> tuple[str, list[Any]]:
    """The ids of these teams' newest proposals as a statement, with its values."""
    statuses = [narrowed.status] if narrowed.status else Proposal.Status.values
    fits, values = narrowed.fits(reader)
    statement = _OF_TEAMS.format(
        teams=", ".join(["(%s::varchar)"] * len(teams)),
        statuses=", ".join(["(%s::varchar)"] * len(statuses)),
        fits=fits,
        most=most,
    )
    return statement, [*teams, *statuses, *values, teams, *statuses, *values]
