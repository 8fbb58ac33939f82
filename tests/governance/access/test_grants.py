"""Who has what: every way to do anything stands in the list, with since when and by whom."""

from __future__ import annotations

import csv
import importlib
import io
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.access import grants
from governance.access.grants import Filters, Position
from governance.door import keys
from governance.models import AgentKey, ApiToken, RoleHeld, StandingApproval, TeamMembership, User
from governance.people.people import create_user
from tests.conftest import actor_of
from tests.governance.access.made import names

pytestmark = pytest.mark.django_db


def standing(agent: Any, drafted_by: Any, activated_by: Any) -> StandingApproval:
    return StandingApproval.objects.create(
        status="active",
        agent=agent,
        action="refund_payment",
        arguments={},
        rule="true",
        team_id="operations",
        proposal="0190a000-0000-7000-8000-000000000000",
        uses_allowed=20,
        uses=3,
        lasts=timedelta(days=7),
        expires_at=Now() + timedelta(days=7),
        drafted_by=drafted_by,
        activated_by=activated_by,
        activated_at=Now(),
    )


def test_everything_that_lets_anybody_do_anything_is_listed(
    ana: Any, ben: Any, olga: Any, agent: Any
) -> None:
    key = keys.issue_key(agent, actor=actor_of(olga), name="production")
    token = keys.issue_token(ana, actor=actor_of(ana))
    standing(agent, ana, ben)
    ben.user_permissions.add(Permission.objects.get(codename="view_event"))
    User.objects.filter(pk=ben.pk).update(is_superuser=True)
    assert names() == [
        ("ana", "account", "may sign in"),
        ("ana", "role", "reviewer"),
        ("ana", "team", "Operations"),
        ("ana", "token", f"{token[:9]}…"),
        ("ben", "account", "may sign in"),
        ("ben", "permission", "audit.view_event"),
        ("ben", "role", "reviewer"),
        ("ben", "role", "superuser"),
        ("ben", "team", "Operations"),
        ("olga", "account", "may sign in"),
        ("olga", "role", "operator"),
        ("support-bot", "key", f"{key[:9]}…, for production"),
        ("support-bot", "standing", "refund_payment, used 3 of 20 times"),
    ]


def test_what_opens_nothing_any_more_is_not_listed(ana: Any, ben: Any, olga: Any, agent: Any) -> None:
    for owner, issue in ((agent, keys.issue_key), (ana, keys.issue_token)):
        issue(owner, actor=SYSTEM)  # type: ignore[operator]
    AgentKey.objects.update(expires_at=Now() - timedelta(seconds=1))
    keys.revoke(ApiToken.objects.get(), actor=SYSTEM)
    StandingApproval.objects.filter(pk=standing(agent, ana, ben).pk).update(expires_at=Now())
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert {(holder, kind) for holder, kind, _ in names()} == {
        *(("ana", kind) for kind in ("account", "role", "team")),
        *(("olga", kind) for kind in ("account", "role")),
    }


def test_a_grant_says_since_when_by_whom_and_when_it_was_used(olga: Any, agent: Any) -> None:
    zoe, _ = create_user("zoe", roles=["reviewer"], teams=["legal"], actor=actor_of(olga))
    keys.issue_token(zoe, actor=actor_of(zoe))
    keys.issue_key(agent, actor=actor_of(olga))
    rotated = keys.rotate(AgentKey.objects.get(), actor=SYSTEM)
    ApiToken.objects.update(last_used_at=Now())
    Authenticator.objects.create(user=zoe, type="totp", data={})
    rows, _ = grants.page(Filters(holder="zoe"))
    given = {row.kind: row.given_by for row in rows}
    assert given == {"account": "Olga", "role": "Olga", "team": "Olga", "token": "zoe"}
    assert all(row.since and row.last_used_at and row.second_factor for row in rows)

    agents, _ = grants.page(Filters(kind="key"))
    assert sorted((row.what, row.given_by) for row in agents) == sorted(
        [(f"{AgentKey.objects.first().prefix}…", "Olga"), (f"{rotated[:9]}…", "Console")]  # type: ignore[union-attr]
    )
    assert all(row.second_factor is None and row.user is None for row in agents)


