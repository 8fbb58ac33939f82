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
    undoable: list[Undoable]
    decisions: list[TimedDecision]


def around_of(user: User) -> Around:
    """As it is now. Rows that are read afterwards are as new, or newer: a change in between makes the page
    look again, and is never missed."""
    teams = [team.slug for team in read.teams_of(user)]
    asked = {"reader": user.pk, "teams": teams, "limit": read.COUNT_TO + 1, "proposal": None}
    [(version, waiting, views, to_check, second_looks, undoable, decisions)] = execute(_AROUND, asked)
    return Around(
        version,
        Waiting.of(waiting),
        [stored(SavedView, row) for row in views],
        samples.in_words(to_check),
        second_looks,
        [Undoable.read(*row) for row in undoable],
        [TimedDecision.read(*row) for row in decisions],
    )


def _lists(select: str, columns: str) -> str:
    """What is selected, each row as a list."""
    listed = f"json_build_array({columns})"
    return f"(SELECT coalesce(json_agg({listed}), '[]') FROM ({select}) found({columns}))"


_AROUND = " ".join(
    f"""
SELECT ({read.VERSION}), {_lists(read.WAITING, "team, agent, action, n")},
       (SELECT coalesce(json_agg(v ORDER BY v.name), '[]')
          FROM approvals_savedview v WHERE v.user_id = %(reader)s),
       ({samples.WAITING}), ({second.WAITING}),
       {_lists(undo.UNDOABLE, '"proposal", "sentence", "until", "left"')},
       {_lists(pace.LATEST, "id, verdict, looked, reading")}
""".split()
)
