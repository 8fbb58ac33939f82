from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from approvals.deciding import decide, edits, may_decide
from approvals.models import Decision
from audit.models import Event
from execution.models import Execution
from suggestions.answering.resolve import AlreadyResolved
from suggestions.models import Proposal, Resolution
from tests.approvals.conftest import BLOCKS_LARGE, TWO_PEOPLE
from tests.conftest import ApiClient, actor_of, suggestion_body


def approve(proposal: Any, reviewer: Any, **changes: Any) -> decide.Decided:
    suggestion = proposal.suggestions.select_related("action_type").order_by("rank").first()
    asked = {"shown_digest": suggestion.action_digest, **changes}
    return decide.approve(suggestion, reviewer=reviewer, actor=actor_of(reviewer), **asked)


def reject(proposal: Any, reviewer: Any, reason: str = "not our customer") -> decide.Decided:
    return decide.reject(proposal.pk, reviewer=reviewer, actor=actor_of(reviewer), reason=reason)


def events_of(proposal: Any) -> list[str]:
    return list(Event.objects.filter(proposal_id=proposal.pk).order_by("id").values_list("type", flat=True))


def test_an_approval_resolves_and_schedules_in_one_transaction(proposal: Any, ana: Any) -> None:
    decided = approve(proposal, ana, reason="photo matches")

    resolution = Resolution.objects.get(proposal=proposal)
    suggestion = proposal.suggestions.get()
    assert decided.resolution == resolution
    assert (resolution.status, resolution.by, resolution.user) == ("approved", "human", ana)
    assert resolution.arguments == suggestion.arguments
    assert resolution.action_digest == suggestion.action_digest
    assert Execution.objects.get().action_digest == suggestion.action_digest
    assert events_of(proposal)[:3] == ["proposal.submitted", "decision.made", "proposal.approved"]
    proposal.refresh_from_db()
    assert (proposal.status, proposal.version > 1) == ("approved", True)


def test_the_log_holds_a_commitment_to_the_reason_and_not_the_reason(proposal: Any, ana: Any) -> None:
    reject(proposal, ana, reason="Zanzibar")

    bodies = Event.objects.filter(proposal_id=proposal.pk).values_list("body", flat=True)
    assert Decision.objects.get().reason == "Zanzibar"
    assert not any("Zanzibar" in body for body in bodies)


def test_what_was_not_shown_is_not_approved(proposal: Any, ana: Any) -> None:
    with pytest.raises(decide.DigestMismatch):
        approve(proposal, ana, shown_digest="sha256:" + "0" * 64)

    assert events_of(proposal) == ["proposal.submitted"]
    assert not Decision.objects.exists()


def test_the_slower_of_two_reviewers_changes_nothing(proposal: Any, ana: Any, ben: Any) -> None:
    reject(proposal, ana)

    with pytest.raises(AlreadyResolved) as refusal:
        approve(proposal, ben)

    assert refusal.value.facts["winner"]["by"] == "Ana"
    assert Decision.objects.get().reviewer == ana
    assert events_of(proposal) == ["proposal.submitted", "decision.made", "proposal.rejected"]


def test_nobody_approves_what_their_own_agent_proposed(proposal: Any, agent: Any, ana: Any) -> None:
    agent.owner = ana
    agent.save()

    with pytest.raises(may_decide.OwnAgent):
        approve(proposal, ana)


def test_another_team_does_not_decide(proposal: Any, cyd: Any) -> None:
    with pytest.raises(may_decide.NotInTeam):
        approve(proposal, cyd)
    with pytest.raises(may_decide.NotInTeam):
        reject(proposal, cyd)


@pytest.mark.parametrize("verb", [decide.reject, decide.give_back])
def test_a_no_needs_a_reason(proposal: Any, ana: Any, verb: Any) -> None:
    with pytest.raises(decide.Invalid):
        verb(proposal.pk, reviewer=ana, actor=actor_of(ana), reason=" \n")

    assert not Decision.objects.exists()


