"""Inviting people: names that are none, roles and teams that make no sense, and two operators at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.models import Team, User
from governance.people.people import PersonRefused, create_user, create_without_password
from tests.governance.door.test_links import signed_in

INVITATION = {"name": "zoe", "full_name": "Zoe Berg", "email": "", "role": "reviewer", "team": "operations"}


def kept() -> tuple[int, int]:
    return User.objects.count(), Event.objects.filter(type="user.created").count()


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("", {}, "This field cannot be blank."),
        ("x" * 151, {}, "Ensure this value has at most 150 characters (it has 151)."),
        ("zoe berg", {}, "Enter a valid username."),
        ("zoe\n", {}, "Enter a valid username."),
        ("<b>zoe</b>", {}, "Enter a valid username."),
        ("zoe\u202e", {}, "Enter a valid username."),
        ("zoe", {"roles": []}, "A role is one of reviewer, auditor, operator, not none."),
        ("zoe", {"roles": ["boss"]}, "A role is one of reviewer, auditor, operator, not boss."),
        (
            "zoe",
            {"roles": ["reviewer", "Operator"]},
            "A role is one of reviewer, auditor, operator, not Operator.",
        ),
        ("zoe", {"teams": ["not a team"]}, "Team not a team: Enter a valid “slug”"),
        ("zoe", {"teams": ["operations", ""]}, "Team : This field cannot be blank."),
        ("zoe", {"teams": ["x" * 65]}, "Ensure this value has at most 64 characters"),
        ("zoe", {"full_name": "Zoe\nBerg"}, "A name is one line of text."),
        ("zoe", {"full_name": "Zoe\u202eBerg"}, "A name is one line of text."),
        ("zoe", {"full_name": "Z" * 151 + " Berg"}, "Ensure this value has at most 150 characters"),
        ("zoe", {"email": "zoe@"}, "Enter a valid email address."),
        ("zoe", {"email": "zoe@example.com\nBcc: all@example.com"}, "Enter a valid email address."),
    ],
)
def test_somebody_who_makes_no_sense_is_not_let_in(
    ana: Any, name: str, how: dict[str, Any], said: str
) -> None:
    before, teams = kept(), Team.objects.count()
    with pytest.raises(PersonRefused) as refused:
        create_without_password(name, **{"roles": ["reviewer"], "teams": [], **how}, actor=SYSTEM)
    assert said in refused.value.detail
    assert (kept(), Team.objects.count()) == (before, teams)


@pytest.mark.parametrize(
    ("full_name", "first", "last", "printed"),
    [
        ("", "", "", "zoe"),
        ("Zoe", "Zoe", "", "Zoe"),
        (" Zoe  Berg ", "Zoe ", "Berg", "Zoe  Berg"),
        ("Zoe van den Berg", "Zoe van den", "Berg", "Zoe van den Berg"),
        ("זואי ברג", "זואי", "ברג", "זואי ברג"),
    ],
)
def test_a_whole_name_is_printed_as_it_was_given(
    db: None, full_name: str, first: str, last: str, printed: str
) -> None:
    zoe = create_without_password("zoe", full_name=full_name, roles=["auditor"], teams=[], actor=SYSTEM)
    assert (zoe.first_name, zoe.last_name, zoe.printed_name) == (first, last, printed)
    assert not zoe.has_usable_password()


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "This password is too short."),
        ("zoe-berg-zoe", "too similar to the username"),
        ("password1234", "This password is too common."),
    ],
)
def test_a_password_that_is_easily_guessed_lets_nobody_in(db: None, password: str, said: str) -> None:
    with pytest.raises(PersonRefused, match=said):
        create_user("zoe-berg-zoe", roles=["reviewer"], teams=[], actor=SYSTEM, password=password)
    assert kept() == (0, 0)


def test_a_team_that_is_new_is_made_and_one_that_is_there_keeps_its_name(db: None) -> None:
    Team.objects.update_or_create(slug="operations", defaults={"name": "Our operations"})
    create_user("zoe", roles=["reviewer"], teams=["operations", "night-shift"], actor=SYSTEM)
    names = dict(Team.objects.values_list("slug", "name"))
    assert (names["operations"], names["night-shift"]) == ("Our operations", "Night shift")


@pytest.mark.parametrize("name", ["ana", "olga"])
def test_a_name_that_is_taken_is_said_and_changes_nobody(ana: Any, olga: Any, name: str) -> None:
    before, password = kept(), User.objects.get(username=name).password
    page = signed_in(olga).post("/governance/people/new/", {**INVITATION, "name": name})
    assert (page.status_code, page.context["problem"]) == (422, f"There is a user {name} already.")
    assert (kept(), User.objects.get(username=name).password) == (before, password)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_invite_the_same_person_at_once_one_does_and_the_other_is_told(
    olga: Any, pia: Any
) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(2)

    def invite(client: Client) -> None:
        barrier.wait()
        answers.append(client.post("/governance/people/new/", INVITATION))
        connection.close()

    clients = [signed_in(olga), signed_in(pia)]
    before = kept()
    threads = [threading.Thread(target=invite, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [refused] = [answer for answer in answers if answer.status_code != 200]
    assert (refused.status_code, refused.context["problem"]) == (422, "There is a user zoe already.")
    assert kept() == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("path", ["/governance/people/999999/link/", f"/governance/people/{2**63}/link/"])
def test_nobody_is_given_no_link(olga: Any, path: str) -> None:
    assert signed_in(olga).post(path).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=AN", ["ana"]),
        ("?q=%25", []),
        ("?q=example.com", ["ana"]),
        ("?after=olga", []),
        ("?after=o", ["olga"]),
        ("?q=x&after=%00", None),
        ("?q=" + "a" * 5_000, []),
    ],
)
def test_people_are_found_by_name_and_address(
    olga: Any, ana: Any, query: str, found: list[str] | None
) -> None:
    User.objects.filter(pk=ana.pk).update(email="ana@example.com")
    page = signed_in(olga).get(f"/governance/people/{query}")
    if found is None:
        assert page.status_code == 400
    else:
        assert [row["username"] for row in page.context["people"]] == found
