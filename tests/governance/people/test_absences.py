"""Out of office by page and API: what is refused, in which words, and that nothing is set then."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from audit.models import Event
from governance.models import Absence, User
from governance.people import absences
from tests.conftest import ApiClient, actor_of, make_person
from tests.governance.agents.test_views import browser

OWN, OTHERS = "/accounts/out-of-office/", "/governance/out-of-office/"
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


def later(**span: int) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


def at(moment: datetime) -> str:
    """As the field of a browser says it."""
    return moment.strftime("%Y-%m-%dT%H:%M")


def z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def set_events() -> int:
    return Event.objects.filter(type="absence.set").count()


def away(
    person: Any, deputy: Any, *, since: datetime | None = None, until: datetime | None = None
) -> Absence:
    until = until or later(days=2)
    return absences.set_out(
        person, deputy=deputy, since=since, until=until, by=person, actor=actor_of(person)
    )


# --- Wrong input --------------------------------------------------------------------------------


def cases(ana: Any, ben: Any, dora: Any) -> dict[str, tuple[dict[str, str], str]]:
    """What may be typed into the form of one's own absence, and what is said of it."""
    right = {"deputy": str(ben.pk), "until": at(later(days=2))}
    day = "Say a day and a time."
    ends = "It has to end after it begins, and not in the past."
    return {
        "nobody": ({**right, "deputy": ""}, "Choose who stands in."),
        "no number": ({**right, "deputy": "ben"}, "Choose who stands in."),
        "a number of nobody": ({**right, "deputy": "999999"}, "Choose who stands in."),
        "a huge number": ({**right, "deputy": "9" * 30}, "Choose who stands in."),
        "foreign digits": ({**right, "deputy": "٣"}, "Choose who stands in."),
        "oneself": ({**right, "deputy": str(ana.pk)}, "Somebody else has to stand in."),
        "who decides nothing": (
            {**right, "deputy": str(dora.pk)},
            "Dora may not decide: the role reviewer is missing.",
        ),
        "no end": ({"deputy": str(ben.pk)}, day),
        "blank end": ({**right, "until": " "}, day),
        "no day": ({**right, "until": "tomorrow"}, day),
        "no such day": ({**right, "until": "2026-02-30T10:00"}, day),
        "before all time": ({**right, "until": "0001-01-01T00:00+14:00"}, day),
        "over": ({**right, "until": "2020-01-01T00:00"}, ends),
        "ends before it begins": ({**right, "since": at(later(days=3))}, ends),
        "for years": ({**right, "until": at(later(days=400))}, "It can last a year at most."),
        "no beginning": ({**right, "since": "soon"}, day),
        "long reason": ({**right, "reason": "x" * 201}, "Say it in at most 200 characters."),
    }


@pytest.mark.parametrize("case", cases(User(pk=1), User(pk=2), User(pk=3)))
def test_an_absence_that_makes_no_sense_is_not_set_and_what_was_typed_stays(
    ana: Any, ben: Any, dora: Any, case: str
) -> None:
    typed, said = cases(ana, ben, dora)[case]
    page = browser(ana).post(OWN, typed)

    assert (page.status_code, page.context["problems"]) == (422, [said])
    assert page.context["typed"]["until"] == typed["until"] if "until" in typed else True
    assert (Absence.objects.count(), set_events()) == (0, 0)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"deputy": None}, "/deputy", "Input should be a valid string"),
        ({"deputy": 7}, "/deputy", "Input should be a valid string"),
        ({"deputy": "nobody"}, "/deputy", "There is no user nobody."),
        ({"deputy": "BEN"}, "/deputy", "There is no user BEN."),
        ({"deputy": "x" * 151}, "/deputy", "String should have at most 150 characters"),
        ({"deputy": "ana"}, "/deputy", "Somebody else has to stand in."),
        ({"deputy": "dora"}, "/deputy", "Dora may not decide: the role reviewer is missing."),
        ({"person": "nobody"}, "/person", "There is no user nobody."),
        ({"person": None}, "/person", "Input should be a valid string"),
        (
            {"until": "2030-01-01"},
            "/until",
            "must be a date and time with its zone, such as 2026-11-22T10:00:00Z",
        ),
        (
            {"until": 1_900_000_000},
            "/until",
            "must be a date and time with its zone, such as 2026-11-22T10:00:00Z",
        ),
        (
            {"until": "2030-01-01T00:00:00"},
            "/until",
            "must be a date and time with its zone, such as 2026-11-22T10:00:00Z",
        ),
        ({"until": "2201-01-01T00:00:00Z"}, "/until", "must lie in the years 1970 to 2200"),
        ({"until": "2200-01-01T00:00:00Z"}, "/until", "It can last a year at most."),
        ({"until": "2020-01-01T00:00:00Z"}, "/until", "It has to end after it begins, and not in the past."),
        ({"reason": "x" * 201}, "/reason", "String should have at most 200 characters"),
        ({"reason": ["ill"]}, "/reason", "Input should be a valid string"),
        ({"colour": "red"}, "/colour", "This field is unknown here."),
    ],
)
def test_a_program_is_told_which_field_is_wrong(
    ana: Any, ben: Any, dora: Any, api_as: Any, body: dict[str, Any], pointer: str, detail: str
) -> None:
    right = {"deputy": "ben", "until": z(later(days=2))}
    answer = api_as(ana).post("absences/", {**right, **body})
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"pointer": pointer, "detail": detail}])
    assert (Absence.objects.count(), set_events()) == (0, 0)