def test_two_distinct_people_make_a_quorum(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()

    assert approve(proposal, ana).resolution is None
    with pytest.raises(may_decide.AlreadyDecided):
        approve(proposal, ana)
    assert Proposal.objects.get().status == "pending"
    assert approve(proposal, ben).resolution is not None

    assert Proposal.objects.get().status == "approved"
    assert {d.reviewer for d in Decision.objects.all()} == {ana, ben}


def test_people_who_approve_different_suggestions_do_not_agree(
    propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE)
    other = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 10})
    first, second = propose(suggestions=[suggestion_body(), other]).suggestions.all()

    for suggestion, person in ((first, ana), (second, ben)):
        shown = suggestion.action_digest
        decide.approve(suggestion, reviewer=person, actor=actor_of(person), shown_digest=shown)

    assert Proposal.objects.get().status == "pending"


def test_one_no_ends_what_waits_for_a_second_yes(propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()
    approve(proposal, ana)

    reject(proposal, ben)

    assert Proposal.objects.get().status == "rejected"


def test_an_edit_is_digested_anew_and_is_what_runs(proposal: Any, ana: Any) -> None:
    decided = approve(proposal, ana, arguments={"order_id": "#W1", "amount": 40})

    assert decided.resolution is not None
    assert decided.resolution.arguments == {"order_id": "#W1", "amount": 40}
    assert decided.resolution.action_digest != proposal.suggestions.get().action_digest
    assert Execution.objects.get().action_digest == decided.resolution.action_digest


def test_an_edit_against_the_schema_is_refused(proposal: Any, ana: Any) -> None:
    with pytest.raises(decide.Invalid) as refusal:
        approve(proposal, ana, arguments={"order_id": "#W1", "amount": -1})

    assert refusal.value.errors[0]["pointer"] == "/arguments/amount"


def test_an_edit_that_the_policy_blocks_is_refused(propose: Any, policy: Any, ana: Any) -> None:
    policy(BLOCKS_LARGE)

    with pytest.raises(edits.EditBlocked):
        approve(propose(), ana, arguments={"order_id": "#W1", "amount": 101})


def test_an_edit_may_ask_for_a_second_person(propose: Any, policy: Any, ana: Any) -> None:
    policy(BLOCKS_LARGE)

    assert approve(propose(), ana, arguments={"order_id": "#W1", "amount": 61}).resolution is None
    assert Proposal.objects.get().approvals_needed == 2


def test_a_late_decision_is_refused_before_the_sweeper_comes(proposal: Any, ana: Any) -> None:
    Proposal.objects.update(deadline=proposal.created_at)

    with pytest.raises(may_decide.TooLate):
        approve(proposal, ana)


def test_a_decision_whose_event_cannot_be_written_does_not_happen(
    proposal: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("suggestions.answering.resolve.record", broken)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        approve(proposal, ana)

    assert Proposal.objects.get().status == "pending"
    assert not Decision.objects.exists()


# --- Over the API -----------------------------------------------------------------------------


def body_of(proposal: Any, verdict: str = "approve") -> dict[str, Any]:
    suggestion = proposal.suggestions.get()
    if verdict != "approve":
        return {"verdict": verdict, "reason": "no"}
    return {
        "verdict": "approve",
        "suggestion": str(suggestion.pk),
        "action_digest": suggestion.action_digest,
    }


def test_a_reviewers_program_decides_with_a_token(proposal: Any, ana: Any, api_as: Any) -> None:
    answer = api_as(ana).post(f"proposals/{proposal.pk}/decisions/", body_of(proposal))

    assert answer.status_code == 201
    assert answer.json()["resolution"]["actor"] == "Ana"


def test_who_may_not_decide_is_told_so(proposal: Any, cyd: Any, dora: Any, api: Any, api_as: Any) -> None:
    address, body = f"proposals/{proposal.pk}/decisions/", body_of(proposal)

    assert api_as(cyd).post(address, body).status_code == 404  # another team
    assert api_as(dora).post(address, body).status_code == 403  # an auditor
    assert api.post(address, body).status_code == 403  # an agent
    assert ApiClient().post(address, body).status_code == 401
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"action_digest": "sha256:" + "0" * 64}, 409),
        ({"action_digest": None}, 422),
        ({"suggestion": None}, 422),
        ({"suggestion": "00000000-0000-7000-8000-000000000000"}, 422),
        ({"verdict": "reject"}, 422),
        ({"verdict": "perhaps"}, 422),
        ({"arguments": {"order_id": "#W1"}}, 422),
    ],
)
def test_a_wrong_decision_is_refused(proposal: Any, ana: Any, api_as: Any, change: Any, status: int) -> None:
    answer = api_as(ana).post(f"proposals/{proposal.pk}/decisions/", {**body_of(proposal), **change})

    assert answer.status_code == status, answer.content
    assert Proposal.objects.get().status == "pending"


