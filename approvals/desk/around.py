"""What stands around the rows of the desk's list: one statement for counts, saved views and what to say."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.attention import pace
from approvals.attention.pace import TimedDecision
from approvals.deciding import second, undo
from approvals.deciding.undo import Undoable
from approvals.models import SavedView
from approvals.queue import read
from approvals.queue.read import Waiting
from approvals.vigilance import samples
from audit.statements.prepared import execute, stored
from governance.models import User


@dataclass(frozen=True, slots=True)
class Around:
    """`decisions` are this person's last ones, newest first."""

    version: str
    waiting: Waiting
    views: list[SavedView]
    to_check: str
    second_looks: int
    by_hand: int
    undoable: list[Undoable]
    decisions: list[TimedDecision]


def around_of(user: User) -> Around:
    """As it is now. Rows that are read afterwards are as new, or newer: a change in between makes the page
    look again, and is never missed."""
    teams = [team.slug for team in read.teams_of(user)]
    asked = {"reader": user.pk, "teams": teams, "limit": read.COUNT_TO + 1, "proposal": None}
    [found] = execute(_AROUND, asked)
    version, waiting, views, to_check, second_looks, by_hand, undoable, decisions = found
    return Around(
        version,
        Waiting.of(waiting),
        [stored(SavedView, row) for row in views],
        samples.in_words(to_check),
        second_looks,
        by_hand,
        [Undoable.read(*row) for row in undoable],
        [TimedDecision.read(*row) for row in decisions],
    )


def _lists(select: str, columns: str) -> str:
    """What is selected, each row as a list."""
    listed = f"json_build_array({columns})"
    return f"(SELECT coalesce(json_agg({listed}), '[]') FROM ({select}) found({columns}))"


# Counted to a limit, as all counts of the desk are.
_BY_HAND = """
    SELECT count(*) FROM (
        SELECT FROM execution_manualtask t JOIN execution_execution e ON e.id = t.execution_id
         WHERE t.status = 'open' AND t.team_id = ANY (%(teams)s)
           AND e.status = 'handed_back' AND e.round = t.round LIMIT %(limit)s) open"""
_AROUND = " ".join(
    f"""
SELECT ({read.VERSION}), {_lists(read.WAITING, "team, agent, action, n")},
       (SELECT coalesce(json_agg(v ORDER BY v.name), '[]')
          FROM approvals_savedview v WHERE v.user_id = %(reader)s),
       ({samples.WAITING}), ({second.WAITING}), ({_BY_HAND}),
       {_lists(undo.UNDOABLE, '"proposal", "sentence", "until", "left"')},
       {_lists(pace.LATEST, "id, verdict, looked, reading")}
""".split()
)
