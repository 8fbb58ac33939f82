"""Who has a proposal on their screen, and for how long they had it: told by their browsers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from approvals.attention.presence import read_about
from approvals.models import Look
from audit.ground.announce import announce_looks
from governance.models import User
from suggestions.models import Proposal

EVERY = 10  # seconds between two beats of an open page
LASTS = 25  # seconds after a beat, in which somebody counts as present
MOST_AT_ONCE = 60  # seconds that one beat may add, whatever it says

_BEAT = f"""
INSERT INTO approvals_look AS l (proposal_id, user_id, began_at, until, seconds, all_shown, page)
SELECT id, %(user)s, statement_timestamp(), statement_timestamp() + make_interval(secs => %(lasts)s),
       %(seconds)s, %(all_shown)s, %(page)s
  FROM suggestions_proposal WHERE id = %(proposal)s AND status = 'pending'
    ON CONFLICT (proposal_id, user_id) DO UPDATE
   SET seconds = l.seconds + greatest(0, least(excluded.seconds,
           ceil(extract(epoch FROM statement_timestamp() - l.until) + {LASTS})::int)),
       all_shown = l.all_shown OR excluded.all_shown,
       until = CASE WHEN %(lasts)s = 0 AND l.page <> excluded.page THEN l.until ELSE excluded.until END,
       page = CASE WHEN %(lasts)s = 0 THEN l.page ELSE excluded.page END
RETURNING (SELECT old.until > statement_timestamp() FROM approvals_look old WHERE old.id = l.id)
"""


def look(
    proposal_id: UUID,
    *,
    user: User,
    seconds: int,
    all_shown: bool = False,
    leaves: bool = False,
    page: str = "",
) -> None:
    """Note that this person has an open proposal on their screen, for so many seconds more.

    No beat adds more than has passed since the one before. Others are told when somebody comes or
    leaves. Only the page that beat last can take them away: `page` is the name it gives itself.
    Nothing is noted of what was decided.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _BEAT,
            {
                "user": user.pk,
                "proposal": proposal_id,
                "seconds": max(0, min(seconds, MOST_AT_ONCE)),
                "all_shown": all_shown,
                "lasts": 0 if leaves else LASTS,
                "page": page[:16],
            },
        )
        row = cursor.fetchone()
    read_about(proposal_id, user)
    if row and (leaves or not row[0]):
        announce_looks()


def present(proposals: Iterable[UUID]) -> dict[UUID, list[tuple[int, str]]]:
    """Who has each of these on the screen now: their ids and printed names, longest there first."""
    found: dict[UUID, list[tuple[int, str]]] = {}
    looks = (
        Look.objects.now()
        .filter(proposal__in=list(proposals))
        .select_related("user")
        .order_by("began_at", "pk")
    )
    for one in looks:
        found.setdefault(one.proposal_id, []).append((one.user_id, one.user.printed_name))
    return found


@dataclass(frozen=True)
class Present:
    """Who looks at one open proposal now, and the teams that may know of it."""

    teams: tuple[str, ...]
    people: tuple[tuple[int, str], ...]


def everybody() -> dict[UUID, Present]:
    """Who looks at what now, whoever asks; longest there first. One query, of the looks that last."""
    found: dict[UUID, Present] = {}
    looks = (
        Look.objects.now()
        .filter(proposal__status=Proposal.Status.PENDING)
        .select_related("user", "proposal")
        .only(
            "began_at",
            "user__username",
            "user__first_name",
            "user__last_name",
            "proposal__team_id",
            "proposal__also_teams",
        )
        .order_by("began_at", "pk")
    )
    for one in looks:
        before = found.get(one.proposal_id)
        people = (*(before.people if before else ()), (one.user_id, one.user.printed_name))
        found[one.proposal_id] = Present(tuple(one.proposal.teams), people)
    return found
