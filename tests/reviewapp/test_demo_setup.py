from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from governance.door.keys import hash_of
from governance.models import ActionType, Agent, AgentKey, Deployment, PolicyVersion, User


@pytest.fixture
def var(tmp_path: Path, settings: Any) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


def set_up(var: Path, **options: Any) -> None:
    call_command("demo_setup", str(var / "demo"), shop="http://127.0.0.1:9100", **options)


def test_the_demo_is_set_up_and_recognisable(db: None, var: Path, capsys: Any) -> None:
    set_up(var)

    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"reviewer", "auditor", "operator"}
    for line in lines:
        role, name, password = line.split()
        user = User.objects.get(username=name)
        assert user.check_password(password)
        assert [group.name for group in user.groups.all()] == [role]
    keys = json.loads((var / "demo" / "keys.json").read_text())
    for agent in Agent.objects.all():
        assert AgentKey.objects.get(agent=agent).hash == hash_of(keys[agent.name])
    names = [*User.objects.values_list("username", flat=True), *Agent.objects.values_list("name", flat=True)]
    assert all(name.startswith("demo-") for name in names)
    assert ActionType.objects.count() == len(json.loads((var / "demo" / "action_types.json").read_text()))
    assert PolicyVersion.objects.get().status == PolicyVersion.Status.ACTIVE
    assert Deployment.objects.active().count() == Agent.objects.count()
    for file in (var / "demo.json", var / "demo" / "keys.json"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_second_time_changes_nothing(db: None, var: Path, capsys: Any) -> None:
    set_up(var)
    first, keys = capsys.readouterr().out, (var / "demo" / "keys.json").read_text()
    events = Event.objects.count()

    set_up(var)

    assert capsys.readouterr().out == first
    assert (var / "demo" / "keys.json").read_text() == keys
    assert Event.objects.count() == events


def test_lost_notes_are_made_anew(db: None, var: Path, capsys: Any) -> None:
    set_up(var)
    capsys.readouterr()
    (var / "demo.json").unlink()
    (var / "demo" / "keys.json").unlink()

    set_up(var)

    role_name_password = capsys.readouterr().out.splitlines()[0].split()
    assert User.objects.get(username=role_name_password[1]).check_password(role_name_password[2])
    keys = json.loads((var / "demo" / "keys.json").read_text())
    assert AgentKey.objects.filter(hash__in=map(hash_of, keys.values()), revoked_at=None).count() == len(keys)


def test_what_is_not_of_the_demo_is_not_made(db: None, var: Path) -> None:
    set_up(var)
    (var / "demo" / "people.json").write_text(
        '[{"username": "boss", "role": "operator", "team": "operations"}]'
    )

    with pytest.raises(CommandError, match="boss"):
        call_command("demo_setup", str(var / "demo"))

    assert not User.objects.filter(username="boss").exists()


def test_a_demo_that_cannot_be_set_up_leaves_nothing(db: None, var: Path) -> None:
    (var / "demo").mkdir()
    with pytest.raises(CommandError, match=r"people\.json"):
        call_command("demo_setup", str(var / "demo"))
    with pytest.raises(CommandError, match="http://host:port"):
        call_command("demo_setup", str(var / "demo"), shop="nonsense")
    assert not User.objects.exists()
