"""What happened to a proposal, in words: each event for itself, and what there is too much of."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from approvals.beside import claims, comments
from approvals.deciding import decide
from approvals.detail import read
from approvals.detail.timeline import Entry, timeline
from audit.ground.actors import TIMER, Actor
from audit.log.event_types import EventType
from audit.log.record import record
from governance.models import Team, User
from suggestions.models import Proposal
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of
from tests.settled import *  # noqa: F403 - everybody, once for all tests here


@pytest.fixture(autouse=True)
def of_any_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log holds what other versions wrote, too: more facts of an event, or fewer."""
    monkeypatch.setattr(EventType, "check", lambda *_: None)


def told(proposal: Any) -> list[Entry]:
    dora = User.objects.get(username="dora")  # who sees every proposal
    return timeline(read.whole_of(proposal.pk, dora), dora)


def last(proposal: Any, type: str, actor: Any = TIMER, **data: Any) -> tuple[str, str]:
    """What an event of this type is told as."""
    record(type, actor=actor, proposal=proposal.pk, data=data)
    entry = told(proposal)[-1]
    return entry.text, entry.sub


@pytest.mark.parametrize(
    ("type", "data", "text", "sub"),
    [
        (
            "proposal.reminded",
            {"deadline": "2026-01-02T03:04:05+00:00"},
            "People were reminded that the time ends",
            "until 2026-01-02 03:04 UTC",
        ),
        (
            "proposal.escalation_skipped",
            {"from": "operations", "to": "gone", "why": "the team is no more"},
            "It stays where it is and does not go to gone: the team is no more",
            "",
        ),
        (
            "proposal.escalated",
            {"from": "operations", "to": "finance", "deadline": ""},
            "Sweeper asks Finance in the place of Operations",
            "",
        ),
        ("proposal.approved", {"by": "policy"}, "Approved", "by the policy"),
        ("proposal.approved", {"by": "human"}, "Approved", ""),
        ("standing_approval.used", {"left": 3}, "Passed by a standing approval", "3 uses left"),
        (
            "attempt.started",
            {"attempt": 2, "step": "pay", "route": "shop\u202e"},
            "Attempt 2 of step pay began",
            "shop[U+202E]",
        ),
        (
            "attempt.started",
            {"attempt": 2, "step": "pay", "route": "2. POST x"},
            "Attempt 2 of step pay began, over another route",
            "2. POST x",
        ),
        (
            "attempt.finished",
            {"attempt": 2, "step": "pay", "outcome": "failed", "http_status": 503},
            "Attempt 2 of step pay failed",
            "answered 503",
        ),
        (
            "attempt.finished",
            {"attempt": 2, "step": "pay", "outcome": "unknown"},
            "Attempt 2 of step pay has an unknown outcome: it may have taken effect",
            "",
        ),
        ("step.completed", {"step": "pay"}, "Step pay completed", ""),
        (
            "step.completed",
            {"step": "pay", "receipt": {"verified": True}},
            "Step pay completed",
            "its effect was found",
        ),
        (
            "step.completed",
            {"step": "pay", "receipt": {"verified": None}},
            "Step pay completed",
            "nobody looked for its effect",
        ),
        ("step.skipped", {"step": "pay"}, "Sweeper left out step pay", ""),
        (
            "step.settled",
            {"step": "pay", "found_to_be": "done"},
            "Sweeper found out that step pay was done",
            "",
        ),
        ("execution.put_off", {"wait_ms": 90_000}, "It waits before it goes on", "for 1 min 30 s"),
        ("execution.retried", {}, "Sweeper had it tried again", ""),
        (
            "execution.needs_attention",
            {"reason": "Every route is spent."},
            "It needs attention",
            "Every route is spent.",
        ),
        ("compensation.lapsed", {}, "Undoing what was done is not offered any more", ""),
        ("sample.answered", {"answer": "wrong"}, "Sweeper says that it was wrong", ""),
        (
            "execution.cancelled",
            {"reason": "The customer\u200b called."},
            "Sweeper cancelled it",
            "The customer[U+200B] called.",
        ),
        ("execution.cancelled", {"reason": "sha256:" + "0" * 64}, "Sweeper cancelled it", ""),
        ("claim.assigned", {"to": "999999"}, "Sweeper gave it to somebody", ""),
        ("comment.written", {"comment": str(uuid4())}, "Sweeper noted", ""),
        (
            "decision.refused",
            {"verdict": "approve", "refusal": "TooLate"},
            "Sweeper came too late or was refused",
            "",
        ),
    ],
)
def test_an_event_is_told_in_words(
    proposal: Any, cyd: Any, type: str, data: dict[str, Any], text: str, sub: str
) -> None:
    assert last(proposal, type, **data) == (text, sub)


def test_who_calls_themselves_something_hidden_is_shown_so(proposal: Any) -> None:
    actor = Actor("user", "7", "A\u202ena{rank}")
    assert last(proposal, "claim.taken", actor)[0] == "A[U+202E]na{rank} took it on"


@pytest.mark.parametrize(("more", "entries"), [(0, 1), (3, 4), (4, 5), (5, 6), (9, 6)])
def test_of_very_much_the_newest_are_told_and_how_it_came(
    proposal: Any, monkeypatch: pytest.MonkeyPatch, more: int, entries: int
) -> None:
    monkeypatch.setattr(read, "MOST_EVENTS", 5)
    for n in range(more):
        record("step.completed", actor=TIMER, proposal=proposal.pk, data={"step": str(n)})

    found = told(proposal)

    assert len(found) == entries
    assert found[0].text == "Proposed by support-bot"
    assert (found[0].sub == "the log has the rest") is (more > 4)
    assert [entry.text for entry in found[1:]] == [f"Step {n} completed" for n in range(more)][-5:]


def test_what_people_wrote_stands_with_what_they_did_and_is_marked(proposal: Any, ana: Any, ben: Any) -> None:
    Proposal.objects.update(approvals_needed=3)
    approve(proposal, ana, reason="fine\u200b", arguments={"order_id": "#W1", "amount": 40})
    decide.take_back(proposal.pk, reviewer=ana, actor=actor_of(ana))
    claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
    claims.release(proposal.pk, user=ben, actor=actor_of(ben))
    comments.comment(proposal.pk, author=ben, actor=actor_of(ben), text="<b>odd</b>")
    reject(proposal, ben, "no")

    found = [(e.text, e.sub, "".join(piece.text for piece in e.said)) for e in told(proposal)]

    assert found == [
        ("Proposed by support-bot", "", ""),
        ("Ana approved suggestion 1", "edited: Amount 54.04 → 40", "fine\u200b"),
        ("Ana took back what they had said", "", ""),
        ("Ben took it on", "", ""),
        ("Ben let go of it", "", ""),
        ("Ben noted", "", "<b>odd</b>"),
        ("Ben rejected it", "", "no"),
    ]


def test_a_team_that_is_no_more_is_told_by_its_slug(proposal: Any, ana: Any, cyd: Any) -> None:
    finance = Team.objects.get(pk="finance")
    decide.escalate(proposal.pk, to=finance, reviewer=ana, actor=actor_of(ana), reason="much")
    assert [entry.text for entry in told(proposal)][-2:] == [
        "Ana escalated it to Finance",
        "Ana asks Finance in the place of Operations",
    ]
