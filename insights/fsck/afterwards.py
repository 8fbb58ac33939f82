"""What is beside a proposal and comes after it: notes, samples, second decisions, checks, callbacks."""

from __future__ import annotations

from insights.fsck.ledger import Facts, LogLine
from insights.fsck.moves import Move, by, each, ends, makes, person, proposal, puts, said, sets
from insights.fsck.replay import Kind, commits

COMMENTS = Kind(
    name="notes",
    noun="note",
    sentence="Each note beside a proposal is as it was written.",
    of_proposals=True,
    moves={"comment.written": makes(by("comment"), person=person, text=said("text"))},
    rows="""
        SELECT proposal_id::text, id::text, json_build_object('person', author_id::text, 'text', text,
               'salt', encode(salt, 'hex'))::text FROM approvals_comment ORDER BY proposal_id""",
    reads=commits("text"),
)


# --- Samples --------------------------------------------------------------------------------------

_SAMPLE = by("sample")

SAMPLES = Kind(
    name="samples",
    noun="sample",
    sentence="Each sample of what passed was chosen, asked and answered, as the log has it.",
    of_proposals=True,
    moves={
        "sample.chosen": makes(_SAMPLE, status="chosen", share=said("share"), person=None, reason=None),
        "sample.opened": sets(_SAMPLE, was={"status": "chosen"}, status="open", team=said("team")),
        "sample.answered": sets(
            _SAMPLE, was={"status": "open"}, status=said("answer"), person=person, reason=said("reason")
        ),
        "sample.expired": sets(_SAMPLE, was={"status": "open"}, status="expired"),
        "sample.dropped": ends(_SAMPLE),
    },
    rows="""
        SELECT proposal_id::text, id::text, json_build_object('status', status, 'share', share,
               'person', reviewer_id::text, 'reason', reason, 'salt', encode(salt, 'hex'))::text
          FROM suggestions_sample ORDER BY proposal_id""",
    reads=commits("reason"),
)


# --- Second decisions -----------------------------------------------------------------------------


def _is_over(facts: Facts) -> bool:
    """It is kept for a while only."""
    return facts["status"] != "open"


def _agreed(line: LogLine) -> str:
    return "agreed" if line.data["agrees"] else "differed"


_REVIEW = by("second_review")
_OPEN = {"status": "open"}

SECOND_REVIEWS = Kind(
    name="second decisions",
    noun="second decision",
    sentence="Each second decision was chosen, answered and settled, as the log has it.",
    of_proposals=True,
    moves={
        "second_review.chosen": makes(
            _REVIEW, status="open", share=said("share"), verdict="", reason=None, is_settled=False
        ),
        "second_review.answered": sets(
            _REVIEW, was=_OPEN, status=_agreed, verdict=said("verdict"), reason=said("reason")
        ),
        "second_review.expired": sets(_REVIEW, was=_OPEN, status="expired"),
        "second_review.settled": sets(_REVIEW, was={"status": "differed"}, is_settled=True),
        "second_review.dropped": ends(_REVIEW),
    },
    rows="""
        SELECT proposal_id::text, id::text, json_build_object('status', status, 'share', share,
               'verdict', verdict, 'reason', reason, 'is_settled', settled_at IS NOT NULL,
               'salt', encode(salt, 'hex'))::text FROM suggestions_secondreview ORDER BY proposal_id""",
    reads=commits("reason"),
    may_be_gone=_is_over,
)


# --- Checks ---------------------------------------------------------------------------------------


def _was_answered(facts: Facts) -> bool:
    """It is forgotten after a while, as a whole or what was said."""
    return bool(facts["result"])


CHECKS = Kind(
    name="checks",
    noun="check",
    sentence="Each check was slipped in, and answered by the one whom the log names.",
    of_proposals=True,
    moves={
        "check.slipped_in": makes(proposal, kind=said("kind"), result="", verdict="", person=None),
        "check.answered": sets(
            proposal, was={"result": ""}, result=said("result"), verdict=said("verdict"), person=person
        ),
        "check.expired": sets(proposal, was={"result": ""}, result="expired"),
    },
    rows="""
        SELECT proposal_id::text, proposal_id::text, json_build_object('kind', kind, 'result', result,
               'verdict', verdict, 'person', reviewer_id::text)::text
          FROM approvals_check ORDER BY proposal_id""",
    may_be_gone=_was_answered,
)


# --- Callbacks ------------------------------------------------------------------------------------

OWED = frozenset({"waiting", "paused"})


def _ended(status: str) -> Move:
    return puts(by("callback"), status=status, type=said("type"))


def _is_owed(facts: Facts) -> bool:
    """It is written with the change that it tells of, and has no event before it ends."""
    return facts["status"] in OWED


CALLBACKS = Kind(
    name="callbacks",
    noun="callback",
    sentence="Each message to an agent that counts as sent or given up has the event that says so.",
    of_proposals=True,
    moves={
        "callback.sent": _ended("sent"),
        "callback.given_up": _ended("given_up"),
        "callback.sent_again": sets(by("callback"), status=OWED),
    },
    rows="""
        SELECT proposal_id::text, id::text, json_build_object('status', status, 'type', type)::text
          FROM suggestions_callback ORDER BY proposal_id""",
    needs_no_event=_is_owed,
)

# --- Asking again ---------------------------------------------------------------------------------


def _stands(facts: Facts) -> bool:
    """What was rejected is not asked again, until somebody allows it."""
    return not facts["is_reopened"]


REJECTIONS = Kind(
    name="rejections",
    noun="rejection of proposal",
    sentence="Nothing that was rejected may be asked again but what somebody let the agent ask again.",
    moves={"proposal.reopened": puts(each("rejected"), is_reopened=True)},
    rows="""
        SELECT '', proposal_id::text, json_build_object('is_reopened', bool_or(reopened_at IS NOT NULL))::text
          FROM suggestions_rejectedaction GROUP BY proposal_id""",
    needs_no_event=_stands,
    may_be_gone=bool,  # the rejection is remembered for a while only
)

KINDS = (REJECTIONS, COMMENTS, SAMPLES, SECOND_REVIEWS, CHECKS, CALLBACKS)