def test_what_is_left_out_and_needed_is_named_all_at_once(ana: Any, api_as: Any) -> None:
    answer = api_as(ana).post("absences/", {})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/deputy", "/until"]


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "person", "status"), [("ana", "ben", 403), ("olga", "ben", 201), ("ana", "ana", 201)]
)
def test_of_others_operators_alone_say_it(
    ana: Any, ben: Any, cyd: Any, olga: Any, api_as: Any, by: str, person: str, status: int
) -> None:
    people = {"ana": ana, "ben": ben, "olga": olga}
    body = {"person": person, "deputy": "cyd", "until": z(later(days=2))}
    answer = api_as(people[by]).post("absences/", body)

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["detail"] == "You can say this of yourself; of others an operator can."
    assert (Absence.objects.count(), set_events()) == ((1, 1) if status == 201 else (0, 0))


def test_what_is_answered_is_what_the_list_then_says(ana: Any, ben: Any, api_as: Any) -> None:
    api = api_as(ana)
    since, until = later(days=1), later(days=2)
    running = api.post("absences/", {"deputy": "ben", "until": z(later(hours=1))}).json()
    coming = api.post("absences/", {"deputy": "ben", "since": z(since), "until": z(until)}).json()

    assert (running["running"], coming["running"]) == (True, False)
    assert (coming["since"], coming["until"]) == (z(since), z(until))
    assert api.get("absences/").json() == {"absences": [running, coming]}
    ended = api.post(f"absences/{running['id']}/end/").json()
    assert ended == {**running, "running": False}
    assert api.get("absences/").json() == {"absences": [coming]}


@pytest.mark.parametrize(
    ("asks", "sees"), [("ana", True), ("ben", True), ("cyd", False), ("dora", False), ("olga", True)]
)
def test_an_absence_is_seen_by_whom_it_concerns(
    ana: Any, ben: Any, cyd: Any, dora: Any, olga: Any, api_as: Any, asks: str, sees: bool
) -> None:
    people = {"ana": ana, "ben": ben, "cyd": cyd, "dora": dora, "olga": olga}
    found = away(ana, ben)
    listed = api_as(people[asks]).get("absences/").json()["absences"]
    assert [row["id"] for row in listed] == ([str(found.pk)] if sees else [])
    if not sees:
        assert api_as(people[asks]).post(f"absences/{found.pk}/end/").status_code == 404
        assert Absence.objects.get().ended_at is None


# --- Lost races --------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["ana", "olga"])
def test_what_was_ended_meanwhile_is_ended_once_and_the_second_is_told(
    ana: Any, ben: Any, olga: Any, api_as: Any, by: str
) -> None:
    person = {"ana": ana, "olga": olga}[by]
    found = away(ana, ben)
    absences.end(found, by=ana, actor=actor_of(ana))

    page = browser(person).post(f"{OWN}{found.pk}/end/", follow=True)
    answer = api_as(person).post(f"absences/{found.pk}/end/")

    assert "This absence is over already." in page.content.decode()
    assert (answer.status_code, answer.json()["detail"]) == (409, "This absence is over already.")
    assert Event.objects.filter(type="absence.ended").count() == 1


def test_who_stands_in_does_not_end_it(ana: Any, ben: Any, api_as: Any) -> None:
    found = away(ana, ben)
    assert browser(ben).post(f"{OWN}{found.pk}/end/").status_code == 403
    assert api_as(ben).post(f"absences/{found.pk}/end/").status_code == 403
    assert (Absence.objects.get().ended_at, Event.objects.filter(type="absence.ended").count()) == (None, 0)


