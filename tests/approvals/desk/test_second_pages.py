"""The page of a second look: what it refuses, and what it never tells before it is answered."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now
from django.test import Client

from approvals.beside import comments
from approvals.deciding import second
from audit.models import Event
from suggestions.models import Proposal, SecondReview
from tests.approvals.deciding.test_decide import approve
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here


@pytest.fixture
def review(propose: Any, ana: Any, ben: Any) -> SecondReview:
    """Ana approved the first of two suggestions, edited; Ben is asked what he would have said."""
    proposal = propose(
        title="A \u202etitle",
        context={
            "messages": [{"role": "user", "content": "Broken."}, "bare text", {"role": "<i>", "extra": None}],
            "shop": {"lines": [{"n": True}], "empty": {}},
        },
        suggestions=[
            suggestion_body(risk={"level": "low", "indicators": [{"code": "new", "detail": "3 days old"}]}),
            suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 5}),
        ],
    )
    approve(proposal, ana, arguments={"order_id": "#W1", "amount": 41.99}, reason="a first thought")
    comments.comment(proposal.pk, author=ana, actor=actor_of(ana), text="a note of mine")
    return SecondReview.objects.create(
        proposal=proposal,
        team_id="operations",
        first=ana,
        second=ben,
        share=1,
        deadline=Now() + timedelta(days=1),
    )


@pytest.fixture
def desk(review: SecondReview, ben: Any) -> Client:
    return browser(ben)


def address(review: SecondReview, verb: str = "") -> str:
    return f"/queue/second/{review.pk}/{verb}"


def test_the_page_has_all_that_the_agent_sent_and_nothing_that_people_did(
    review: SecondReview, desk: Client
) -> None:
    page = desk.get(address(review)).content.decode().split("<main")[1].split("</main")[0]
    text = html.unescape(page)

    for said in (
        "A ",
        "U+202E",
        "Broken.",
        "bare text",
        "shop.lines.0.n",
        "role: <i>",
        "3 days old",
        "54.04",
        "It arrived broken.",
    ):
        assert said in text, said
    for hidden in ("Ana", "a first thought", "a note of mine", "41.99", "pproved by", "<i>", "\u202e"):
        assert hidden not in page, hidden


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Approve, reject or return."),
        ({"verdict": "escalate", "reason": "x"}, "Approve, reject or return."),
        ({"verdict": "approve"}, "Choose one of the suggestions to approve."),
        ({"verdict": "approve", "suggestion": "nonsense"}, "Choose one of the suggestions to approve."),
        ({"verdict": "approve", "suggestion": str(UUID(int=7))}, "Choose one of the suggestions to approve."),
        ({"verdict": "reject"}, "Say why: it is what the two of you will talk about."),
        ({"verdict": "reject", "reason": " \n "}, "Say why: it is what the two of you will talk about."),
        ({"verdict": "return", "reason": "y" * 2_001}, "Say it in at most 2,000 characters."),
    ],
)
def test_an_answer_that_is_none_is_given_back_and_noted(
    review: SecondReview, desk: Client, sent: dict[str, str], said: str
) -> None:
    answer = desk.post(address(review, "answer/"), sent)

    text = html.unescape(answer.content.decode())
    assert (answer.status_code, said in text) == (422, True)
    assert sent.get("reason", "").strip() in text
    assert "a first thought" not in text
    review.refresh_from_db()
    assert (review.status, review.verdict, review.ended_at) == ("open", "", None)
    assert Event.objects.filter(type="second_review.refused").count() == 1
    assert not Event.objects.filter(type="second_review.answered").exists()


def test_a_suggestion_of_another_proposal_is_none_of_these(
    review: SecondReview, desk: Client, propose: Any
) -> None:
    other = propose().suggestions.get()
    answer = desk.post(address(review, "answer/"), {"verdict": "approve", "suggestion": str(other.pk)})
    assert answer.status_code == 422
    review.refresh_from_db()
    assert review.status == "open"


@pytest.mark.parametrize(
    ("rank", "told"), [(1, "You agree with what was decided."), (2, "It was decided otherwise.")]
)
def test_after_the_answer_everything_is_told(
    review: SecondReview, desk: Client, rank: int, told: str
) -> None:
    chosen = review.proposal.suggestions.get(rank=rank)

    answer = desk.post(
        address(review, "answer/"), {"verdict": "approve", "suggestion": str(chosen.pk)}, follow=True
    )

    assert answer.redirect_chain == [(f"/queue/{review.proposal_id}/", 302)]
    text = answer.content.decode()
    assert told in text
    assert "a first thought" in text
    assert "a note of mine" in text
    assert desk.get(address(review)).status_code == 404
    again = desk.post(address(review, "answer/"), {"verdict": "reject", "reason": "no"})
    assert again.status_code == 404
    review.refresh_from_db()
    assert review.verdict == "approve"


def over(review: SecondReview, ben: Any) -> None:
    SecondReview.objects.update(deadline=Now() - timedelta(seconds=1))


def expired(review: SecondReview, ben: Any) -> None:
    over(review, ben)
    assert second.expire_unanswered() == 1


def let_go(review: SecondReview, ben: Any) -> None:
    second.let_go(review.proposal, actor=actor_of(ben))


def somebody_else(review: SecondReview, ben: Any) -> None:
    SecondReview.objects.update(first=ben, second=review.first)


@pytest.mark.parametrize("meanwhile", [over, expired, let_go, somebody_else])
def test_what_is_asked_no_more_is_not_there(
    review: SecondReview, desk: Client, ben: Any, meanwhile: Any
) -> None:
    meanwhile(review, ben)

    for answer in (
        desk.get(address(review)),
        desk.post(address(review, "answer/"), {"verdict": "reject", "reason": "no"}),
    ):
        assert answer.status_code == 404
    assert not Event.objects.filter(type="second_review.answered").exists()
    assert "Second look" not in desk.get("/queue/").content.decode()


def test_what_ends_between_the_page_and_the_answer_is_told(
    review: SecondReview, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = second.answer

    def too_late(*asked: Any, **how: Any) -> Any:
        over(review, None)
        return said(*asked, **how)

    monkeypatch.setattr(second, "answer", too_late)

    answer = desk.post(address(review, "answer/"), {"verdict": "reject", "reason": "no"})

    assert (answer.status_code, "This is not asked of you, or not any more." in answer.content.decode()) == (
        409,
        True,
    )
    assert Proposal.objects.get(pk=review.proposal_id).status == "approved"
