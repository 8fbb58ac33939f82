"""Who has one of our pages on their screen: told by their browsers."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from approvals.models.notices import Notice
from audit.ground.announce import announce_people
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


def read_about(proposal_id: UUID, user: User) -> None:
    """What this person was told of this proposal alone counts as read: they have it before them."""
    told = Notice.objects.unread().filter(user=user, proposals=[proposal_id], count=1)
    if told.update(read_at=Now()):
        transaction.on_commit(partial(announce_people, user.pk), robust=True)
