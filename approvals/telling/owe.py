"""Promising people a notice, in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from approvals.models.kinds import Kind, Outside, is_urgent
from approvals.models.notices import Target, Wishes
from audit.ground.announce import announce_people
from audit.statements.writes import NotInTransaction
from governance.models import User
from suggestions.models import Proposal

DELAY = timedelta(seconds=30)  # seen or decided by then, it is not sent outside
MOST_NAMED = 200  # proposals that one line keeps apart; it may count more


@dataclass(frozen=True)
class Line:
    """What is owed to one person. A bundle has no occasion: what is like it is added."""

    user: int
    kind: str
    team: str | None
    risk: int
    proposals: tuple[UUID, ...]
    occasion: str = ""
    incident: UUID | None = None


def owe(kind: Kind, proposal: Proposal, people: Iterable[User], *, occasion: str = "") -> None:
    """Owe each of these people a notice about a proposal, in the transaction of its cause.

    Each has their own line of it, once for each `occasion` (a deadline, an assignment), however often
    it is owed. Whether and where it is told is what the person wished.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction(kind)
    key = f"{proposal.pk}:{occasion}"
    add([Line(person.pk, kind, proposal.team_id, proposal.risk, (proposal.pk,), key) for person in people])


_ADD = f"""
INSERT INTO approvals_notice AS n (user_id, kind, team_id, risk, urgent, proposals, count, occasion,
                                   incident_id, on_page, by_browser, outside, due_at, in_digest)
SELECT u, k, t, r, ur, string_to_array(p, ',')::uuid[], c, o, i, pa, b, ou, CASE ou WHEN 'waiting' THEN
       statement_timestamp() + make_interval(secs => {DELAY.total_seconds()}) END, false
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::bool[], %s::text[], %s::int[], %s::text[],
              %s::uuid[], %s::bool[], %s::bool[], %s::text[]) AS _ (u, k, t, r, ur, p, c, o, i, pa, b, ou)
"""
_ONCE = _ADD + " ON CONFLICT (user_id, kind, occasion) WHERE NOT occasion = '' DO NOTHING RETURNING user_id"
_BUNDLE = (
    _ADD
    + f"""
    ON CONFLICT (user_id, kind, team_id, urgent)
          WHERE occasion = '' AND outside IN ('none', 'waiting') AND read_at IS NULL
    DO UPDATE SET risk = greatest(n.risk, excluded.risk), at = statement_timestamp(),
       count = n.count + excluded.count - (SELECT count(*) FROM unnest(excluded.proposals) p
                                            WHERE p = ANY (n.proposals)),
       proposals = (n.proposals || ARRAY(SELECT p FROM unnest(excluded.proposals) p
                                          WHERE p <> ALL (n.proposals)))[:{MOST_NAMED}]
RETURNING user_id
"""
)


def add(lines: Sequence[Line]) -> None:
    """Write these down as their people wish; those who want nothing of it get nothing."""
    wished = _wished(lines)
    for sql, bundles in ((_ONCE, False), (_BUNDLE, True)):
        columns = [row for row in wished if (row[7] == "") is bundles]
        if not columns:
            continue
        with connection.cursor() as cursor:
            cursor.execute(sql, [list(column) for column in zip(*columns, strict=True)])
            told = {user for (user,) in cursor.fetchall()}
        if told:
            transaction.on_commit(partial(announce_people, *told), robust=True)


def _wished(lines: Sequence[Line]) -> list[tuple[object, ...]]:
    people = {line.user for line in lines}
    wishes = Wishes.objects.in_bulk(people)
    reachable = set(
        Target.objects.filter(user__in=people, disabled_at=None).values_list("user_id", flat=True)
    )
    found: list[tuple[object, ...]] = []
    for line in lines:
        urgent = is_urgent(line.risk)
        wish = (wishes.get(line.user) or Wishes()).wish(line.kind, urgent=urgent)
        outside = wish.outside != Outside.OFF and line.user in reachable
        if not (wish.page or wish.browser or outside):
            continue
        named = ",".join(map(str, line.proposals[:MOST_NAMED]))
        found.append(
            (
                line.user,
                line.kind,
                line.team,
                line.risk,
                urgent,
                named,
                max(1, len(line.proposals)),
                line.occasion,
                line.incident,
                wish.page,
                wish.browser,
                "waiting" if outside else "none",
            )
        )
    return found
