"""What was decided before on the like of it: counted, in order, and what speaks against it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from approvals.detail.gather import detail_of
from approvals.detail.precedents import SHOWN, Precedents, precedents
from approvals.detail.revised import LONGEST_CHAIN
from governance.models import Agent
from suggestions.models import Proposal, RejectedAction, Resolution, Sample
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here


def ask(propose: Any, n: int, subject: str = "", **more: Any) -> Any:
    body = suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})
    about = {"type": "customer", "id": subject or f"customer-{n}"}
    return propose(subject=about, suggestions=[body], **more)


def found(proposal: Any, reader: Any) -> Precedents:
    return precedents(Proposal.objects.get(pk=proposal.pk), reader)


@pytest.mark.parametrize(
    ("decided", "told"),
    [
        ("", ""),
        ("a", "1 approved"),
        ("r", "1 rejected"),
        ("e", "1 approved, 1 edited"),
        ("aare", "3 approved, 1 rejected, 1 edited"),
        ("w", ""),
    ],
)
def test_what_people_decided_is_counted(propose: Any, ana: Any, decided: str, told: str) -> None:
    for n, how in enumerate(decided):
        one = ask(propose, n)
        if how == "a":
            approve(one, ana)
        elif how == "e":
            approve(one, ana, arguments={"order_id": f"#W{n}", "amount": 99})
        elif how == "r":
            reject(one, ana)
        else:
            Proposal.objects.filter(pk=one.pk).update(status="withdrawn")
    assert found(ask(propose, 100), ana).told == told


def test_a_no_stands_first_and_does_not_hide_the_newest_yes(propose: Any, ana: Any) -> None:
    for n in range(SHOWN + 2):
        reject(ask(propose, n), ana, f"no {n}")
    approve(ask(propose, 50), ana)

    shown = found(ask(propose, 100), ana).of_action

    assert [one.status for one in shown] == ["rejected"] * (SHOWN - 1) + ["approved"]
    reasons = ["".join(piece.text for piece in one.reason) for one in shown]
    assert reasons == ["no 5", "no 4", "no 3", ""]


def test_nobody_is_told_of_what_they_may_not_see(propose: Any, ana: Any, cyd: Any, dora: Any) -> None:
    one = ask(propose, 1)
    reject(one, ana)
    now = ask(propose, 2)
    assert found(now, cyd).told == ""
    assert found(now, dora).told == "1 rejected"


@pytest.mark.parametrize(
    ("same", "how", "said"),
    [
        (True, "rejected", "Exactly this was rejected by Ana on"),
        (False, "rejected", None),
        (True, "wrong", "Exactly this was approved by Ana; checked afterwards: it was wrong"),
        (True, "fine", None),
    ],
)
def test_what_speaks_against_it_is_found(
    propose: Any, ana: Any, same: bool, how: str, said: str | None
) -> None:
    before = ask(propose, 1)
    (reject if how == "rejected" else approve)(before, ana)
    RejectedAction.objects.all().delete()  # so that the very same may be asked again
    if how == "wrong":
        Sample.objects.create(
            proposal=before,
            agent_id=before.agent_id,
            action=before.action,
            team_id="operations",
            share=1,
            status="wrong",
            reason="no",
            reviewer=ana,
            ended_at=Resolution.objects.get().at,
        )
    now = ask(propose, 1 if same else 2)

    against = found(now, ana).speaks_against

    assert bool(against) is (said is not None)
    assert said is None or said in against[0].text


def test_the_same_subject_counts_whoever_asks_and_no_subject_is_none(
    propose: Any, agent: Any, ana: Any, olga: Any
) -> None:
    other = Agent.objects.create(name="other-bot", owner=olga)
    before = ask(propose, 1, subject="customer-7")
    reject(before, ana)
    Proposal.objects.filter(pk=before.pk).update(agent=other)
    Resolution.objects.update(agent=other)

    assert [one.status for one in found(ask(propose, 2, subject="customer-7"), ana).of_subject] == [
        "rejected"
    ]
    assert found(ask(propose, 3, subject="customer-8"), ana).of_subject == []
    bare = propose(subject=None, suggestions=[suggestion_body(arguments={"order_id": "#W4", "amount": 4})])
    assert found(bare, ana).of_subject == []


# --- Revisions ------------------------------------------------------------------------------------------


def test_a_long_chain_of_revisions_ends(propose: Any, ana: Any) -> None:
    made = [ask(propose, n) for n in range(LONGEST_CHAIN + 3)]
    for before, after in pairwise(made):
        Proposal.objects.filter(pk=after.pk).update(revises=before)

    told = detail_of(made[-1].pk, reader=ana).revised

    assert told is not None
    assert [one.url for one in told.earlier] == [
        f"/queue/{one.pk}/" for one in made[-2 : -2 - LONGEST_CHAIN : -1]
    ]
    assert told.later == []
    first = detail_of(made[0].pk, reader=ana).revised
    assert first is not None
    assert ([one.url for one in first.later], first.earlier) == ([f"/queue/{made[1].pk}/"], [])


def test_what_differs_from_the_one_before_is_told_and_the_rest_counted(propose: Any, ana: Any) -> None:
    before = ask(propose, 1)
    after = ask(propose, 2, title="Another title")
    Proposal.objects.filter(pk=after.pk).update(revises=before)

    told = detail_of(after.pk, reader=ana).revised

    assert told is not None
    said = {
        one.label: tuple("".join(p.text for c in side for p in c.shown) for side in (one.before, one.now))
        for one in told.differences
    }
    assert said == {
        "The agent’s title": ("Refund for a broken kettle", "Another title"),
        "Order": ("#W1", "#W2"),
        "Amount": ("2", "3"),
    }
    assert told.same == 5  # summary, confidence, success, risk, explanation
