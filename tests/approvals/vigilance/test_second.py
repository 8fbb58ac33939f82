"""Deciding a second time, blind: chosen by chance, kept from the one who is asked, changing nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from approvals.deciding import second, undo
from approvals.models import Decision, Look
from approvals.queue.rows import rows_of
from audit.ground.refusals import Invalid
from audit.models import Event
from execution.models import Execution
from suggestions.models import Proposal, SecondReview
from tests.approvals.deciding.test_decide import approve, events_of, reject
from tests.conftest import actor_of, suggestion_body

ALL = "version: 1\ndefaults: {verdict: review, team: operations, second_review: 1.0, grace: 1m}\n"


@pytest.fixture
def review(propose: Any, policy: Any, ana: Any, ben: Any) -> SecondReview:
    """Ana approved, and Ben is asked what he would have said."""
    policy(ALL)
    approve(propose(), ana, reason="a first thought")
    return SecondReview.objects.get()


def test_one_of_the_others_is_chosen_with_the_answer(review: SecondReview, ana: Any, ben: Any) -> None:
    assert (review.first, review.second, review.share, review.status) == (ana, ben, 1.0, "open")
    assert "second_review.chosen" in events_of(review.proposal)


@pytest.mark.parametrize("share", ["0", "0.0"])
def test_nothing_is_chosen_where_the_policy_asks_for_none(
    propose: Any, policy: Any, ana: Any, ben: Any, share: str
) -> None:
    policy(ALL.replace("1.0", share))
    approve(propose(), ana)
    assert SecondReview.objects.count() == 0


def test_neither_the_owner_nor_who_had_a_part_or_looks_at_it_now_is_asked(
    propose: Any, policy: Any, agent: Any, ana: Any, ben: Any
) -> None:
    policy(ALL)
    agent.owner = ben
    agent.save()
    approve(propose(), ana)
    agent.owner = ana
    agent.save()
    looked_at = propose()
    Look.objects.create(proposal=looked_at, user=ana, until=Now() + timedelta(minutes=1))
    reject(looked_at, ben)
    assert SecondReview.objects.count() == 0


def test_until_they_have_answered_they_can_see_nothing_of_it(
    review: SecondReview, ben: Any, client: Any, api_as: Any
) -> None:
    proposal = review.proposal
    client.force_login(ben)
    api = api_as(ben)

    assert client.get(f"/queue/{proposal.pk}/")["Location"] == f"/queue/second/{review.pk}/"
    text = client.get(f"/queue/second/{review.pk}/").content.decode()
    for leak in ("a first thought", "Ana ", "Ana<", "Ana,", "is approved", "approved by"):
        assert leak not in text.split("<main", 1)[1]
    assert api.get(f"proposals/{proposal.pk}/").status_code == 404
    assert api.get(f"proposals/{proposal.pk}/execution/").status_code == 404
    assert str(proposal.pk) not in api.get("proposals/").content.decode()
    assert str(proposal.pk) not in client.get("/executions/").content.decode()
    history = reverse("approvals:history")
    for path in (history, f"{history}?q={proposal.pk}", f"{history}?q=customer-19122"):
        assert f"/queue/{proposal.pk}/" not in client.get(path).content.decode()
    [row] = rows_of([proposal.pk])
    assert (row.status, row.status_label) == ("decided", "decided")

    second.answer(review.pk, verdict="reject", reason="too much", reviewer=ben, actor=actor_of(ben))
    assert "a first thought" in client.get(f"/queue/{proposal.pk}/").content.decode()
    assert api.get(f"proposals/{proposal.pk}/").json()["status"] == "approved"
    [row] = rows_of([proposal.pk])
    assert (row.status, row.status_label) == ("approved", "approved by Ana")


def test_others_see_all_of_it(review: SecondReview, ana: Any, dora: Any, client: Any) -> None:
    for person in (ana, dora):
        client.force_login(person)
        assert "a first thought" in client.get(f"/queue/{review.proposal_id}/").content.decode()


def test_an_answer_changes_nothing_of_what_was_decided(review: SecondReview, ben: Any) -> None:
    before = (Proposal.objects.get().status, Decision.objects.count(), Execution.objects.get().status)
    second.answer(review.pk, verdict="reject", reason="too much", reviewer=ben, actor=actor_of(ben))

    assert (Proposal.objects.get().status, Decision.objects.count(), Execution.objects.get().status) == before
    review.refresh_from_db()
    assert (review.status, review.verdict, review.reason) == ("differed", "reject", "too much")
    body = Event.objects.get(type="second_review.answered").body
    assert '"agrees":false' in body
    assert "too much" not in body
    assert list(second.unsettled()) == [review]
    second.settle(review, actor=actor_of(ben))
    assert list(second.unsettled()) == []


def test_to_agree_is_to_approve_the_same_suggestion(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(ALL)
    two = [suggestion_body(), suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 20})]
    for rank, status in ((1, "agreed"), (2, "differed")):
        proposal = propose(suggestions=two)
        approve(proposal, ana)
        review = SecondReview.objects.get(proposal=proposal)
        answered = second.answer(
            review.pk,
            verdict="approve",
            suggestion=proposal.suggestions.get(rank=rank),
            reviewer=ben,
            actor=actor_of(ben),
        )
        assert answered.status == status


def test_nobody_else_answers_and_nobody_twice(review: SecondReview, ana: Any, ben: Any, cyd: Any) -> None:
    for stranger in (ana, cyd):
        with pytest.raises(second.NotAskedOfYou):
            second.answer(
                review.pk, verdict="reject", reason="x", reviewer=stranger, actor=actor_of(stranger)
            )
    second.answer(review.pk, verdict="reject", reason="x", reviewer=ben, actor=actor_of(ben))
    with pytest.raises(second.NotAskedOfYou):
        second.answer(review.pk, verdict="return", reason="x", reviewer=ben, actor=actor_of(ben))


@pytest.mark.parametrize(
    ("verdict", "reason"), [("approve", ""), ("reject", " "), ("return", ""), ("escalate", "x"), ("", "x")]
)
def test_an_answer_says_what_and_why(review: SecondReview, ben: Any, verdict: str, reason: str) -> None:
    with pytest.raises(Invalid):
        second.answer(review.pk, verdict=verdict, reason=reason, reviewer=ben, actor=actor_of(ben))


def test_silence_ends_it_and_opens_the_page_again(review: SecondReview, ben: Any, client: Any) -> None:
    SecondReview.objects.update(deadline=Now() - timedelta(seconds=1))
    assert second.expire_unanswered() == 1
    assert second.expire_unanswered() == 0
    client.force_login(ben)
    assert client.get(f"/queue/{review.proposal_id}/").status_code == 200


def test_what_is_undone_is_asked_no_more(review: SecondReview, ana: Any, ben: Any) -> None:
    undo.undo(review.proposal_id, reviewer=ana, actor=actor_of(ana))
    assert SecondReview.objects.count() == 0
    assert Proposal.objects.visible_to(ben).count() == 1
    reject(review.proposal, ana)
    assert SecondReview.objects.get().first == ana


def test_on_its_page_it_is_answered_and_what_is_missing_is_asked_for(
    review: SecondReview, ben: Any, client: Any
) -> None:
    client.force_login(ben)
    assert "Second look" in client.get("/queue/").content.decode()
    form = {"verdict": "reject", "reason": ""}
    refused = client.post(f"/queue/second/{review.pk}/answer/", form)
    assert refused.status_code == 422
    assert "Say why" in refused.content.decode()
    form["reason"] = "too much"
    assert (
        client.post(f"/queue/second/{review.pk}/answer/", form)["Location"] == f"/queue/{review.proposal_id}/"
    )
    text = client.get("/queue/second/?show=answered").content.decode()
    assert "would have said otherwise" in text
    assert "too much" in text


def test_the_share_is_about_the_share(
    propose: Any, policy: Any, ana: Any, ben: Any, monkeypatch: Any
) -> None:
    policy(ALL.replace("1.0", "0.05"))
    for chance, chosen in ((0.049, 1), (0.051, 1)):
        monkeypatch.setattr(second._chance, "random", lambda chance=chance: chance)
        reject(propose(suggestions=[suggestion_body(arguments={"order_id": f"#{chance}", "amount": 1})]), ana)
        assert SecondReview.objects.count() == chosen
