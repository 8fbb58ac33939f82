"""What is carried out rests on what people decided, by the rows and by the log that no role can change.

Every change here is made as the application's own role: what a stolen process could do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.db.models.functions import Now

from approvals.deciding import decide
from approvals.models import Decision
from audit.ground.canonical import digest
from audit.statements.prepared import execute
from execution.models import Execution
from execution.running.run import run
from execution.running.schedule import adopt
from governance.models import ActionType, Autonomy, Incident, Team
from governance.trust import standing
from governance.trust.standing import Bound
from suggestions.models import Proposal, Resolution
from tests.conftest import DEPLOYED, REFUND, actor_of, in_force
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow
from tests.queries import spent

pytestmark = pytest.mark.django_db
TWO_PEOPLE_OF = "version: 1\ndefaults: {verdict: review, team: operations, approvals: 2, decide_within: 4h}\n"
TWO_TEAMS = f"""{TWO_PEOPLE_OF}rules:
  - {{name: money, when: args.amount > 1.0, then: {{verdict: review, team: finance, reason: Money}}}}
  - {{name: goods, when: args.amount > 1.0, then: {{verdict: review, team: operations, reason: Goods}}}}
"""
EDITED = {"order_id": "#W1", "amount": 40.0}
THEFT = {"order_id": "#W1", "amount": 9999.0}


def digest_of(arguments: dict[str, Any]) -> str:
    version = Execution.objects.get().suggestion.action_type.version
    return digest({"action": "refund_payment", "version": version, "arguments": arguments})


def change(statement: str, values: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def planned(shop: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register

    register({**REFUND, "workflow": workflow(step(f"{shop.url}/refunds"))}, actor=SYSTEM)


@pytest.fixture
def agreed(propose: Callable[..., Any], planned: None) -> Callable[..., Execution]:
    """`agreed(*people, arguments=…)` returns the execution of what they approved one after another."""

    def agree(*people: Any, arguments: dict[str, Any] | None = None) -> Execution:
        proposal = propose()
        suggestion = proposal.suggestions.get(rank=1)
        shown = suggestion.action_digest
        for person in people:
            made = decide.approve(
                suggestion,
                reviewer=person,
                actor=actor_of(person),
                shown_digest=shown,
                arguments=arguments if shown == suggestion.action_digest else None,
            )
            shown = made.decision.action_digest
        return Execution.objects.get(proposal=proposal)

    return agree


def assert_refused(execution: Execution, shop: Any) -> Execution:
    run(execution.pk)
    execution.refresh_from_db()
    assert execution.status == "needs_attention", execution.reason
    assert shop.calls == []
    assert events_of(execution).count("execution.refused") == 1
    incident = Incident.objects.get()
    assert (incident.kind, incident.proposal) == ("unproved", execution.proposal_id)
    assert incident.detail == execution.reason
    return execution


# --- What people decided ----------------------------------------------------------------------


def test_what_one_person_approved_is_carried_out(agreed: Any, shop: Any, ana: Any) -> None:
    execution = run_to_rest(agreed(ana))

    assert (execution.status, len(shop.calls), Incident.objects.count()) == ("succeeded", 1, 0)


def test_what_two_teams_approved_with_an_edit_is_carried_out(
    agreed: Any, shop: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    in_force(TWO_TEAMS)

    execution = run_to_rest(agreed(ana, ben, cyd, arguments=EDITED))

    assert execution.status == "succeeded"
    assert shop.asked("/refunds")[0][1] == EDITED


def test_what_was_undone_and_approved_again_is_carried_out(
    propose: Any, planned: None, shop: Any, ana: Any
) -> None:
    from approvals.deciding.undo import undo

    proposal = propose()
    Proposal.objects.update(raised={"grace_seconds": 60})
    suggestion = proposal.suggestions.get(rank=1)
    said = {"reviewer": ana, "actor": actor_of(ana), "shown_digest": suggestion.action_digest}
    decide.approve(suggestion, **said)
    undo(proposal.pk, reviewer=ana, actor=actor_of(ana))
    Proposal.objects.update(raised={})
    decide.approve(suggestion, **said)

    assert run_to_rest(Execution.objects.get()).status == "succeeded"


def test_what_was_handed_on_to_another_team_is_carried_out(
    propose: Any, planned: None, shop: Any, ana: Any, cyd: Any
) -> None:
    proposal = propose()
    finance = Team.objects.get(slug="finance")
    decide.escalate(proposal.pk, to=finance, reviewer=ana, actor=actor_of(ana), reason="Theirs.")
    suggestion = proposal.suggestions.get(rank=1)
    decide.approve(suggestion, reviewer=cyd, actor=actor_of(cyd), shown_digest=suggestion.action_digest)

    assert run_to_rest(Execution.objects.get()).status == "succeeded"


def test_who_left_the_team_since_has_still_approved(agreed: Any, shop: Any, ana: Any) -> None:
    execution = agreed(ana)
    ana.teams.clear()

    assert run_to_rest(execution).status == "succeeded"


def test_what_an_earlier_version_approved_is_carried_out(
    agreed: Any, shop: Any, ana: Any, monkeypatch: Any
) -> None:
    execution = agreed(ana)

    def as_it_was_written(*asked: Any, **how: Any) -> list[tuple[list[str], Any]]:
        [(told, decisions)] = execute(*asked, **how)
        bodies = [json.loads(body) for body in told]
        for body in bodies:
            for new in ("agreed", "asked", "four_eyes"):
                body["data"].pop(new, None)
        return [([json.dumps(body) for body in bodies], decisions)]

    monkeypatch.setattr("execution.running.chain.execute", as_it_was_written)

    assert run_to_rest(execution).status == "succeeded"


# --- What somebody made of it -----------------------------------------------------------------

ONE_PERSON = {
    "arguments and both digests": [
        "UPDATE suggestions_resolution SET arguments = %(theft)s, action_digest = %(digest)s",
        "UPDATE execution_execution SET action_digest = %(digest)s",
    ],
    "arguments and every digest but those of the log": [
        "UPDATE suggestions_resolution SET arguments = %(theft)s, action_digest = %(digest)s",
        "UPDATE execution_execution SET action_digest = %(digest)s",
        "UPDATE suggestions_suggestion SET arguments = %(theft)s, action_digest = %(digest)s",
        "UPDATE approvals_decision SET action_digest = %(digest)s",
    ],
    "a decision that stands no longer": ["UPDATE approvals_decision SET standing = false"],
    "a decision that is gone": ["DELETE FROM approvals_decision"],
    "a decision of somebody else": ["UPDATE approvals_decision SET reviewer_id = %(other)s"],
    "a decision that said no": ["UPDATE approvals_decision SET verdict = 'reject'"],
    "a decision for another action": ["UPDATE approvals_decision SET action_digest = %(digest)s"],
    "a decision with another name": ["UPDATE approvals_decision SET id = gen_random_uuid()"],
    "another team": [
        "INSERT INTO governance_team (slug, name) VALUES ('friends', 'Friends')",
        "UPDATE suggestions_proposal SET team_id = 'friends'",
    ],
    "one team more": ["UPDATE suggestions_proposal SET also_teams = '{finance}'"],
    "more approvals": ["UPDATE suggestions_proposal SET approvals_needed = 2"],
    "said to be the policy's": ["UPDATE suggestions_resolution SET by = 'policy'"],
    "said to be the agent's": ["UPDATE suggestions_resolution SET by = 'agent'"],
    "a rejection": ["UPDATE suggestions_resolution SET status = 'rejected'"],
    "a second resolution in the place of the first": [
        "DELETE FROM suggestions_resolution",
        """INSERT INTO suggestions_resolution
               (proposal_id, status, by, actor_name, suggestion_id, arguments, action_digest, reason, salt,
                action)
           SELECT proposal_id, 'approved', 'human', 'Ana', suggestion_id, %(theft)s, %(digest)s, '', '\\x00',
                  '' FROM execution_execution""",
        "UPDATE execution_execution SET action_digest = %(digest)s",
    ],
    "another execution in the place of the first": [
        "DELETE FROM execution_step",
        "UPDATE execution_execution SET id = gen_random_uuid()",
    ],
    "a second approval in the log": [
        """INSERT INTO audit_event (body) SELECT body FROM audit_event WHERE type = 'proposal.approved'"""
    ],
    "an approval that the log says was undone": [
        """INSERT INTO audit_event (body)
           SELECT replace(body, 'proposal.approved', 'proposal.approval_undone')
             FROM audit_event WHERE type = 'proposal.approved'"""
    ],
    "a decision that the log says was taken back": [
        """INSERT INTO audit_event (body)
           SELECT replace(body, 'decision.made', 'decision.taken_back')
             FROM audit_event WHERE type = 'decision.made'"""
    ],
}


@pytest.mark.parametrize("how", ONE_PERSON)
def test_what_one_person_approved_is_carried_out_as_it_was_or_not_at_all(
    how: str, agreed: Any, shop: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    execution = agreed(ana)
    values = {"theft": json.dumps(THEFT), "digest": digest_of(THEFT), "other": ben.pk}
    for statement in ONE_PERSON[how]:
        change(statement, values)

    assert_refused(Execution.objects.get(proposal=execution.proposal_id), shop)


TWO_PEOPLE = {
    "one of them is gone": ["DELETE FROM approvals_decision WHERE reviewer_id = %(ben)s"],
    "one of them took it back": [
        "UPDATE approvals_decision SET standing = false WHERE reviewer_id = %(ben)s"
    ],
    "fewer are asked, and one is gone": [
        "DELETE FROM approvals_decision WHERE reviewer_id = %(ben)s",
        "UPDATE suggestions_proposal SET approvals_needed = 1",
    ],
    "one of them approved another action": [
        "UPDATE approvals_decision SET action_digest = %(digest)s WHERE reviewer_id = %(ben)s"
    ],
    "both are of one person": [
        "UPDATE approvals_decision SET standing = false",
        "UPDATE approvals_decision SET reviewer_id = %(ana)s",
        "UPDATE approvals_decision SET standing = (id = (SELECT id FROM approvals_decision LIMIT 1))",
    ],
}


@pytest.mark.parametrize("how", TWO_PEOPLE)
def test_what_two_people_approved_needs_both(how: str, agreed: Any, shop: Any, ana: Any, ben: Any) -> None:
    in_force(TWO_PEOPLE_OF)
    agreed(ana, ben)
    values = {"digest": "sha256:" + "0" * 64, "ana": ana.pk, "ben": ben.pk}
    for statement in TWO_PEOPLE[how]:
        change(statement, values)

    assert_refused(Execution.objects.get(), shop)


ASKED_FOR_LESS = {
    "fewer people": "UPDATE suggestions_proposal SET approvals_needed = 1",
    "another team": "UPDATE suggestions_proposal SET team_id = 'operations'",
}


@pytest.mark.parametrize("how", ASKED_FOR_LESS)
def test_what_the_policy_asked_for_cannot_be_lowered_before_people_decide(
    how: str, propose: Any, planned: None, shop: Any, ana: Any
) -> None:
    team, approvals = ("operations", 2) if how == "fewer people" else ("finance", 1)
    in_force(f"version: 1\ndefaults: {{verdict: review, team: {team}, approvals: {approvals}}}\n")
    proposal = propose()
    change(ASKED_FOR_LESS[how])
    suggestion = proposal.suggestions.get(rank=1)
    decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)

    assert_refused(Execution.objects.get(), shop)


def test_whoever_edited_does_not_count_where_four_eyes_are_asked_for(
    propose: Any, planned: None, shop: Any, ana: Any, ben: Any
) -> None:
    in_force(TWO_PEOPLE_OF)
    suggestion = propose().suggestions.get(rank=1)
    shown = suggestion.action_digest
    edit = decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=shown, arguments=EDITED)
    change("""UPDATE suggestions_proposal SET verdict = verdict || '{"four_eyes": false}', raised = '{}'""")
    decide.approve(suggestion, reviewer=ben, actor=actor_of(ben), shown_digest=edit.decision.action_digest)

    assert "1 of 2 people" in assert_refused(Execution.objects.get(), shop).reason


def test_rows_alone_are_no_approval(propose: Any, planned: None, shop: Any, ana: Any) -> None:
    proposal = propose()
    suggestion = proposal.suggestions.get(rank=1)
    Decision.objects.create(
        proposal=proposal,
        reviewer=ana,
        verdict="approve",
        suggestion=suggestion,
        action_digest=suggestion.action_digest,
    )
    Proposal.objects.update(status="approved")
    Resolution.objects.create(
        proposal=proposal,
        status="approved",
        by="human",
        user=ana,
        actor_name="Ana",
        suggestion=suggestion,
        arguments=suggestion.arguments,
        action_digest=suggestion.action_digest,
    )
    adopt()

    assert_refused(Execution.objects.get(), shop)


def test_a_proposal_has_no_second_resolution_and_the_log_cannot_be_changed(agreed: Any, ana: Any) -> None:
    agreed(ana)
    for statement in (
        "INSERT INTO suggestions_resolution SELECT * FROM suggestions_resolution",
        "UPDATE audit_event SET body = body",
        "DELETE FROM audit_event",
    ):
        with pytest.raises(Error), transaction.atomic():
            change(statement)


# --- What the policy let pass -----------------------------------------------------------------


@pytest.fixture
def passed(propose: Any, trusted: Any, planned: None) -> Execution:
    in_force("version: 1\ndefaults: {verdict: auto_approve, sample: 1}\n")
    propose(provenance=DEPLOYED)
    adopt()
    return Execution.objects.get()


def test_what_the_policy_let_pass_is_carried_out(passed: Execution, shop: Any) -> None:
    assert run_to_rest(passed).status == "succeeded"


@pytest.mark.parametrize(
    "statements",
    [
        ONE_PERSON["arguments and both digests"],
        ONE_PERSON["arguments and every digest but those of the log"],
        ["UPDATE suggestions_resolution SET by = 'human'"],
        ["UPDATE suggestions_resolution SET by = 'timer'"],
    ],
)
def test_what_passed_is_carried_out_as_it_came_in(
    statements: list[str], passed: Execution, shop: Any
) -> None:
    for statement in statements:
        change(statement, {"theft": json.dumps(THEFT), "digest": digest_of(THEFT)})

    assert_refused(passed, shop)
    assert Autonomy.objects.get().stage == Autonomy.Stage.GUIDED


def test_what_passes_by_a_standing_approval_needs_its_use(
    propose: Any, trusted: Any, planned: None, shop: Any, ana: Any, ben: Any, monkeypatch: Any
) -> None:
    small = {"order_id": Bound(prefix="#W"), "amount": Bound(at_most=60)}
    newest = ActionType.objects.current().get(name="refund_payment").version
    scope = standing.Scope(trusted, action="refund_payment", version=newest, subject=None, arguments=small)
    drafted = standing.draft(
        scope,
        team=Team.objects.get(slug="operations"),
        proposal=uuid.uuid4(),
        by=ana,
        actor=actor_of(ana),
        uses=2,
        lasts=timedelta(days=7),
    )
    standing.activate(drafted.pk, by=ben, actor=actor_of(ben))
    first = propose(provenance=DEPLOYED)
    with monkeypatch.context() as patched:
        patched.setattr("suggestions.intake.submit._settle_uses", lambda *_: None)
        second = propose(provenance=DEPLOYED)
    adopt()

    assert run_to_rest(first.execution).status == "succeeded"
    assert run_to_rest(second.execution).status == "needs_attention"
    assert len(shop.calls) == 1


def test_what_should_have_been_reviewed_does_not_pass_by_a_row(
    propose: Any, planned: None, shop: Any
) -> None:
    proposal = propose()
    suggestion = proposal.suggestions.get(rank=1)
    Proposal.objects.update(status="approved", verdict={**proposal.verdict, "verdict": "auto_approve"})
    Resolution.objects.create(
        proposal=proposal,
        status="approved",
        by="policy",
        actor_name="Policy",
        suggestion=suggestion,
        arguments=suggestion.arguments,
        action_digest=suggestion.action_digest,
    )
    adopt()

    assert_refused(Execution.objects.get(), shop)


# --- When it is asked -------------------------------------------------------------------------


def test_it_is_asked_again_before_every_later_attempt(agreed: Any, shop: Any, ana: Any) -> None:
    shop.will("/refunds", 503)
    execution = agreed(ana)
    run(execution.pk)
    assert tried(execution) == [("1", "failed")]
    Decision.objects.update(standing=False)
    Execution.objects.update(due_at=Now())

    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, len(shop.calls)) == ("needs_attention", 1)
    assert "0 of 1 people stand behind this action." in execution.reason


def test_it_is_asked_again_before_another_route_of_the_same_turn(
    approved: Any, shop: Any, monkeypatch: Any
) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/other")))
    shop.will("/refunds", 404)
    from execution.routes import http

    call = http.call

    def call_and_tamper(*args: Any, **how: Any) -> Any:
        result = call(*args, **how)
        Decision.objects.update(standing=False)
        return result

    monkeypatch.setattr(http, "call", call_and_tamper)

    run(execution.pk)

    execution.refresh_from_db()
    assert execution.status == "needs_attention"
    assert (len(shop.asked("/refunds")), shop.asked("/other")) == (1, [])


def test_a_refusal_that_is_repeated_is_one_incident(agreed: Any, shop: Any, ana: Any) -> None:
    execution = agreed(ana)
    Decision.objects.update(standing=False)
    for _ in range(3):
        Execution.objects.update(status="scheduled", due_at=Now())
        run(execution.pk)

    assert events_of(execution).count("execution.refused") == 3
    assert Incident.objects.count() == 1


def test_asking_costs_one_statement(agreed: Any, ana: Any) -> None:
    from execution.models.work import work_on
    from execution.running.approval import broken

    execution = work_on(agreed(ana).pk).execution
    with spent() as asked:
        assert broken(execution) == ""

    assert len(asked.statements) == 1
