"""Who has one of our pages on their screen: told by their browsers."""

from __future__ import annotations

from django.db import connection

from governance.models import User

EVERY = 20  # seconds between two beats of a page in the foreground

_BEAT = """
INSERT INTO approvals_here AS h (user_id, at, desk_at)
VALUES (%(user)s, statement_timestamp(), CASE WHEN %(desk)s THEN statement_timestamp() END)
    ON CONFLICT (user_id) DO UPDATE SET at = excluded.at, desk_at = coalesce(excluded.desk_at, h.desk_at)
"""


def beat(user: User, *, desk: bool) -> None:
    """Note that this person has a page in the foreground now; `desk` where proposals come in on it."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, {"user": user.pk, "desk": desk})
