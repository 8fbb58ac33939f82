from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from execution.holding.lease import take
from execution.holding.outbox import EXECUTIONS
from execution.models import Execution, Heartbeat, Step
from execution.running import heartbeats, overdue
from execution.running.schedule import adopt, schedule
from execution.tasks import heartbeat
from governance.models import ActionType
from suggestions.answering.resolve import lock_pending, resolve
from suggestions.models import Proposal, Resolution
from tests.execution.conftest import events_of, run_to_rest, step, workflow

pytestmark = pytest.mark.django_db


def approve_without_schedule(proposal):
    """What a policy does on the floor below: an approval that nobody has scheduled."""
    with transaction.atomic():
        locked = lock_pending(proposal.pk)
        suggestion = locked.suggestions.get(rank=1)
        return resolve(
            locked,
            Proposal.Status.APPROVED,
            by=Resolution.By.POLICY,
            actor=SYSTEM,
            suggestion=suggestion,
            arguments=suggestion.arguments,
            action_digest=suggestion.action_digest,
        )


def test_the_deadline_leaves_time_for_every_route(approved, shop):
    back = {"kind": "handback", "within": "2h"}
    execution = approved(workflow(step(f"{shop.url}/a", f"{shop.url}/b", back)), grace=30)

    lasts = Execution.objects.annotate(lasts=F("deadline") - F("created_at")).get().lasts
    assert lasts - timedelta(seconds=30 + 60 + 60 + 7200 + 600) < timedelta(seconds=1)
    assert list(Step.objects.values_list("name", "status")) == [("refund", "waiting")]
    assert execution.status == "scheduled"


def test_a_workflow_that_cannot_be_run_does_not_refuse_the_approval(propose, action_type):
    proposal = propose()
    ActionType.objects.update(workflow={"steps": []})
    resolution = approve_without_schedule(proposal)

    execution = schedule(Resolution.objects.get(pk=resolution.pk))

    assert execution.status == "needs_attention"
    assert events_of(execution) == ["execution.needs_attention"]


def test_what_the_policy_let_pass_is_adopted_once(propose, action_type):
    resolution = approve_without_schedule(propose())

    assert (adopt(), adopt()) == (1, 0)

    assert Execution.objects.get().proposal_id == resolution.pk


def test_an_old_approval_that_nobody_scheduled_is_found_too(propose, action_type):
    approve_without_schedule(propose())
    Resolution.objects.update(at=Now() - timedelta(days=40))

    assert adopt() == 1


def test_later_looks_only_look_at_what_is_new(propose, action_type):
    adopt()
    approve_without_schedule(propose())
    Resolution.objects.update(at=Now() - timedelta(minutes=11))
    approve_without_schedule(propose())

    assert adopt() == 1


def test_only_what_was_approved_can_be_scheduled(propose, action_type):
    with transaction.atomic():
        locked = lock_pending(propose().pk)
        resolution = resolve(locked, Proposal.Status.REJECTED, by=Resolution.By.HUMAN, actor=SYSTEM)
        with pytest.raises(ValueError, match="approved"):
            schedule(resolution)


# --- The sweeper ------------------------------------------------------------------------------


def test_the_broker_is_told_once_of_what_is_due(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    assert EXECUTIONS.due() == []  # told when it was scheduled

    Execution.objects.update(queued_at=Now() - timedelta(seconds=31))
    assert EXECUTIONS.due() == [execution.pk]
    assert EXECUTIONS.due() == []


def test_what_became_due_since_it_was_told_of_is_told_again(approved, shop):
    shop.will("/refunds", 429)
    execution = run_one_turn(approved(workflow(step(f"{shop.url}/refunds"))))
    assert execution.status == "scheduled"
    Execution.objects.update(due_at=Now() - timedelta(seconds=1), queued_at=Now() - timedelta(seconds=2))

    assert EXECUTIONS.due() == [execution.pk]
    assert EXECUTIONS.due() == []


def run_one_turn(execution):
    from execution.running.run import run

    run(execution.pk)
    return Execution.objects.get(pk=execution.pk)


def test_a_worker_that_fell_silent_is_noticed_when_its_lease_ends(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    take(execution.pk)
    assert EXECUTIONS.due() == []

    Execution.objects.update(lease_until=Now())

    assert EXECUTIONS.due() == [execution.pk]
    assert EXECUTIONS.due() == []


def test_grace_is_waited_for(approved, shop):
    approved(workflow(step(f"{shop.url}/refunds")), grace=30)

    assert EXECUTIONS.due() == []


@pytest.mark.parametrize(
    ("status", "lease", "ended"),
    [
        ("scheduled", None, 1),
        ("handed_back", None, 1),
        ("running", timedelta(seconds=-1), 1),
        ("running", timedelta(seconds=30), 0),
        ("succeeded", None, 0),
        ("cancelled", None, 0),
    ],
)
def test_a_deadline_that_passed_brings_in_a_person(status, lease, ended, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    Execution.objects.update(
        status=status,
        lease_until=None if lease is None else Now() + lease,
        deadline=Now() - timedelta(seconds=1),
    )

    assert EXECUTIONS.due() == []
    assert overdue.end_what_is_overdue() == ended
    assert overdue.end_what_is_overdue() == 0

    assert Execution.objects.get().status == ("needs_attention" if ended else status)
    assert events_of(execution)[1:] == ["execution.needs_attention", "incident.opened"] * ended


# --- Heartbeats -------------------------------------------------------------------------------


def test_a_part_that_speaks_is_not_silent():
    heartbeats.beat("beat")
    heartbeat()

    assert heartbeats.silences() == []


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (61, "The worker has been silent for 1 minute."),
        (150, "The worker has been silent for 2 minutes."),
        (7300, "The worker has been silent for 2 hours."),
        (90_000, "The worker has been silent for 1 day."),
    ],
)
def test_a_part_that_fell_silent_is_named(seconds, sentence):
    heartbeats.beat("beat")
    heartbeats.beat("worker")
    Heartbeat.objects.filter(name="worker").update(at=Now() - timedelta(seconds=seconds))

    assert heartbeats.silences() == [sentence]


def test_a_part_that_never_spoke_is_named():
    heartbeats.beat("worker")

    assert heartbeats.silences() == ["The beat has not said anything yet."]


def test_a_log_that_is_not_sealed_is_told_of_and_stops_nobody(db):
    heartbeats.beat("worker")
    heartbeats.beat("beat")
    body = {"type": "a.done", "at": "2026-01-01T00:00:00Z", "actor": {"type": "a", "id": "", "name": ""}}
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_event (body) VALUES (%s)", [json.dumps(body)])

    [sentence] = heartbeats.warnings()
    assert sentence.startswith("The audit log has not been sealed and signed for ")
    assert heartbeats.silences() == []


def test_a_run_after_adoption_carries_it_out(propose, shop, trusted):
    from governance.actions.action_types import register
    from tests.conftest import DEPLOYED, REFUND, in_force

    register({**REFUND, "workflow": workflow(step(f"{shop.url}/refunds"))}, actor=SYSTEM)
    in_force("version: 1\ndefaults: {verdict: auto_approve}\n")
    propose(provenance=DEPLOYED)
    adopt()

    assert run_to_rest(Execution.objects.get()).status == "succeeded"
