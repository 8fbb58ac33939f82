from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.agents.agents import AgentRefused, create_agent
from governance.door import roles
from governance.door.keys import hash_of
from governance.models import Agent, AgentKey, Team, User
from governance.people.people import PersonRefused, create_user, set_password


def said(event_type: str) -> Any:
    return json.loads(Event.objects.get(type=event_type).body)["data"]


# --- Roles ----------------------------------------------------------------------------------------


def test_every_permission_that_a_role_is_given_exists(db: None) -> None:
    for role, names in roles.PERMISSIONS.items():
        group = Group.objects.get(name=role)
        given = {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.all()}
        assert given == set(names)


def test_a_migration_brings_roles_back_to_what_is_written(db: None) -> None:
    from django.apps import apps

    reviewer = Group.objects.get(name="reviewer")
    reviewer.permissions.set(Permission.objects.filter(codename__in=["export_event", "add_session"]))

    for app_config in apps.get_app_configs():
        roles.hand_out(app_config)

    given = set(reviewer.permissions.values_list("codename", flat=True))
    wanted = {name.partition(".")[2] for name in roles.PERMISSIONS[roles.REVIEWER]}
    assert given == wanted
    assert {"view_proposal", "add_decision", "throw_halt"} <= given


def test_no_role_may_write_rows_past_the_verbs(db: None) -> None:
    writing = ("add_", "change_", "delete_")
    assert [
        name
        for names in roles.PERMISSIONS.values()
        for name in names
        if name.split(".")[1].startswith(writing)
    ] == [
        "approvals.add_decision",  # asked for at the desk's door
        # and these at the doors of the pages and addresses whose verbs they stand for
        "governance.change_accessreview",
        "governance.change_agent",
        "governance.change_absence",
        "governance.change_actiontype",
        "governance.change_autonomy",
        "governance.change_deployment",
        "governance.change_incident",
        "governance.change_policyversion",
        "governance.change_standingapproval",
        "governance.change_secret",
        "governance.change_user",
        "approvals.change_checkplan",
    ]


# --- People ---------------------------------------------------------------------------------------


def test_a_person_gets_roles_teams_and_a_password(db: None) -> None:
    user, password = create_user(
        "eve", roles=["reviewer", "auditor"], teams=["operations", "night-shift"], actor=SYSTEM
    )

    user = User.objects.get(username="eve")
    assert user.check_password(password)
    assert len(password) >= 20
    assert {group.name for group in user.groups.all()} == {"reviewer", "auditor"}
    assert {team.name for team in user.teams.all()} == {"Operations", "Night shift"}
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert said("user.created") == {
        "user": str(user.pk),
        "name": "eve",
        "roles": ["auditor", "reviewer"],
        "teams": ["night-shift", "operations"],
    }
    assert password not in Event.objects.get().body


def test_operators_alone_see_the_admin(db: None) -> None:
    assert create_user("ope", roles=["operator"], teams=[], actor=SYSTEM)[0].is_staff


@pytest.mark.parametrize(
    ("name", "asked", "sentence"),
    [
        ("ana", {}, "already"),
        ("e ve", {}, "username"),
        ("eve", {"roles": ["king"]}, "reviewer, auditor, operator"),
        ("eve", {"roles": []}, "A role is one of"),
        ("eve", {"teams": ["two words"]}, "two words"),
        ("eve", {"password": "password1234"}, "too common"),
        ("eve", {"password": "short"}, "too short"),
    ],
)
def test_a_person_who_is_refused_leaves_nothing(ana: Any, name: str, asked: Any, sentence: str) -> None:
    people, teams, events = User.objects.count(), Team.objects.count(), Event.objects.count()

    with pytest.raises(PersonRefused, match=sentence):
        create_user(name, **{"roles": ["reviewer"], "teams": ["new"], "actor": SYSTEM, **asked})

    assert (User.objects.count(), Team.objects.count(), Event.objects.count()) == (people, teams, events)


def test_a_new_password_ends_open_sessions(ana: Any, client: Any) -> None:
    client.force_login(ana)
    assert client.get("/queue/").status_code == 200

    password = set_password(ana, actor=SYSTEM)

    assert client.get("/queue/").status_code == 302
    assert User.objects.get().check_password(password)
    assert said("password.changed") == {"user": str(ana.pk)}


def test_the_command_prints_the_password_last(db: None, capsys: Any) -> None:
    call_command("create_user", "eve", "--role", "reviewer")

    password = capsys.readouterr().out.splitlines()[-1]
    user = User.objects.get()
    assert user.check_password(password)
    assert [team.slug for team in user.teams.all()] == ["operations"]
    with pytest.raises(CommandError, match="There is a user eve already"):
        call_command("create_user", "eve", "--role", "reviewer")


# --- Agents ---------------------------------------------------------------------------------------


def test_an_agent_gets_an_owner_its_boundaries_and_a_key(olga: Any) -> None:
    agent, key = create_agent("bot", owner=olga, allowed_actions=["b", "a", "b"], actor=SYSTEM)

    assert (agent.owner, agent.enabled, agent.allowed_actions) == (olga, True, ["a", "b"])
    assert AgentKey.objects.get(agent=agent).hash == hash_of(key)
    assert said("agent.created") == {
        "agent": str(agent.pk),
        "name": "bot",
        "owner": str(olga.pk),
        "allowed_actions": ["a", "b"],
    }


@pytest.mark.parametrize("name", ["support-bot", "two words", "", "ö" * 3, "x" * 101])
def test_an_agent_that_is_refused_leaves_nothing(agent: Any, olga: Any, name: str) -> None:
    with pytest.raises(AgentRefused):
        create_agent(name, owner=olga, allowed_actions=None, actor=SYSTEM)
    assert Agent.objects.count() == 1
    assert not Event.objects.exists()


def test_the_commands_print_what_the_caller_needs_last(olga: Any, action_type: Any, capsys: Any) -> None:
    call_command("create_agent", "bot", "--owner", "olga", "--action", "refund_payment")
    key = capsys.readouterr().out.splitlines()[-1]
    assert AgentKey.objects.get().hash == hash_of(key)

    call_command("set_stage", "bot", "refund_payment", "1")
    assert capsys.readouterr().out.splitlines()[-1] == "1"

    for arguments, sentence in [
        (["create_agent", "bot", "--owner", "olga"], "There is an agent bot already"),
        (["create_agent", "bot2", "--owner", "nobody"], "There is no user nobody"),
        (["set_stage", "nobody", "refund_payment", "1"], "There is no agent nobody"),
        (["set_stage", "bot", "nothing", "1"], "There is no action type nothing"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command(*arguments)
