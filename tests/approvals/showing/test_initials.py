from __future__ import annotations

from typing import Any

import pytest

from approvals.beside import claims
from approvals.queue.rows import rows_of
from approvals.showing import initials
from governance.models import User
from tests.conftest import actor_of


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ben Kim", "BK"),
        ("ana", "AN"),
        ("demo-reviewer", "DR"),
        ("demo-reviewer-2", "DR2"),
        ("ben.van.der.berg", "BB"),
        ("Éa", "ÉA"),
        ("42", "42"),
        ("!?", "!?"),
        ("", "?"),
    ],
)
def test_the_initials_of_a_name(name: str, letters: str) -> None:
    assert initials.plain(name) == letters


def test_no_two_people_have_the_same(db: None) -> None:
    names = ["dee", "dea", "Deo Ex", "Dan Eck", "de", "DEN", "dan-reed", "dora-ryan", "dan-reed-2"]
    people = [User.objects.create(username=name) for name in names]

    found = initials.of(people)

    assert len({*found.values()}) == len(names)
    assert [found[person.pk] for person in people[:3]] == ["DE", "DE2", "DE3"]
    assert initials.of([people[1]]) == {people[1].pk: "DE2"}


def test_rows_tell_claimants_apart(
    propose: Any, ana: Any, ben: Any, django_assert_max_num_queries: Any
) -> None:
    User.objects.filter(pk=ben.pk).update(username="anabel", first_name="", last_name="")
    User.objects.filter(pk=ana.pk).update(username="anatol", first_name="", last_name="")
    first, second = propose(), propose()
    claims.claim(first.pk, user=ana, actor=actor_of(ana))
    claims.claim(second.pk, user=ben, actor=actor_of(ben))

    rows = rows_of([first.pk, second.pk])

    letters = [row.claim.initials for row in rows if row.claim]
    assert len(letters) == len(set(letters)) == 2


@pytest.mark.parametrize(
    "names",
    [
        ("ana", "@ana"),
        ("ana", "_ana"),
        ("ben-kim", ".ben.kim"),
        ("ana", "2-ana", "-2-ana"),
        ("12", "1-2", "+12"),
        ("de2", "d-e-2", "de"),
        ("Ana", "ANA", "ana-"),
    ],
)
def test_a_sign_before_a_name_makes_no_second_of_the_same(db: None, names: tuple[str, ...]) -> None:
    people = [User.objects.create(username=name) for name in names]

    found = [initials.of([person])[person.pk] for person in people]

    assert len(set(found)) == len(names)
    assert found == list(initials.of(people).values())


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        (" ben  kim ", "BK"),
        ("x", "X"),
        ("ß", "SS"),
        ("李 小龙", "李小"),
        ("שלום", "של"),
        ("7 of 9", "OF9"),
        ("reviewer-12345", "RE123"),
        ("\u202eben", "BE"),
        ("\u200b", "[U+200B]"),
    ],
)
def test_the_initials_of_names_of_all_kinds(name: str, letters: str) -> None:
    assert initials.plain(name) == letters


def test_nobody_has_no_initials(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert initials.of([]) == {}
