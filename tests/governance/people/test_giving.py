"""Roles, teams and accounts are given and taken with an event, and somebody who operates always remains."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test import Client

from audit.models import Event
from governance.models import RoleHeld, TeamMembership, User
from governance.people import giving
from tests.conftest import actor_of


def told() -> list[str]:
    return list(Event.objects.filter(type__startswith="user.").order_by("id").values_list("type", flat=True))


def again(user: Any) -> Any:
    return User.objects.get(pk=user.pk)


@pytest.mark.django_db
def test_a_role_is_taken_and_given_again(olga: Any, pia: Any) -> None:
    User.objects.update(is_staff=True)
    assert giving.take_role(pia, "operator", actor=actor_of(olga))
    assert not giving.take_role(pia, "operator", actor=actor_of(olga))
    assert not again(pia).has_perm("governance.change_user")
    assert not again(pia).is_staff

    giving.give_role(pia, "operator", actor=actor_of(olga))
    giving.give_role(pia, "operator", actor=actor_of(olga))
    assert again(pia).has_perm("governance.change_user")
    assert again(pia).is_staff
    assert RoleHeld.objects.get(user=pia).given_by == "Olga"
    assert told() == ["user.role_taken", "user.role_given"]


@pytest.mark.django_db
def test_a_superuser_becomes_like_others(olga: Any, ana: Any) -> None:
    User.objects.filter(pk=ana.pk).update(is_superuser=True)
    assert giving.take_role(ana, "superuser", actor=actor_of(olga))
    assert not again(ana).has_perm("governance.change_user")
    giving.give_role(ana, "superuser", actor=actor_of(olga))
    assert again(ana).has_perm("governance.change_user")


@pytest.mark.django_db
def test_a_team_is_left_and_joined_again(olga: Any, ana: Any) -> None:
    assert giving.leave_team(ana, "operations", actor=actor_of(olga))
    assert not giving.leave_team(ana, "operations", actor=actor_of(olga))
    assert not ana.teams.exists()
    for team in ("operations", "operations", "no-such-team"):
        giving.join_team(ana, team, actor=actor_of(olga))
    assert TeamMembership.objects.get().given_by == "Olga"
    assert told() == ["user.team_left", "user.team_joined"]


@pytest.mark.django_db
def test_a_single_permission_is_taken(olga: Any, ana: Any) -> None:
    ana.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert giving.take_permission(ana, "audit.view_event", actor=actor_of(olga))
    assert not giving.take_permission(ana, "audit.view_event", actor=actor_of(olga))
    assert not again(ana).has_perm("audit.view_event")
    assert told() == ["user.permission_taken"]


@pytest.mark.django_db
def test_an_account_that_is_shut_opens_nothing_from_the_next_request_on(
    client: Client, olga: Any, ana: Any
) -> None:
    client.force_login(ana)
    assert client.get("/queue/").status_code == 200
    assert giving.deactivate(ana, actor=actor_of(olga))
    assert not giving.deactivate(ana, actor=actor_of(olga))
    assert client.get("/queue/").status_code == 302
    giving.activate(ana, actor=actor_of(olga))
    giving.activate(ana, actor=actor_of(olga))
    assert again(ana).is_active
    assert told() == ["user.deactivated", "user.activated"]


TAKEN: list[Callable[[Any, Any], Any]] = [
    lambda user, by: giving.take_role(user, "operator", actor=actor_of(by)),
    lambda user, by: giving.deactivate(user, actor=actor_of(by)),
]


@pytest.mark.django_db
@pytest.mark.parametrize("take", TAKEN, ids=["role", "account"])
def test_the_last_operator_remains(olga: Any, pia: Any, ana: Any, take: Callable[[Any, Any], Any]) -> None:
    pia.set_unusable_password()  # invited, and never came: nobody who could operate
    pia.save()
    with pytest.raises(giving.LastOperator):
        take(olga, olga)
    assert again(olga).is_active
    assert again(olga).has_perm("governance.change_user")
    assert told() == []
    pia.set_password("pia-has-a-long-password")
    pia.save()
    assert take(olga, olga)


@pytest.mark.django_db(transaction=True)
def test_two_operators_who_take_it_from_each_other_do_not_both_succeed(olga: Any, pia: Any) -> None:
    refused: list[giving.LastOperator] = []

    def take() -> None:
        try:
            giving.take_role(olga, "operator", actor=actor_of(pia))
        except giving.LastOperator as error:
            refused.append(error)
        finally:
            connection.close()

    second = threading.Thread(target=take)
    with transaction.atomic():
        giving.take_role(pia, "operator", actor=actor_of(olga))
        second.start()
        second.join(timeout=0.5)  # it can't know yet whether somebody remains
        assert second.is_alive()
    second.join()
    assert len(refused) == 1
    assert list(User.objects.filter(groups__name="operator")) == [olga]
