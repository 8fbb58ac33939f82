"""The events that move nothing that rows keep, each with the reason."""

from __future__ import annotations

from enum import Enum


class Why(Enum):
    """Why an event leaves every row that is compared as it was."""

    REFUSED = "Something was refused: it tells that nothing changed."
    TOLD = "Somebody was told or reminded: who is told anew stands in rows that are kept for a while only."
    READ = "Somebody read or took something along."
    LEASE = "A lease that runs out by itself: an old one is as good as none."
    SIGNED_IN = "A session: it is kept outside of the database's history."
    WORDS = "What is kept of it are a hash or words that the log does not commit to."
    TIMES = "It moves times alone."
    BESIDE = "Another event of the same transaction tells what it led to."
    LOG = "It is about the log itself, which has checks of its own."
    FORGOTTEN = "It tells how many rows that are kept for a while only were forgotten."


STILL: dict[str, Why] = {
    **dict.fromkeys(
        [
            "batch.refused",
            "decision.refused",
            "request.refused",
            "requests.refused",
            "sample.refused",
            "second_review.refused",
            "session.refused",
        ],
        Why.REFUSED,
    ),
    **dict.fromkeys(
        [
            "attention.escalated",
            "attention.reminded",
            "manual_task.reminded",
            "notice.given_up",
            "notice.sent",
            "notice_target.disabled",
            "notice_target.tried",
            "notice_wishes.changed",
        ],
        Why.TOLD,
    ),
    **dict.fromkeys(["access.exported", "events.exported", "history.exported", "secret.used"], Why.READ),
    **dict.fromkeys(["claim.assigned", "claim.released", "claim.taken"], Why.LEASE),
    **dict.fromkeys(["session.closed", "session.confirmed", "session.opened"], Why.SIGNED_IN),
    **dict.fromkeys(
        ["password.changed", "secret.resealed", "user.permission_taken", "workflow.reworded"], Why.WORDS
    ),
    **dict.fromkeys(
        ["callback_secret.ended", "execution.released", "proposal.escalation_skipped"], Why.TIMES
    ),
    **dict.fromkeys(["callbacks.sent_again", "execution.stale", "sample.sent"], Why.BESIDE),
    "figures.forgotten": Why.FORGOTTEN,
    "signing_key.changed": Why.LOG,
}
