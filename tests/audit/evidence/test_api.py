from __future__ import annotations

import json
from typing import Any

import pytest

from audit.models import Event
from tests.sealed import seal_all, sealed_bodies


def test_the_log_is_read_in_pages_from_its_beginning(dora: Any, api_as: Any, write: Any) -> None:
    api = api_as(dora)
    for number in range(7):
        write("a.done" if number % 2 else "b.done", data={"number": number})
    seal_all()

    seen, after = [], 0
    while after is not None:
        page = api.get(f"events/?after={after}&limit=3").json()
        seen += page["events"]
        after = page["next"]

    assert seen == [
        {"position": place + 1, "leaf_index": place, **json.loads(body)}
        for place, body in enumerate(sealed_bodies())
    ]


def test_followers_ask_for_what_came_after(dora: Any, api_as: Any, write: Any) -> None:
    api = api_as(dora)
    seal_all()
    last = api.get("events/").json()["events"][-1]["position"]
    assert api.get(f"events/?after={last}").json() == {"events": [], "next": None, "read_to": last}

    write("a.done")
    assert api.get(f"events/?after={last}").json()["events"] == [], "it is not sealed yet"
    seal_all()
    page = api.get(f"events/?after={last}&type=a.").json()
    assert [event["position"] for event in page["events"]] == [last + 1]
    assert (page["next"], page["read_to"]) == (None, last + 1)
    assert api.get(f"events/?after={last}&type=b.").json()["events"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("after=x", "?after"),
        ("after=-1", "?after"),
        ("after=9223372036854775808", "?after"),
        ("after=²", "?after"),
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("type=Nonsense", "?type"),
        ("since=2026-01-01", "?since"),
    ],
)
def test_a_parameter_that_means_nothing_is_named(dora: Any, api_as: Any, query: str, pointer: str) -> None:
    answer = api_as(dora).get(f"events/?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "?format"),
        ("format=xlsx", "?format"),
        ("format=csv&since=never", "?since"),
        ("format=csv&colour=x", "?colour"),
        ("format=csv&proposal=x", "?proposal"),
    ],
)
def test_an_export_that_means_nothing_is_refused_before_it_is_told(
    dora: Any, api_as: Any, query: str, pointer: str
) -> None:
    answer = api_as(dora).get(f"events/export/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert not Event.objects.filter(type="events.exported").exists()


@pytest.mark.parametrize(
    ("format", "kind"), [("jsonl", "application/x-ndjson"), ("csv", "text/csv; charset=utf-8")]
)
@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/x-ndjson"])
def test_an_export_comes_as_a_file(
    dora: Any, api_as: Any, write: Any, format: str, kind: str, accept: str
) -> None:
    write("a.done")
    seal_all()

    answer = api_as(dora).get(f"events/export/?format={format}&type=a.done", Accept=accept)
    text = b"".join(answer).decode()

    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert answer["Content-Disposition"] == f'attachment; filename="events.{format}"'
    assert answer["Cache-Control"] == "no-store"
    assert "Content-Length" not in answer
    assert text.count("\n") == (1 if format == "jsonl" else 2)
    told = json.loads(Event.objects.get(type="events.exported").body)
    assert (told["actor"]["name"], told["actor"]["authenticated_by"]) == ("Dora", "api_token")


def test_a_page_looks_through_so_many_entries_and_says_how_far_it_came(
    dora: Any, api_as: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.sealing.sealed.MOST_LOOKED_AT", 4)
    for number in range(10):
        write("rare.done" if number == 9 else "a.done")
    seal_all()
    seen, after, pages = [], 0, 0
    while after is not None:
        page = api_as(dora).get(f"events/?after={after}&type=rare.").json()
        seen, after, pages = [*seen, *page["events"]], page["next"], pages + 1
    assert [event["type"] for event in seen] == ["rare.done"]
    assert pages > 2


def test_pages_cost_the_same_however_many_events_there_are(
    dora: Any, api_as: Any, write: Any, django_assert_num_queries: Any
) -> None:
    api = api_as(dora)
    api.get("events/")  # the first use of a token is noted
    for count in (1, 12):
        while Event.objects.filter(type="a.done").count() < count:
            write("a.done")
        seal_all()
        with django_assert_num_queries(3):  # size, types, events
            assert len(api.get("events/?type=a.").json()["events"]) == count
