from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from audit.ground.refusals import Invalid
from audit.log.read import LARGEST_ID, Filters, first_id_at, in_order, page, types
from tests.audit.conftest import minutes

PROPOSAL = "01a2041e-0000-7000-8000-000000000001"


def read(**asked: str) -> Filters:
    return Filters.read(asked)


def ids(filters: Filters, **place: int) -> list[int]:
    return [event.pk for event in page(filters, **place).events]


def test_each_filter_narrows_and_together_they_narrow_more(write: Any) -> None:
    first = write("proposal.submitted", at=minutes(0), name="bot", proposal=PROPOSAL)
    second = write("proposal.approved", at=minutes(1), name="Ana", proposal=PROPOSAL)
    third = write("proposals.counted", at=minutes(2), name="Ana")
    fourth = write("execution.succeeded", at=minutes(3), name="Worker")

    assert ids(read()) == [fourth, third, second, first]
    assert ids(read(type="proposal.approved")) == [second]
    assert ids(read(type="proposal.")) == [second, first]
    assert ids(read(type="proposal")) == [second, first]
    assert ids(read(type="nothing.")) == []
    assert ids(read(actor="Ana")) == [third, second]
    assert ids(read(proposal=PROPOSAL)) == [second, first]
    assert ids(read(since="2026-01-01T00:01:00Z")) == [fourth, third, second]
    assert ids(read(until="2026-01-01T00:01:00Z")) == [first]
    assert ids(read(since="2026-01-01T00:01", until="2026-01-01 00:03:00", actor="Ana")) == [third, second]
    assert ids(read(type="proposal.", actor="Ana", proposal=PROPOSAL)) == [second]
    assert types() == ["execution.succeeded", "proposal.approved", "proposal.submitted", "proposals.counted"]


def test_pages_go_to_the_oldest_and_back_without_losing_or_repeating_any(write: Any) -> None:
    written = [write("a.done" if n % 3 else "b.done", at=minutes(n)) for n in range(25)]

    for filters, expected in [
        (read(), written),
        (read(type="a."), [number for n, number in enumerate(written) if n % 3]),
    ]:
        seen, found = [], page(filters, size=4)
        assert found.newer is None
        while True:
            seen.append([event.pk for event in found.events])
            if found.older is None:
                break
            found = page(filters, before=found.older, size=4)
        assert [number for each in seen for number in each] == expected[::-1]
        back = [seen[-1]]
        while found.newer is not None:
            found = page(filters, after=found.newer, size=4)
            back.append([event.pk for event in found.events])
        assert sorted({number for each in back for number in each}) == expected


def test_followers_get_events_in_order(write: Any) -> None:
    written = [write(at=minutes(n)) for n in range(5)]

    assert [event.pk for event in in_order(read(), after=written[1], limit=2)] == written[2:4]


def test_times_are_found_where_clocks_were_not_in_order(write: Any) -> None:
    """Numbers rise with time, but for what overtook each other and for clocks that were set back."""
    at = [minutes(n * 7 + (50 if n % 5 == 0 else 0)) for n in range(200)]
    written = dict(zip([write(at=moment) for moment in at], at, strict=True))

    for n in (0, 1, 60, 777, 1_399, 2_000):
        edge = minutes(n)
        since, until = read(since=edge.isoformat()), read(until=edge.isoformat())
        assert {e.pk for e in in_order(since, after=0, limit=500)} == {
            i for i, t in written.items() if t >= edge
        }
        assert {e.pk for e in in_order(until, after=0, limit=500)} == {
            i for i, t in written.items() if t < edge
        }


def test_a_time_narrows_the_search(write: Any) -> None:
    written = [write(at=minutes(n * 10)) for n in range(100)]

    assert written[40] < first_id_at(minutes(500), earlier=True) <= written[45]
    assert first_id_at(minutes(5_000), earlier=False) == LARGEST_ID
    assert first_id_at(minutes(-5_000), earlier=True) <= written[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "Proposal"),
        ("type", "a.b.c"),
        ("type", "x" * 200),
        ("type", "a%"),
        ("actor", "a\0"),
        ("actor", "x" * 201),
        ("proposal", "7"),
        ("since", "yesterday"),
        ("since", "2026-13-01T00:00:00Z"),
        ("until", "0001-01-01T00:00:00+14:00"),
        ("until", "10000-01-01T00:00:00Z"),
    ],
)
def test_a_filter_that_means_nothing_is_named(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(**{name: value})
    assert [error["pointer"] for error in refused.value.errors] == [f"?{name}"]


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_time_are_times(write: Any, value: str) -> None:
    one = write()
    assert ids(read(since=value)) == ([one] if value < "2026" else [])
    assert ids(read(until=value)) == ([one] if value > "2026" else [])


def test_what_was_asked_for_can_be_written_down() -> None:
    filters = read(type="proposal.", proposal=PROPOSAL, since="2026-01-01T01:00:00 01:00")
    assert filters.proposal == UUID(PROPOSAL)
    assert filters.as_json() == {
        "type": "proposal.",
        "proposal": PROPOSAL,
        "since": "2026-01-01T00:00:00+00:00",
    }
    assert filters.active
    assert not read(type=" ").active
    assert minutes(0) - filters.since == timedelta(0)