def test_what_was_given_before_is_found_in_the_log(ana: Any, olga: Any, agent: Any) -> None:
    zoe, _ = create_user("zoe", roles=["reviewer", "auditor"], teams=["legal"], actor=actor_of(olga))
    keys.issue_token(zoe, actor=actor_of(olga))
    keys.issue_key(agent, actor=SYSTEM)
    for kind in (RoleHeld, TeamMembership):
        kind._default_manager.update(since=None, given_by="")
    User.objects.update(let_in_by="")
    for secret in (AgentKey, ApiToken):
        secret._default_manager.update(given_by="")
    migration = importlib.import_module("governance.migrations.0017_grants_say_since_when")
    with connection.cursor() as cursor:
        cursor.execute(migration.FROM_THE_LOG)

    created = Event.objects.get(type="user.created").at
    rows, _ = grants.page(Filters(holder="zoe"))
    assert [
        (row.kind, row.given_by, row.since == created) for row in rows if row.kind in ("role", "team")
    ] == [
        ("role", "Olga", True),
        ("role", "Olga", True),
        ("team", "Olga", True),
    ]
    assert {row.given_by for row in rows} == {"Olga"}
    assert AgentKey.objects.get().given_by == "Console"
    # Nothing of ana stands in the log: nobody vouches for a moment.
    assert {(row.since, row.given_by) for row in grants.page(Filters(holder="ana", kind="role"))[0]} == {
        (None, "")
    }


def test_each_filter_leaves_what_fits(ana: Any, cyd: Any, olga: Any, agent: Any) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    assert [row[0] for row in names(role="reviewer")] == ["ana", "cyd"]
    assert [row[0] for row in names(team="finance")] == ["cyd"]
    assert [row[0] for row in names(kind="key")] == ["support-bot"]
    assert {row[0] for row in names(holder="LGA")} == {"olga"}
    assert names(role="reviewer", team="finance") == []
    assert names(holder="%") == []


def test_what_nobody_used_for_ninety_days_is_found(ana: Any, olga: Any, agent: Any) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    assert names(unused=True) == []
    AgentKey.objects.update(last_used_at=Now() - timedelta(days=91))
    RoleHeld.objects.filter(user=ana).update(since=Now() - timedelta(days=91))
    assert [(holder, kind) for holder, kind, _ in names(unused=True)] == [
        ("ana", "role"),
        ("support-bot", "key"),
    ]
    User.objects.filter(pk=ana.pk).update(last_login=Now())
    assert [holder for holder, _, _ in names(unused=True)] == ["support-bot"]


def test_pages_follow_one_another_without_a_gap(ana: Any, ben: Any, olga: Any, agent: Any) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    everything, _ = grants.page(Filters())
    found: list[grants.Grant] = []
    has_more = True
    while has_more:
        after = Position.of(found[-1]) if found else None
        rows, has_more = grants.page(Filters(), after=after and Position.read(after.as_text()), size=2)
        found += rows
    assert found == everything
    assert len(found) == 9


def test_the_file_has_what_the_page_shows_and_is_an_event(
    client: Client, dora: Any, olga: Any, agent: Any
) -> None:
    keys.issue_key(agent, actor=actor_of(olga), name="=1+1")
    User.objects.filter(pk=olga.pk).update(first_name="=cmd()")
    client.force_login(dora)
    answer = client.get("/governance/access/export/?kind=key")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["holder"], row["kind"], row["given_by"]) == ("support-bot", "key", "Olga")
    assert row["what"].endswith("…, for =1+1")
    assert (row["since"][-1], row["last_used_at"], row["unused_for_90_days"]) == ("Z", "", "false")
    event = Event.objects.get(type="access.exported")
    assert event.actor == f"user:{dora.pk}"
    assert '"filters":{"kind":"key"}' in event.body

    answer = client.get("/governance/access/export/?holder=olga&kind=account")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=cmd()" in text


def test_a_kind_that_there_is_not_is_refused(client: Client, dora: Any) -> None:
    client.force_login(dora)
    assert client.get("/governance/access/?kind=crown").status_code == 400
    assert client.get("/governance/access/export/?kind=crown").status_code == 400
    assert not Event.objects.filter(type="access.exported").exists()


@pytest.mark.parametrize("after", ["", "x", "a/b/c/d", "zzzz/role/x"])
def test_a_place_that_no_page_named_is_no_error(client: Client, dora: Any, after: str) -> None:
    client.force_login(dora)
    assert client.get(f"/governance/access/?after={after}").status_code == 200
