"""What whoever looks at a proposal may do about it, and what they are told where they may not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models.functions import Now

from approvals.beside import claims
from approvals.detail.bar import Bar
from approvals.detail.gather import detail_of
from approvals.models import Claim
from governance.models import Agent, Team
from suggestions.models import Proposal
from tests.approvals.deciding.test_decide import approve, reject
from tests.conftest import actor_of, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

VERBS = {"approve", "reject", "return", "escalate", "claim", "release", "assign", "take_back"}
ALWAYS = {"comment", "undo"}


def bar(proposal: Any, reader: Any, query: str = "") -> Bar:
    return detail_of(proposal.pk, reader=reader, query=query).bar


def test_who_is_asked_may_say_everything(proposal: Any, ana: Any, ben: Any, cyd: Any) -> None:
    found = bar(proposal, ana, "?risk=high")

    assert (found.why_not, found.why_not_approve, found.can_take_back, found.may_comment) == (
        "",
        "",
        False,
        True,
    )
    assert set(found.urls) == VERBS | ALWAYS
    assert found.urls["take_back"] == f"/queue/{proposal.pk}/take-back/?risk=high"
    assert found.people == [(ben.pk, "Ben")]
    assert found.teams == [("finance", "Finance")]
    [approval] = found.approvals
    assert "".join(piece.text for piece in approval.label) == "Approve refund 54.04 for order #W1"
    assert approval.digest == proposal.suggestions.get().action_digest


@pytest.mark.parametrize(
    ("reader", "why", "comments"),
    [
        ("dora", "You can read this proposal; deciding on it is for reviewers.", False),
        ("olga", "You can read this proposal; deciding on it is for reviewers.", False),
        ("cyd", "This is for Operations; only its members decide on it.", True),
    ],
)
def test_who_only_reads_is_told_why(
    proposal: Any, request: pytest.FixtureRequest, reader: str, why: str, comments: bool
) -> None:
    person = request.getfixturevalue(reader)
    person.groups.add(Group.objects.get(name="auditor"))  # who sees every proposal
    found = bar(proposal, person)
    assert (found.why_not, found.may_comment) == (why, comments)
    assert set(found.urls) == ALWAYS
    assert (found.approvals, found.people, found.teams) == ([], [], [])


def test_several_teams_are_named(proposal: Any, dora: Any, cyd: Any) -> None:
    dora.groups.add(Group.objects.get(name="reviewer"))
    Team.objects.create(slug="legal", name="Legal")
    Proposal.objects.update(also_teams=["finance"])
    assert bar(proposal, dora).why_not == "This is for Operations and Finance; only its members decide on it."


@pytest.mark.parametrize(
    ("said", "why", "takes_back"),
    [
        (approve, "You approved this. It waits for somebody else to agree.", True),
        (reject, "You rejected this. It waits for somebody else to say so too.", True),
    ],
)
def test_who_has_said_something_may_take_it_back_while_it_waits(
    proposal: Any, ana: Any, ben: Any, said: Any, why: str, takes_back: bool
) -> None:
    Proposal.objects.update(approvals_needed=2, raised={"rejections": 2})
    said(proposal, ana)
    found = bar(proposal, ana)
    assert (found.why_not, found.can_take_back, found.approvals) == (why, takes_back, [])
    assert bar(proposal, ben).why_not == ""

    (approve if said is approve else reject)(proposal, ben)

    over = bar(proposal, ana)
    assert (over.why_not, over.can_take_back, over.claim) == ("It has been decided.", False, None)
    assert set(over.urls) == ALWAYS


def test_the_owner_may_say_no(proposal: Any, ana: Any) -> None:
    Agent.objects.update(owner=ana)
    found = bar(proposal, ana)
    assert found.why_not == ""
    assert found.why_not_approve == "You own this agent, so somebody else has to approve what it proposes."


def test_each_suggestion_and_each_version_of_it_has_its_button(propose: Any, ana: Any, ben: Any) -> None:
    proposal = propose(
        suggestions=[suggestion_body(), suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 5})]
    )
    Proposal.objects.update(approvals_needed=2)
    approve(proposal, ben, arguments={"order_id": "#W1", "amount": 40})

    labels = ["".join(piece.text for piece in one.label) for one in bar(proposal, ana).approvals]

    assert labels == [
        "Approve 1: refund 54.04 for order #W1",
        "Approve 2: refund 5 for order #W1",
        "Approve 3: refund 40 for order #W1",
    ]
    assert [bool(one.edit_url) for one in bar(proposal, ana).approvals] == [True, True, False]


@pytest.mark.parametrize(("by", "mine", "assigned"), [("ana", True, ""), ("ben", False, "")])
def test_who_is_on_it_is_said(
    proposal: Any, ana: Any, ben: Any, request: pytest.FixtureRequest, by: str, mine: bool, assigned: str
) -> None:
    who = request.getfixturevalue(by)
    claims.claim(proposal.pk, user=who, actor=actor_of(who))
    lease = bar(proposal, ana).claim
    assert lease is not None
    assert (lease.who, lease.mine, lease.by) == (who.first_name, mine, assigned)

    Claim.objects.update(until=Now() - timedelta(seconds=1))
    assert bar(proposal, ana).claim is None


def test_who_was_put_on_it_is_told_by_whom(proposal: Any, ana: Any, ben: Any) -> None:
    claims.assign(proposal.pk, to=ana, by=ben, actor=actor_of(ben))
    lease = bar(proposal, ana).claim
    assert lease is not None
    assert (lease.who, lease.mine, lease.by) == ("Ana", True, "Ben")


@pytest.mark.parametrize("grace", [0, 300])
def test_an_approval_can_be_undone_for_a_while(proposal: Any, ana: Any, ben: Any, grace: int) -> None:
    Proposal.objects.update(raised={"grace_seconds": grace})
    approve(proposal, ana)
    left = bar(proposal, ana).undo_left
    assert (left > 0) is bool(grace)
    assert left <= grace
    assert bar(proposal, ben).undo_left == 0
