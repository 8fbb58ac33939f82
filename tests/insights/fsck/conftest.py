"""An installation in which something of everything happened, each by its own verb."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from approvals.beside import comments
from approvals.bulk import answer as batches
from approvals.deciding import decide, undo
from approvals.deciding.expire import expire_overdue
from approvals.deciding.reopen import reopen
from audit.ground.actors import SYSTEM
from execution.desk import attend
from execution.handing_back.begin import begin
from execution.handing_back.hand_back import report_result
from execution.healing import compensation
from execution.manual import tasks
from execution.models import Compensation, Execution, ManualTask
from governance.access import answer as answering
from governance.access import begin as beginning
from governance.access import sign
from governance.actions.action_types import register
from governance.agents import agents, boundaries, callback_secret, deployments
from governance.door import keys, links
from governance.models import AgentKey, Team
from governance.people import absences, giving, people, preferences
from governance.policies import lifecycle
from governance.secrets import keep
from governance.trust import autonomy, gate_bounds, halts, incidents, standing
from suggestions.answering.withdraw import withdraw
from suggestions.models import Proposal
from suggestions.trying import backtest
from suggestions.trying.rejudge import Chosen
from tests.conftest import REFUND, actor_of, proposing, suggestion_body
from tests.execution.conftest import Downstream, run_to_rest, step, workflow
from tests.ground import put_in_force
from tests.sealed import seal_all

POLICY = """
version: 1
defaults: {verdict: review, team: operations}
rules:
  - {name: later, when: 'action.name == "refund_later"', then: {verdict: review, grace: 60s}}
