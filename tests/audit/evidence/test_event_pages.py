"""The page of one event, and the checkpoints."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import Checkpoint, Event
from audit.sealing import keys
from tests.audit.sealing.test_seal import a_checkpoint_is_due, many
from tests.sealed import seal_all


def page(person: Any, path: str) -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(f"/audit/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_event_that_is_not_sealed_says_so(dora: Any, write: Any) -> None:
    said = page(dora, f"events/{write('a.done')}/")
    assert "none yet: it is sealed within a second or two" in said
    assert "Verify in the browser" not in said


def test_an_event_that_no_checkpoint_covers_says_so(dora: Any, write: Any) -> None:
    write("a.done")
    seal_all()
    number = write("a.done")
    seal_all()
    said = page(dora, f"events/{number}/")
    assert "no checkpoint yet" in said
    assert "Verify in the browser" not in said


def test_a_proved_event_shows_its_place(dora: Any, write: Any) -> None:
    number = write("a.done", data={"text": "<script>alert(1)</script>\u202e"})
    seal_all()
    place = Event.objects.filter(pk__lt=number).count()
    said = page(dora, f"events/{number}/")
    assert f'entry <b class="num">{place}</b>' in said
    assert "Verify in the browser" in said
    assert "<script>alert" not in said


def test_an_event_that_is_not_there_is_not_found(dora: Any) -> None:
    client = Client()
    client.force_login(dora)
    assert client.get("/audit/events/999999999/").status_code == 404


def test_the_history_goes_by_pages(dora: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.evidence.event_views.PAGE", 2)
    for _ in range(3):
        many(1_000)
        seal_all()
    sizes = list(Checkpoint.objects.order_by("-size").values_list("size", flat=True))
    assert len(sizes) == 3
    first = page(dora, "checkpoints/")
    assert [str(size) in first for size in sizes] == [True, True, False]
    rest = page(dora, f"checkpoints/?before={sizes[1]}")
    assert f'<td data-label="Entries" class="num">{sizes[2]}</td>' in rest


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30])
def test_a_page_that_means_nothing_is_the_first(dora: Any, before: str, write: Any) -> None:
    write("a.done")
    seal_all()
    assert "Keep" in page(dora, f"checkpoints/?before={before}")


def test_a_derived_key_is_warned_of(dora: Any, settings: Any) -> None:
    assert "derived from <code>SECRET_KEY</code>" in page(dora, "checkpoints/")
    settings.AUDIT_SIGNING_KEYS = [keys.new_key()]
    assert "derived from" not in page(dora, "checkpoints/")


def test_what_no_checkpoint_covers_is_counted(dora: Any, write: Any) -> None:
    write("a.done")
    said = page(dora, "checkpoints/")
    assert "Not covered yet" in said
    assert "second" in said
    seal_all()
    a_checkpoint_is_due()
    seal_all()
    assert Checkpoint.objects.count() == 2