@pytest.mark.parametrize("which", [NOBODY, "x", "1"])
def test_an_absence_that_is_not_there_is_not_ended(olga: Any, api_as: Any, which: str) -> None:
    assert browser(olga).post(f"{OWN}{which}/end/").status_code == 404
    assert api_as(olga).post(f"absences/{which}/end/").status_code == 404


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (0, 1, "Ana is out of office then already."),
        (3, 5, "Ana is out of office then already."),
        (1, 9, "Ana is out of office then already."),
        (0, 9, "Ana is out of office then already."),
        (4, 6, ""),  # one ends as the other begins
        (9, 10, ""),
    ],
)
def test_two_absences_of_one_person_do_not_overlap(
    ana: Any, ben: Any, cyd: Any, api_as: Any, since: int, until: int, said: str
) -> None:
    today = later().replace(microsecond=0)
    first = away(ana, ben, since=today + timedelta(minutes=30), until=today + timedelta(days=4))
    Absence.objects.filter(pk=first.pk).update(until=today + timedelta(days=4))
    body = {
        "deputy": "cyd",
        "since": z(today + timedelta(days=since)),
        "until": z(today + timedelta(days=until)),
    }

    answer = api_as(ana).post("absences/", body)

    found = answer.json().get("errors", [{"pointer": "/since", "detail": ""}])
    assert found == [{"pointer": "/since", "detail": said}]
    assert Absence.objects.count() == (1 if said else 2)


def test_a_deputy_who_is_away_then_is_none(ana: Any, ben: Any, cyd: Any, api_as: Any) -> None:
    away(ben, cyd)
    answer = api_as(ana).post("absences/", {"deputy": "ben", "until": z(later(days=1))})
    assert answer.json()["errors"] == [{"pointer": "/deputy", "detail": "Ben is out of office then, too."}]
    assert Absence.objects.get().person == ben


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_each_other_their_deputy_at_once_one_does(ana: Any, ben: Any, api_as: Any) -> None:
    answers: list[int] = []
    barrier = threading.Barrier(2)
    bodies = [(api_as(ana).headers, "ben"), (api_as(ben).headers, "ana")]

    def leave(headers: dict[str, str], deputy: str) -> None:
        api = ApiClient()
        api.headers = headers
        barrier.wait()
        answers.append(api.post("absences/", {"deputy": deputy, "until": z(later(days=1))}).status_code)
        connection.close()

    threads = [threading.Thread(target=leave, args=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [201, 422]
    assert (Absence.objects.count(), set_events()) == (1, 1)


# --- The operators' page -----------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "nobody", "999999", "-1", str(2**63)])
def test_an_operator_is_asked_whom_they_mean(olga: Any, ben: Any, typed: str) -> None:
    body = {"person": typed, "deputy": str(ben.pk), "until": at(later(days=1))}
    page = browser(olga).post(OTHERS, body)
    assert (page.status_code, page.context["problems"]) == (422, ["Choose who is out of office."])
    assert not Absence.objects.exists()


def test_an_operator_sets_out_somebody_and_a_moment_with_a_zone_is_that_moment(
    olga: Any, ana: Any, ben: Any
) -> None:
    until = later(days=1).replace(second=0, microsecond=0)
    there = until.astimezone(UTC) + timedelta(hours=2)
    body = {"person": str(ana.pk), "deputy": str(ben.pk), "until": f"{at(there)}+02:00", "reason": " ill "}

    page = browser(olga).post(OTHERS, body, follow=True)

    assert "Ben stands in for Ana." in page.content.decode()
    found = Absence.objects.get()
    assert (found.person, found.deputy, found.until, found.reason, found.by) == (ana, ben, until, "ill", olga)


def test_deputies_are_those_who_may_decide_and_oneself_is_none(
    ana: Any, ben: Any, cyd: Any, dora: Any
) -> None:
    make_person("gone", "reviewer")
    User.objects.filter(username="gone").update(is_active=False)
    page = browser(ana).get(OWN)
    assert list(page.context["deputies"]) == [ben, cyd]


def test_hostile_reasons_are_shown_as_text(ana: Any, ben: Any) -> None:
    found = absences.set_out(
        ana, deputy=ben, until=later(days=1), reason="<b>ill</b>", by=ana, actor=actor_of(ana)
    )
    assert isinstance(found.pk, UUID)
    text = browser(ana).get(OWN).content.decode()
    assert "&lt;b&gt;ill&lt;/b&gt;" in text
    assert "<b>ill" not in text


def test_a_stranger_is_sent_to_the_log_in(db: None) -> None:
    for path in (OWN, OTHERS):
        answer = Client().post(path, {"deputy": "1"})
        assert answer["Location"].startswith("/accounts/login/")