"""
STANDING = {"order_id": standing.Bound(prefix="#W")}


@pytest.fixture
def shop(settings: Any) -> Iterator[Downstream]:
    server = Downstream()
    settings.EGRESS_ALLOW = [server.place]
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_messages(monkeypatch: Any) -> None:
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)


@pytest.fixture
def governed(db: None) -> Any:
    """People, an agent, its keys and how far it is trusted."""
    world = SimpleNamespace()
    for name, role, teams in (
        ("mara", "reviewer", ["operations"]),
        ("nils", "reviewer", ["finance", "operations"]),
        ("olaf", "operator", []),
        ("petra", "operator", []),
        ("rosa", "operator", []),
    ):
        setattr(world, name, people.create_user(name, roles=[role], teams=teams, actor=SYSTEM)[0])
    for name in ("refund_payment", "refund_later", "refund_payment"):
        register({**REFUND, "name": name, "description": f"As {uuid4()} has it."}, actor=SYSTEM)
    world.operations = Team.objects.get(slug="operations")
    world.agent, world.key = agents.create_agent(
        "refunder", owner=world.rosa, allowed_actions=None, actor=SYSTEM
    )
    _doors(world)
    _trust(world)
    return world


def _doors(world: Any) -> None:
    olaf = actor_of(world.olaf)
    limits = {"enabled": True, "action_types": None, "data_classes": ["personal"]}
    agents.set_boundaries(world.agent, boundaries.read(limits), actor=olaf)
    [first] = AgentKey.objects.all()
    keys.rotate(first, actor=olaf)
    keys.issue_key(world.agent, actor=olaf, name="to be revoked", lasts=timedelta(days=3))
    keys.revoke(AgentKey.objects.get(name="to be revoked"), actor=olaf)
    keys.issue_token(world.mara, actor=olaf, name="Mara's script")
    callback_secret.rotate(world.agent, actor=olaf)
    links.use(links.make(world.mara, by=world.olaf, actor=olaf), "quite-another-long-password")
    preferences.set_single_keys(world.mara, False, actor=actor_of(world.mara))
    secret = keep.write(
        "shop", "a long enough value", actor=olaf, by=world.olaf, granted_to=["refund_payment"]
    )
    keep.grant(secret, ["refund_later"], actor=olaf)
    keep.delete(
        keep.write("gone", "another long value", actor=olaf, by=world.olaf), although_used=False, actor=olaf
    )
    away = absences.set_out(
        world.mara,
        deputy=world.nils,
        since=_now() + timedelta(days=2),
        until=_now() + timedelta(days=3),
        reason="Holidays",
        by=world.mara,
        actor=actor_of(world.mara),
    )
    absences.end(away, by=world.mara, actor=actor_of(world.mara))


def _trust(world: Any) -> None:
    olaf, petra = actor_of(world.olaf), actor_of(world.petra)
    world.first = put_in_force(POLICY, author=world.olaf, second=world.petra)
    later = POLICY.replace("60s", "90s")
    world.second = put_in_force(later, author=world.olaf, second=world.petra)
    lifecycle.rollback(by=world.olaf, reason="The old one was better.")
    lifecycle.set_shadow(world.second, by=world.olaf)
    asked = backtest.ask(world.second, chosen=Chosen(), by=world.olaf, actor=olaf, alone=True)
    backtest.cancel(asked.pk, actor=olaf)
    for version in (1, 2):
        text = deployments.read(
            {"label": f"refunder@{version}", "model": "m", "prompts": {"system": "Refund."}}
        )
        made, _ = deployments.register(world.agent, text, by=world.rosa)
        deployments.approve(made, by=world.olaf)
        deployments.activate(made, by=world.olaf)
    deployments.roll_back(world.agent, by=world.olaf, reason="The old one was better.")
    raised = {"by": world.olaf, "actor": olaf, "reason": "It has earned it."}
    autonomy.raise_stage(world.agent, "refund_payment", 3, **raised)
    autonomy.raise_alarm(world.agent, "refund_payment", "It drifts.", actor=olaf, by=world.olaf)
    autonomy.raise_stage(world.agent, "refund_later", 4, **raised)
    autonomy.lower_stage(world.agent, "refund_later", 2, actor=olaf, reason="Not yet.", by=world.olaf)
    [incident] = incidents.Incident.objects.all()
    incidents.acknowledge(incident, by=world.petra, actor=petra)
    incidents.note(incident, by=world.petra, actor=petra, text="I had a look.")
    incidents.close_incident(incident, by=world.petra, actor=petra, reason="It was nothing.")
    bounds = gate_bounds.Bounds(decisions=80)
    gate_bounds.set_bounds("refund_payment", bounds, by=world.olaf, actor=olaf, reason="Careful.")
    halt = halts.throw("action", action="refund_later", reason="Stop.", actor=olaf, by=world.olaf)
    halts.lift(halt, reason="Go on.", by=world.petra, actor=petra)
    scope = standing.Scope(world.agent, "refund_payment", 2, ("customer", "c-1"), STANDING)
    drafted = standing.draft(
        scope, team=world.operations, proposal=uuid4(), by=world.mara, actor=actor_of(world.mara)
    )
    standing.activate(drafted.pk, by=world.nils, actor=actor_of(world.nils))
    standing.revoke(drafted.pk, by=world.nils, actor=actor_of(world.nils), reason="No more.")


def _now() -> Any:
    return incidents.moment()


@pytest.fixture
def propose(governed: Any) -> Callable[..., Any]:
    """`propose(action=…)` hands in a proposal of the agent's, about an order of its own."""
    hand_in = proposing(governed.agent)
    count = iter(range(1_000, 2_000))

    def make(action: str = "refund_payment", **changes: Any) -> Any:
        arguments = {"order_id": f"#W{next(count)}", "amount": 54.04}
        return hand_in(suggestions=[suggestion_body(action=action, arguments=arguments)], **changes)

    return make


@pytest.fixture
def approve(governed: Any) -> Callable[..., Any]:
    """`approve(proposal)` returns the execution of what Mara approved."""

    def say(proposal: Any, **changes: Any) -> Any:
        suggestion = proposal.suggestions.select_related("action_type").get()
        shown = {"shown_digest": suggestion.action_digest, "reason": "It is right.", **changes}
        decided = decide.approve(suggestion, reviewer=governed.mara, actor=actor_of(governed.mara), **shown)
        assert decided.resolution
        return Execution.objects.get(proposal=proposal)

    return say


@pytest.fixture
def world(governed: Any, propose: Any, approve: Any, shop: Any) -> Any:
    """And what was proposed, decided and carried out."""
    _decided(governed, propose, approve)
    _carried_out(governed, propose, approve, shop)
    _reviewed(governed)
    seal_all()
    return governed


def _reviewed(world: Any) -> None:
    """Who has what: roles and teams given and taken, one review signed and one begun."""
    mara, nils = actor_of(world.mara), actor_of(world.nils)
    team = world.mara.teams.first().pk
    giving.leave_team(world.mara, team, actor=nils)
    giving.join_team(world.mara, team, actor=nils)
    giving.deactivate(world.mara, actor=nils)
    giving.activate(world.mara, actor=nils)
    review = beginning.begin(by=world.nils, actor=nils)
    for grant in review.grants.all():
        answering.keep(grant.pk, by=world.nils, actor=nils)
    sign.submit(review.pk, by=world.nils, actor=nils)
    sign.send_back(review.pk, actor=mara)
    sign.submit(review.pk, by=world.nils, actor=nils)
    sign.sign(review.pk, by=world.mara, meaning="sampled", actor=mara)
    second = beginning.begin(by=world.nils, actor=nils)
    grant = second.grants.filter(kind="team").first()
    answering.remove(grant.pk, by=world.nils, actor=nils)
    answering.withdraw(grant.pk, actor=nils)
    answering.keep(grant.pk, by=world.nils, actor=nils)


