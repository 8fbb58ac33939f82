"""What takes somebody's access away is told at once to whoever has a page or a request open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from audit.ground.actors import SYSTEM
from governance.door import keys
from governance.models import Agent, AgentKey, ApiToken, Team, User
from governance.people.people import set_password


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr("reviewapp.accounts.leaving.announce_access", lambda: found.append("told"))
    return found


def closed(ana: User) -> None:
    ana.is_active = False
    ana.save(update_fields=["is_active"])


def another_password(ana: User) -> None:
    set_password(ana, actor=SYSTEM)


def out_of_the_team(ana: User) -> None:
    ana.teams.clear()


def into_a_team(ana: User) -> None:
    ana.teams.add(Team.objects.create(slug="legal", name="Legal"))


def without_a_role(ana: User) -> None:
    ana.groups.clear()


def a_right_of_a_role(ana: User) -> None:
    Group.objects.get(name="reviewer").permissions.remove(Permission.objects.first())  # type: ignore[arg-type]


def a_right_of_theirs(ana: User) -> None:
    ana.user_permissions.add(Permission.objects.first())  # type: ignore[arg-type]


def a_token_revoked(ana: User) -> None:
    keys.revoke(ApiToken.objects.get(), actor=SYSTEM)


def a_token_that_ends(ana: User) -> None:
    keys.rotate(ApiToken.objects.get(), actor=SYSTEM)


def a_key_revoked(ana: User) -> None:
    keys.revoke(AgentKey.objects.get(), actor=SYSTEM)


@pytest.mark.parametrize(
    "change",
    [
        closed,
        another_password,
        out_of_the_team,
        into_a_team,
        without_a_role,
        a_right_of_a_role,
        a_right_of_theirs,
        a_token_revoked,
        a_token_that_ends,
        a_key_revoked,
    ],
)
def test_what_changes_access_is_told_once_it_is_committed(
    ana: User,
    agent: Agent,
    told: list[str],
    change: Callable[[User], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    keys.issue_token(ana, actor=SYSTEM)

    with django_capture_on_commit_callbacks() as callbacks:
        change(ana)
        assert told == []

    for callback in callbacks:
        callback()
    assert "told" in told


def test_who_signs_out_is_told_of(
    ana: User, told: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    client = Client()
    client.force_login(ana)
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/logout/")
    assert "told" in told


def used(ana: User) -> None:
    ana.last_login = timezone.now()
    ana.save(update_fields=["last_login"])


def made(ana: User) -> None:
    User.objects.create_user("zoe")
    keys.issue_token(ana, actor=SYSTEM)


def looked_at(ana: User) -> None:
    ApiToken.objects.update(last_used_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("change", [used, made, looked_at])
def test_what_takes_nothing_away_is_not(
    ana: User, told: list[str], change: Callable[[User], None], django_capture_on_commit_callbacks: Any
) -> None:
    keys.issue_token(ana, actor=SYSTEM)
    with django_capture_on_commit_callbacks(execute=True):
        change(ana)
    assert told == []
