"""Messages that wait to be brought to one address."""

from __future__ import annotations

from approvals.models.notices import Delivery
from audit.outbox.outbox import Sending

DELIVERIES = Sending(
    table=Delivery._meta.db_table,
    task="approvals.tasks.send_notice",
    queue="notices",
    at_once=200,
    claimed_seconds=60,
    pauses=(20, 120, 900, 3_600),
)
