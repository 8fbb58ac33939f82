"""How far agents are trusted: raised by a signature, lost at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.models import Autonomy, GateBounds, Incident, StageChange
from governance.trust import autonomy, incidents
from governance.trust.autonomy import (
    boundary_hit,
    demote,
    lower_stage,
    raise_alarm,
    raise_stage,
)
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db


def stage_of(agent: Any, action: str = "refund_payment") -> int:
    return Autonomy.objects.get(agent=agent, action=action).stage


def said(event_type: str) -> Any:
    return json.loads(Event.objects.get(type=event_type).body)["data"]


def grant(agent: Any, stage: int, by: Any, **changes: Any) -> Any:
    values = {"by": by, "actor": actor_of(by), "reason": "seen it work", **changes}
    return raise_stage(agent, "refund_payment", stage, **values)


def test_a_stage_is_raised_by_somebody_for_a_reason_and_its_measures_stay(
    agent: Any, action_type: Any, pia: Any
) -> None:
    change = grant(agent, 3, pia, measures={"decisions": 12})

    assert (stage_of(agent), Autonomy.objects.get().reason) == (3, "seen it work")
    assert (change.kind, change.before, change.stage, change.by) == ("granted", 2, 3, pia)
    told = said("autonomy.granted")
    assert (told["before"], told["stage"], told["measures"]) == (2, 3, {"decisions": 12})
    assert "seen it work" not in json.dumps(told)
    assert grant(agent, 3, pia) is None
    assert grant(agent, 4, pia, gates_passed=True).kind == "promoted"


def test_nobody_vouches_for_their_own_agent(agent: Any, action_type: Any, olga: Any, ana: Any) -> None:
    with pytest.raises(autonomy.OwnersWord):
        grant(agent, 3, olga)
    with pytest.raises(autonomy.NotAnOperator):
        grant(agent, 3, ana)
    assert not Autonomy.objects.filter(stage__gt=2).exists()
    assert not StageChange.objects.exists()


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_a_reason_says_something(agent: Any, action_type: Any, pia: Any, reason: str) -> None:
    with pytest.raises(Invalid):
        grant(agent, 3, pia, reason=reason)


@pytest.mark.parametrize(
    ("action", "stage", "refusal"),
    [("nothing", 3, autonomy.UnknownAction), ("refund_payment", 5, autonomy.UnknownStage)],
)
def test_a_stage_that_means_nothing_is_refused(
    agent: Any, action_type: Any, pia: Any, action: str, stage: int, refusal: Any
) -> None:
    with pytest.raises(refusal):
        raise_stage(agent, action, stage, by=pia, actor=actor_of(pia), reason="x")
    with pytest.raises(refusal):
        lower_stage(agent, action, stage, actor=SYSTEM, reason="x")


def test_lowering_is_always_possible_and_never_raises(trusted: Any, action_type: Any, olga: Any) -> None:
    assert lower_stage(trusted, "refund_payment", 4, actor=SYSTEM, reason="x") is None
    change = lower_stage(trusted, "refund_payment", 1, actor=actor_of(olga), by=olga, reason="not sure")
    assert change is not None
    assert (stage_of(trusted), change.kind, said("autonomy.lowered")["stage"]) == (1, "lowered", 1)
    assert lower_stage(trusted, "refund_payment", 2, actor=SYSTEM, reason="x") is None
    assert stage_of(trusted) == 1


def test_the_database_itself_wants_a_signature(agent: Any, pia: Any) -> None:
    rising = {"agent": agent, "action": "a", "kind": "granted", "before": 2, "stage": 3, "by_name": "?"}
    for missing in ({"reason": "x"}, {"by": pia, "reason": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            StageChange.objects.create(**rising, **missing)
    for field, value in [
        ("decisions", 49),
        ("approved_unchanged", 0.94),
        ("verified_success", 0.98),
        ("calibration_error", 0.11),
        ("failures", 3),
    ]:
        with pytest.raises(IntegrityError), transaction.atomic():
            GateBounds.objects.create(by=pia, reason="x", **{field: value})


def test_a_demotion_opens_an_incident_and_says_why(trusted: Any, action_type: Any) -> None:
    incident = demote(trusted, "refund_payment", Incident.Kind.FAILURES, "3 of 50 failed.", SYSTEM)

    assert stage_of(trusted) == 2
    change = StageChange.objects.get()
    assert (change.kind, change.before, change.stage, change.incident) == ("demoted", 4, 2, incident)
    assert change.reason == "Failures over the bound: 3 of 50 failed."
    assert said("incident.opened")["demoted"] == ["refund_payment"]
    assert said("autonomy.demoted")["incident"] == str(incident.pk)


def test_a_demotion_never_raises(agent: Any, action_type: Any) -> None:
    agent.refresh_from_db()
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=1)
    demote(agent, "refund_payment", Incident.Kind.SAMPLE, "wrong", SYSTEM)
    assert stage_of(agent) == 1
    demote(agent, "other", Incident.Kind.SAMPLE, "wrong", SYSTEM)
    assert Autonomy.objects.get(action="other").since == agent.created_at  # its record goes on
    assert Incident.objects.count() == 2
    assert not StageChange.objects.exists()


def test_a_boundary_costs_what_was_tried_and_its_action_types_cost_everything(trusted: Any) -> None:
    for name, stage in [("b", 3), ("c", 2)]:
        Autonomy.objects.create(agent=trusted, action=name, stage=stage)

    assert boundary_hit(trusted, ["refund_payment"], "enabled") == []
    assert boundary_hit(trusted, [], "rate") == []
    assert boundary_hit(trusted, ["c", "unknown"], "budget") == []
    assert [i.action for i in boundary_hit(trusted, ["b", "c"], "budget")] == ["b"]
    assert (stage_of(trusted), stage_of(trusted, "b")) == (4, 2)
    assert [i.action for i in boundary_hit(trusted, ["x"], "action_types")] == ["refund_payment"]
    assert boundary_hit(trusted, ["b"], "budget") == []
    assert Incident.objects.filter(kind="boundary").count() == 2


def test_what_was_refused_unseen_counts_against_everything(trusted: Any) -> None:
    Autonomy.objects.create(agent=trusted, action="b", stage=3)
    assert len(boundary_hit(trusted, [], "active_hours")) == 2


def test_an_alarm_for_every_action_demotes_all_of_them(trusted: Any, action_type: Any, pia: Any) -> None:
    Autonomy.objects.create(agent=trusted, action="b", stage=3)
    raise_alarm(trusted, "", "other customers than before", actor=actor_of(pia), by=pia)
    assert set(Autonomy.objects.values_list("stage", flat=True)) == {2}
    assert Incident.objects.get(closed_at=None).action == ""
    with pytest.raises(autonomy.UnknownAction):
        raise_alarm(trusted, "nothing", "x", actor=SYSTEM)


def test_an_incident_is_closed_once_by_somebody_else_and_gives_nothing_back(
    trusted: Any, action_type: Any, olga: Any, pia: Any
) -> None:
    incident = demote(trusted, "refund_payment", Incident.Kind.DRIFT, "x", SYSTEM)
    with pytest.raises(autonomy.OwnersWord):
        incidents.close_incident(incident, by=olga, actor=actor_of(olga), reason="fine")
    with pytest.raises(Invalid):
        incidents.close_incident(incident, by=pia, actor=actor_of(pia), reason=" ")

    closed = incidents.close_incident(incident, by=pia, actor=actor_of(pia), reason="looked into")
    assert (closed.closed_by, closed.closing_reason, bool(closed.closed_at)) == (pia, "looked into", True)
    assert stage_of(trusted) == 2
    with pytest.raises(incidents.IncidentIsClosed):
        incidents.close_incident(incident, by=pia, actor=actor_of(pia), reason="again")


def test_the_command_lowers_freely_and_raises_only_by_a_name_and_a_reason(
    agent: Any, action_type: Any, olga: Any, pia: Any, ana: Any, capsys: Any
) -> None:
    call_command("set_stage", "support-bot", "refund_payment", "1")
    assert capsys.readouterr().out.splitlines()[-1] == "1"
    for arguments, sentence in [
        ([], "--as OPERATOR"),
        (["--as", "pia"], "--reason"),
        (["--as", "olga", "--reason", "x"], "You own this agent"),
        (["--as", "ana", "--reason", "x"], "Only an operator"),
        (["--as", "nobody", "--reason", "x"], "nobody called nobody"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command("set_stage", "support-bot", "refund_payment", "3", *arguments)
    assert stage_of(agent) == 1

    call_command("set_stage", "support-bot", "refund_payment", "4", "--as", "pia", "--reason", "pilot")
    assert (stage_of(agent), said("autonomy.granted")["before"]) == (4, 1)


def test_the_alarm_command_demotes_and_prints_the_incident(
    trusted: Any, action_type: Any, capsys: Any
) -> None:
    call_command("raise_alarm", "support-bot", "--action", "refund_payment", "--reason", "odd")
    assert capsys.readouterr().out.splitlines()[-1] == str(Incident.objects.get().pk)
    assert (stage_of(trusted), Incident.objects.get().kind) == (2, "drift")
    for arguments in (["nobody", "--reason", "x"], ["support-bot", "--reason", " "]):
        with pytest.raises(CommandError):
            call_command("raise_alarm", *arguments)