@pytest.mark.django_db(transaction=True)
def test_of_fifty_deciders_at_once_one_wins_and_the_others_are_told_who(propose: Any, api_as: Any) -> None:
    from tests.conftest import make_person

    proposal = propose()
    people = [make_person(f"reviewer{n}", "reviewer") for n in range(50)]
    clients = [api_as(person) for person in people]
    ready = threading.Barrier(50)
    answers: list[Any] = []

    def decide_now(client: ApiClient, verdict: str) -> None:
        body = body_of(proposal, verdict)
        ready.wait()
        answers.append(client.post(f"proposals/{proposal.pk}/decisions/", body))
        connection.close()

    threads = [
        threading.Thread(target=decide_now, args=(client, ("approve", "reject", "return")[n % 3]))
        for n, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winner = Resolution.objects.get()
    assert sorted(a.status_code for a in answers) == [201] + [409] * 49
    assert {a.json()["winner"]["by"] for a in answers if a.status_code == 409} == {winner.actor_name}
    assert Decision.objects.count() == 1
    assert Event.objects.filter(type="decision.made").count() == 1


# --- Several teams that have to agree -------------------------------------------------------------

TWO_TEAMS = """
version: 1
defaults: {verdict: review, team: operations}
rules:
  - name: money
    when: 'true'
    then: {team: finance, priority: 80}
  - name: customers
    when: 'true'
    then: {team: operations}
"""


def test_every_required_team_has_to_agree(policy: Any, propose: Any, ana: Any, ben: Any, cyd: Any) -> None:
    policy(TWO_TEAMS)
    proposal = propose()
    assert proposal.teams == ["finance", "operations"]

    assert approve(proposal, ana).resolution is None
    assert approve(proposal, ben).resolution is None  # of the same team: nobody of finance has agreed
    assert approve(proposal, cyd).resolution is not None


def test_somebody_of_a_second_team_may_reject(policy: Any, propose: Any, ana: Any) -> None:
    policy(TWO_TEAMS)
    assert reject(propose(), ana).resolution is not None


def test_somebody_of_another_team_may_not_decide(policy: Any, propose: Any, cyd: Any) -> None:
    cyd.teams.clear()
    policy(TWO_TEAMS)
    with pytest.raises(may_decide.NotInTeam):
        approve(propose(), cyd)


def test_an_edit_that_concerns_another_team_asks_it_too(
    policy: Any, propose: Any, ana: Any, cyd: Any
) -> None:
    policy(
        "version: 1\ndefaults: {team: operations}\n"
        "rules: [{name: much, when: args.amount > 60.0, then: {team: finance}}]"
    )
    proposal = propose()
    dear = {"order_id": "#W1", "amount": 61.0}

    assert approve(proposal, ana, arguments=dear).resolution is None
    proposal.refresh_from_db()
    assert proposal.teams == ["operations", "finance"]
    assert approve(proposal, cyd, arguments=dear).resolution is not None
