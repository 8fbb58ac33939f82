"""Several people at one proposal: quorum, four eyes, taking back, escalating, undoing, claims, comments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from approvals.attention import looks
from approvals.beside import claims, comments
from approvals.deciding import decide, may_decide, undo
from approvals.models import Claim, Comment, Decision, Look
from audit.ground.refusals import Invalid
from audit.models import Event
from execution.holding.lease import take
from execution.models import Execution
from execution.running.undo import TooLateToUndo
from governance.models import Team
from suggestions.models import Precedent, Proposal, Resolution
from tests.approvals.conftest import TWO_PEOPLE
from tests.approvals.deciding.test_decide import approve, events_of, reject
from tests.conftest import actor_of

GRACE = "version: 1\ndefaults: {verdict: review, team: operations, grace: 1m}\n"
EDITED = {"order_id": "#W1", "amount": 40}


def status_of(proposal: Any) -> str:
    return Proposal.objects.get(pk=proposal.pk).status


def test_who_edited_does_not_count_where_four_eyes_are_asked_for(
    propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, four_eyes: true}\n")
    proposal = propose()

    edited = approve(proposal, ana, arguments=EDITED)
    assert edited.resolution is None
    agreed = approve(proposal, ben, shown_digest=edited.decision.action_digest)

    assert agreed.resolution is not None
    assert agreed.resolution.arguments == EDITED
    assert Execution.objects.get().action_digest == edited.decision.action_digest


def test_without_four_eyes_one_person_edits_and_approves(proposal: Any, ana: Any) -> None:
    assert approve(proposal, ana, arguments=EDITED).resolution is not None


def test_the_owner_may_approve_only_where_the_policy_says_so_aloud(
    propose: Any, policy: Any, agent: Any, ana: Any
) -> None:
    agent.owner = ana
    agent.save()
    policy("version: 1\ndefaults: {verdict: review, team: operations, owner_may_approve: true}\n")

    assert approve(propose(), ana).resolution is not None


def test_several_rejections_where_the_policy_wants_them(
    propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy("version: 1\ndefaults: {verdict: review, team: operations, rejections: 2}\n")
    proposal = propose()

    assert reject(proposal, ana).resolution is None
    assert reject(proposal, ben).resolution is not None

    assert status_of(proposal) == "rejected"


def test_what_one_said_is_taken_back_and_said_anew(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()
    approve(proposal, ana)

    decide.take_back(proposal.pk, reviewer=ana, actor=actor_of(ana))
    assert approve(proposal, ben).resolution is None
    with pytest.raises(decide.NothingToTakeBack):
        decide.take_back(proposal.pk, reviewer=ana, actor=actor_of(ana))
    assert approve(proposal, ana).resolution is not None

    assert list(Decision.objects.order_by("id").values_list("standing", flat=True)) == [False, True, True]


def test_escalating_hands_over_the_place_of_ones_team(proposal: Any, ana: Any, ben: Any, cyd: Any) -> None:
    finance = Team.objects.get(slug="finance")

    decide.escalate(proposal.pk, to=finance, reviewer=ana, actor=actor_of(ana), reason="above my head")

    with pytest.raises(may_decide.NotInTeam):
        approve(proposal, ben)
    assert approve(proposal, cyd).resolution is not None
    assert events_of(proposal)[1:3] == ["decision.made", "proposal.escalated"]


def test_nothing_is_escalated_to_a_team_that_can_not_decide(proposal: Any, ana: Any) -> None:
    nobody = Team.objects.create(slug="nobody", name="Nobody")

    with pytest.raises(Invalid):
        decide.escalate(proposal.pk, to=nobody, reviewer=ana, actor=actor_of(ana), reason="?")


def test_an_approval_is_undone_before_anything_runs(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(GRACE)
    proposal = propose()
    asked = Proposal.objects.get().numbers
    approve(proposal, ana)
    assert [u.proposal for u in undo.undoable(ana)] == [proposal.pk]

    undo.undo(proposal.pk, reviewer=ana, actor=actor_of(ana))

    assert status_of(proposal) == "pending"
    assert Proposal.objects.get().numbers == asked
    assert not Resolution.objects.exists()
    assert not Execution.objects.exists()
    assert not Precedent.objects.exists()
    assert events_of(proposal)[-2:] == ["execution.undone", "proposal.approval_undone"]
    assert reject(proposal, ben).resolution is not None


def test_what_a_worker_has_taken_is_not_undone(propose: Any, policy: Any, ana: Any) -> None:
    policy(GRACE)
    proposal = propose()
    approve(proposal, ana)
    Execution.objects.update(due_at=Now())

    with pytest.raises(TooLateToUndo):
        undo.undo(proposal.pk, reviewer=ana, actor=actor_of(ana))
    assert take(Execution.objects.get().pk) is not None
    Execution.objects.update(due_at=Now() + timedelta(hours=1))
    with pytest.raises(TooLateToUndo):
        undo.undo(proposal.pk, reviewer=ana, actor=actor_of(ana))

    assert status_of(proposal) == "approved"


def test_nobody_undoes_what_another_approved(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(GRACE)
    proposal = propose()
    approve(proposal, ana)

    with pytest.raises(undo.NotYourApproval):
        undo.undo(proposal.pk, reviewer=ben, actor=actor_of(ben))


def test_a_claim_is_a_lease_that_runs_out(proposal: Any, ana: Any, ben: Any) -> None:
    claims.claim(proposal.pk, user=ana, actor=actor_of(ana))
    with pytest.raises(claims.ClaimedByAnother, match="Ana is on this"):
        claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
    Claim.objects.update(until=Now())

    assert claims.claim(proposal.pk, user=ben, actor=actor_of(ben)).user == ben
    with pytest.raises(claims.NotYours):
        claims.release(proposal.pk, user=ana, actor=actor_of(ana))
    claims.release(proposal.pk, user=ben, actor=actor_of(ben))

    assert events_of(proposal)[1:] == ["claim.taken", "claim.taken", "claim.released"]


def test_only_who_could_decide_is_assigned(proposal: Any, ana: Any, ben: Any, cyd: Any) -> None:
    assert claims.assign(proposal.pk, to=ben, by=ana, actor=actor_of(ana)).user == ben
    with pytest.raises(Invalid):
        claims.assign(proposal.pk, to=cyd, by=ana, actor=actor_of(ana))


def test_the_log_holds_a_commitment_to_a_comment(proposal: Any, ana: Any) -> None:
    comments.comment(proposal.pk, author=ana, actor=actor_of(ana), text="  Zanzibar ")

    assert Comment.objects.get().text == "Zanzibar"
    assert not any("Zanzibar" in body for body in Event.objects.values_list("body", flat=True))


def test_no_beat_adds_more_time_than_has_passed(proposal: Any, ana: Any) -> None:
    looks.look(proposal.pk, user=ana, seconds=0)
    looks.look(proposal.pk, user=ana, seconds=50)
    assert Look.objects.get().seconds <= 1
    Look.objects.update(until=F("until") - timedelta(seconds=10))
    looks.look(proposal.pk, user=ana, seconds=9)

    assert Look.objects.get().seconds in (9, 10)
    assert looks.present([proposal.pk]) == {proposal.pk: [(ana.pk, "Ana")]}
    assert approve(proposal, ana).decision.looked_seconds in (9, 10)
