"""Whose session it is: what Django's own backend would say of them, in one query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission

from governance.door.teams import slugs_of
from governance.models import Absence, Team, User
from governance.people import people
from governance.people.backend import People
from tests.queries import statements

NOW = datetime.now(UTC)


def away(person: Any, deputy: Any, *, begins: int, ends: int, **more: Any) -> None:
    """Out of office from so many days from now until so many."""
    since, until = NOW + timedelta(days=begins), NOW + timedelta(days=ends)
    Absence.objects.create(person=person, deputy=deputy, since=since, until=until, by=person, **more)


def same(person: Any) -> None:
    """Both know the same of them, and ours without asking again."""
    theirs, ours = ModelBackend().get_user(person.pk), People().get_user(person.pk)
    assert theirs is not None
    assert ours is not None
    found = [(u.get_all_permissions(), slugs_of(u), people.known_roles_of(u)) for u in (ours, theirs)]
    assert found[0] == found[1]
    fields = [field.attname for field in User._meta.concrete_fields]
    assert [getattr(ours, name) for name in fields] == [getattr(theirs, name) for name in fields]


@pytest.mark.parametrize("role", ["ana", "dora", "olga"])
def test_a_person_is_as_django_has_them(role: str, request: pytest.FixtureRequest) -> None:
    person = request.getfixturevalue(role)
    person.user_permissions.add(Permission.objects.get(codename="throw_halt"))
    same(person)


def test_teams_are_ones_own_and_those_of_the_absent(ana: Any, ben: Any, cyd: Any, dora: Any) -> None:
    dora.teams.add(Team.objects.create(slug="legal", name="Legal"))
    away(cyd, ana, begins=-1, ends=1)
    away(dora, ana, begins=1, ends=2)
    away(dora, ben, begins=-2, ends=-1)
    same(ana)
    same(ben)
    assert slugs_of(People().get_user(ana.pk)) == {"operations", "finance"}


def test_nobody_stands_in_for_somebody_who_is_back_or_left(ana: Any, cyd: Any, dora: Any) -> None:
    away(cyd, ana, begins=-1, ends=1, ended_at=NOW)
    dora.teams.add(Team.objects.create(slug="legal", name="Legal"))
    away(dora, ana, begins=-1, ends=1)
    User.objects.filter(pk=dora.pk).update(is_active=False)
    same(ana)
    assert slugs_of(People().get_user(ana.pk)) == {"operations"}


def test_who_is_switched_off_or_gone_is_nobody(ana: Any) -> None:
    User.objects.filter(pk=ana.pk).update(is_active=False)
    assert People().get_user(ana.pk) is None
    assert People().get_user(0) is None


def test_all_that_pages_ask_about_a_person_is_one_query(ana: Any) -> None:
    def ask() -> None:
        user = People().get_user(ana.pk)
        assert user is not None
        assert user.has_perm("approvals.add_decision")
        assert not user.has_perm("audit.export_event")
        assert slugs_of(user) == {"operations"}
        assert people.known_roles_of(user) == ["reviewer"]

    assert statements(ask) == 1


def test_a_superuser_may_everything(olga: Any) -> None:
    User.objects.filter(pk=olga.pk).update(is_superuser=True)
    same(olga)
