from __future__ import annotations

import json
from typing import Any

import pytest

from audit.models import Event


def test_the_log_is_read_in_pages_from_its_beginning(dora: Any, api_as: Any, write: Any) -> None:
    api = api_as(dora)
    for number in range(7):
        write("a.done" if number % 2 else "b.done", data={"number": number})
    everything = list(Event.objects.order_by("pk"))

    seen, after = [], 0
    while after is not None:
        page = api.get(f"events/?after={after}&limit=3").json()
        seen += page["events"]
        after = page["next"]

    assert seen == [{"position": event.pk, **json.loads(event.body)} for event in everything]


def test_followers_ask_for_what_came_after(dora: Any, api_as: Any, write: Any) -> None:
    api = api_as(dora)
    last = api.get("events/").json()["events"][-1]["position"]
    assert api.get(f"events/?after={last}").json() == {"events": [], "next": None}

    new = write("a.done")
    assert [event["position"] for event in api.get(f"events/?after={last}&type=a.").json()["events"]] == [new]
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
        ("format=csv&actor=x", "?actor"),
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

    answer = api_as(dora).get(f"events/export/?format={format}&type=a.done", Accept=accept)
    text = b"".join(answer).decode()

    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert answer["Content-Disposition"] == f'attachment; filename="events.{format}"'
    assert answer["Cache-Control"] == "no-store"
    assert "Content-Length" not in answer
    assert text.count("\n") == (1 if format == "jsonl" else 2)
    told = json.loads(Event.objects.get(type="events.exported").body)
    assert (told["actor"]["name"], told["actor"]["authenticated_by"]) == ("Dora", "api_token")


def test_pages_cost_the_same_however_many_events_there_are(
    dora: Any, api_as: Any, write: Any, django_assert_num_queries: Any
) -> None:
    api = api_as(dora)
    api.get("events/")  # the first use of a token is noted
    for count in (1, 12):
        while Event.objects.filter(type="a.done").count() < count:
            write("a.done")
        with django_assert_num_queries(2):  # types, events
            assert len(api.get("events/?type=a.").json()["events"]) == count