def _decided(world: Any, propose: Any, approve: Any) -> None:
    mara, nils = actor_of(world.mara), actor_of(world.nils)
    said = {"reviewer": world.mara, "actor": mara, "reason": "I say so."}
    decide.reject(propose().pk, **said)
    asked_again = propose()
    decide.reject(asked_again.pk, **said)
    reopen(asked_again.pk, reviewer=world.mara, actor=mara, reason="Ask again.")
    decide.give_back(propose().pk, **said)
    escalated = propose()
    decide.escalate(escalated.pk, to=Team.objects.get(slug="finance"), **said)
    comments.comment(escalated.pk, author=world.nils, actor=nils, text="I look at it.")
    withdraw(propose().pk, agent=world.agent)
    overdue = propose(expires_at=(_now() + timedelta(milliseconds=50)).isoformat())
    _wait_until_over(overdue)
    expire_overdue()
    undone = propose("refund_later")
    approve(undone)
    undo.undo(undone.pk, reviewer=world.mara, actor=mara)
    edited = propose()
    approve(edited, arguments={"order_id": "#W1", "amount": 20.5})
    several = [propose(), propose()]
    shown = [batches.Shown(one.pk, one.suggestions.get().action_digest) for one in several]
    batch = batches.submit(
        uuid4(), shown, verdict="reject", said="Reject 2", reason="No.", reviewer=world.mara, actor=mara
    )
    batches.go_on(batch, actor=mara)


def _wait_until_over(proposal: Any) -> None:
    while Proposal.objects.filter(pk=proposal.pk, deadline__gt=Now()).exists():
        pass


def _carried_out(world: Any, propose: Any, approve: Any, shop: Any) -> None:
    handed_back = propose()
    approve(handed_back)
    grant = begin(handed_back, agent=world.agent, key="rk_x")
    report_result(handed_back, agent=world.agent, outcome="succeeded", token=grant.token)
    failed = propose()
    approve(failed)
    report_result(failed, agent=world.agent, outcome="failed", detail="No money left.")
    shop.will("/refunds", (201, {"id": "r-7"}, {}))
    shop.will("/mail", 422)
    back = {"kind": "http", "method": "DELETE", "url": shop.url + "/refunds/r-7"}
    undoing = {"routes": [back], "retry": {"attempts": 2, "base": "1ms"}}
    plan = workflow(step(f"{shop.url}/refunds", undo=undoing), step(f"{shop.url}/mail", name="mail"))
    register({**REFUND, "name": "refund_and_tell", "workflow": plan}, actor=SYSTEM)
    half_done = run_to_rest(approve(propose("refund_and_tell")))
    offer = Compensation.objects.get()
    compensation.approve(offer, by=world.mara, digest=offer.digest, reason="The customer has left.")
    run_to_rest(half_done)
    marked = run_to_rest(approve(propose("refund_and_tell")))
    attend.retry(marked, by=world.olaf, checked=True)
    attend.mark_done(run_to_rest(marked), by=world.olaf, evidence="I wrote the mail.")
    cancelled = run_to_rest(approve(propose("refund_and_tell")))
    attend.cancel(cancelled, by=world.olaf, reason="No need.")
    _by_hand(world, propose, approve)


def _by_hand(world: Any, propose: Any, approve: Any) -> None:
    plan = workflow(step({"kind": "handback", "to": {"team": "Finance", "title": "Pay it"}, "within": "4h"}))
    register({**REFUND, "name": "refund_by_hand", "workflow": plan}, actor=SYSTEM)
    for end in ("done", "given up"):
        execution = run_to_rest(approve(propose("refund_by_hand")))
        task = ManualTask.objects.get(execution=execution)
        tasks.claim(task, by=world.nils)
        if end == "done":
            tasks.report_done(task, by=world.nils, answer=None, comment="In the list of today.")
        else:
            tasks.give_up(task, by=world.nils, reason="The account is closed.")
        run_to_rest(execution)
