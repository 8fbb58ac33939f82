"""What the frame of every page tells whoever looks at it: one statement, asked by its first part."""

from __future__ import annotations

from typing import NamedTuple

from approvals.desk import today
from approvals.telling import bell
from audit.statements.prepared import execute
from execution.running import heartbeats
from governance.models import User
from reviewapp.web import waits
from suggestions.models import seen_by


class Frame(NamedTuple):
    """Counts go to a limit each. `ages` is what `heartbeats.AGES` finds."""

    unread: int
    decided_today: int
    executions: int
    incidents: int
    halted: bool
    ages: dict[str, float | None]


def frame_of(user: User) -> Frame:
    asked = {
        "sees_executions": user.has_perm("execution.view_execution"),
        "sees_incidents": user.has_perm("governance.view_incident"),
    }
    [row] = execute(_FRAME, {**asked, **seen_by(user)})
    return Frame(*row)


_FRAME = f"""
SELECT ({bell.UNREAD}), ({today.DECIDED}),
       CASE WHEN %(sees_executions)s THEN ({waits.EXECUTIONS}) ELSE 0 END,
       CASE WHEN %(sees_incidents)s THEN ({waits.INCIDENTS}) ELSE 0 END,
       EXISTS (SELECT FROM governance_halt WHERE lifted_at IS NULL), ({heartbeats.AGES})
"""
