"""How many a person has decided today: cheap, for the head of every page."""

from __future__ import annotations

from audit.statements.prepared import execute
from governance.models import User

MOST = 999
# Their standing answers since midnight UTC by the database's clock, counted to one more than `MOST`.
DECIDED = f"""
SELECT count(*) FROM (
    SELECT FROM approvals_decision
     WHERE reviewer_id = %(reader)s AND at >= date_trunc('day', statement_timestamp(), 'UTC')
       AND standing AND verdict <> 'escalate' LIMIT {MOST + 1}) decided
"""


def decided_today(person: User) -> int:
    [(count,)] = execute(DECIDED, {"reader": person.pk})
    return int(count)
