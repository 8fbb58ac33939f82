"""Which proposals a backtest is over, how parts of it add up, and how two results stand side by side."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.canonical import canonical
from audit.ground.ids import uuid7
from governance.policies import lifecycle
from suggestions.models import Backtest
from suggestions.trying.rejudge import Chosen, least_id
from suggestions.trying.shown import LINES, chosen_words, compared, percent, result_shown, shown
from suggestions.trying.tally import ANSWERS, PEOPLES, Tally, result, score, sentences
from tests.searching import searched

# --- Chosen -----------------------------------------------------------------------------------


def test_an_identifier_that_was_made_since_is_no_less() -> None:
    before, made, after = datetime.now(UTC), uuid7(), datetime.now(UTC)
    assert least_id(before) <= made < least_id(after + timedelta(milliseconds=1))
    assert least_id(before, timedelta(days=1)) > made > least_id(after, -timedelta(days=1))


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0)),  # nothing was made so early
        (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0)),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), UUID(int=0)),
        (datetime(1970, 1, 1, 0, 0, 0, 5_000, tzinfo=UTC), UUID(int=5 << 80)),
        (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=253_402_214_400_000 << 80)),
    ],
)
def test_the_ends_of_time_have_identifiers(at: datetime, found: UUID) -> None:
    assert least_id(at) == found
    assert least_id(at, -timedelta(days=1)) <= found <= least_id(at, timedelta(days=1))


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_identifiers_are_in_the_order_of_their_times(one: datetime, other: datetime) -> None:
    first, second = sorted([one, other])
    assert least_id(first) <= least_id(second)


@pytest.mark.parametrize(
    ("chosen", "conditions", "names"),
    [
        (Chosen(), ["NOT is_check"], []),
        (Chosen(action="refund"), ["NOT is_check", "action = %(action)s"], ["action"]),
        (
            Chosen(since=datetime(1, 1, 1, tzinfo=UTC), until=datetime(9999, 12, 31, tzinfo=UTC)),
            [
                "NOT is_check",
                "created_at >= %(since)s",
                "id >= %(since_id)s",
                "created_at < %(until)s",
                "id < %(until_id)s",
            ],
            ["since", "since_id", "until", "until_id"],
        ),
    ],
)
def test_what_was_chosen_is_asked_of_the_database(
    chosen: Chosen, conditions: list[str], names: list[str]
) -> None:
    where, values = chosen.where()
    assert where.split(" AND ") == conditions
    assert list(values) == names
    assert Chosen.from_json(chosen.as_json()) == chosen


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Chosen(), "Up to the newest 100,000"),
        (Chosen(newest=1, agent="bot"), "Up to the newest 1 of bot"),
        (Chosen(action="refund"), "Up to the newest 100,000 that propose refund"),
        (
            Chosen(since=datetime(2026, 3, 1, tzinfo=UTC), until=datetime(2026, 3, 9, 8, 5, tzinfo=UTC)),
            "Up to the newest 100,000 since 1 Mar 2026 before 9 Mar 2026 08:05",
        ),
    ],
)
def test_what_was_chosen_is_told_in_words(chosen: Chosen, words: str) -> None:
    assert chosen_words(chosen) == words


@pytest.mark.parametrize(
    "typed",
    [{"since": "0001-01-01"}, {"until": "9999-12-31"}, {"since": "9999-12-31"}, {"until": "0001-01-01"}],
)
def test_days_at_the_ends_of_time_may_be_typed(olga: Any, ana: Any, typed: dict[str, str]) -> None:
    version, _ = lifecycle.draft("version: 1", author=olga)
    client = Client()
    client.force_login(olga)
    answer = client.post(f"/governance/policies/{version.pk}/backtests/ask/", typed)
    assert (answer.status_code, Backtest.objects.count()) == (302, 1)
    assert client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize("day", ["0000-01-01", "2026-02-29", "2026-1-1x", "10000-01-01", "1e3"])
def test_what_is_no_day_is_said_at_its_field(olga: Any, ana: Any, day: str) -> None:
    version, _ = lifecycle.draft("version: 1", author=olga)
    client = Client()
    client.force_login(olga)
    answer = client.post(f"/governance/policies/{version.pk}/backtests/ask/", {"since": day})
    assert (answer.status_code, answer.context["errors"]) == (422, {"since": "Write a day like 2026-11-22."})
    assert not Backtest.objects.exists()


# --- Tallies ----------------------------------------------------------------------------------

VERDICTS = ("auto_approve", "review", "block")
OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from(VERDICTS),
        st.sampled_from(ANSWERS),
        st.sampled_from(["refund", "ship"]),
        st.sets(st.sampled_from(["", "large", "new"]), min_size=1),
        st.booleans(),
    ),
    max_size=12,
)


def counted(outcomes: list[tuple[str, str, str, set[str], bool]]) -> Counter[tuple[str, ...]]:
    """What so many proposals come to, as a tally counts each of them."""
    found: Counter[tuple[str, ...]] = Counter()
    for verdict, answer, action, rules, failed in outcomes:
        found["verdict", verdict, answer] += 1
        found["action", action, verdict, answer] += 1
        found.update(("rule", rule, answer) for rule in rules)
        if failed:
            found.update([("errors",), ("error", min(rules)), ("kind", "no_answer"), ("then", "stricter")])
    return found


COUNTS = OUTCOMES.map(counted)


def tally(*parts: dict[tuple[str, ...], int]) -> Tally:
    found = Tally()
    for part in parts:
        found.add([[*key, count] for key, count in part.items()])
    return found


@searched(200)
@given(COUNTS, COUNTS)
def test_parts_add_up_to_the_whole_in_whatever_order(
    one: dict[tuple[str, ...], int], other: dict[tuple[str, ...], int]
) -> None:
    both = tally(one, other)
    assert both.counts == tally(other, one).counts
    again = Tally()
    again.add(both.as_json())  # as it lies in the database between two workers
    assert again.counts == both.counts
    assert result(both) == result(tally(other, one))


@searched(200)
@given(COUNTS)
def test_what_was_measured_adds_up_and_can_be_kept_and_told(counts: dict[tuple[str, ...], int]) -> None:
    found = result(tally(counts))
    of = [found[verdict] for verdict in ("passed", "reviewed", "blocked")]

    assert sum(one["share"]["count"] for one in of) == found["proposals"]
    assert sum(one["decided"] for one in of) == found["decided"] <= found["proposals"]
    for one in of:
        assert sum(one[answer]["count"] for answer in PEOPLES) == one["decided"]
        others = one["passed"] + one["blocked"] + one["nobody"]
        assert one["decided"] + others == one["share"]["count"]
        for answer in PEOPLES:
            assert 0 <= one[answer]["low"] <= one[answer]["high"] <= 1
    assert canonical(found)
    assert canonical(score(found))
    assert all(sentences(found))
    assert result_shown(found)["proposals"] == f"{found['proposals']:,}"


def test_nothing_recorded_is_told_without_shares() -> None:
    nothing = result(Tally())
    assert sentences(nothing)[0] == (
        "Would have auto-approved 0 of 0; humans rejected 0 of them and edited 0."
    )
    assert result_shown(nothing)["verdicts"][0]["share"] == {
        "count": "0",
        "of": "",
        "percent": "",
        "interval": "",
    }


# --- Side by side -----------------------------------------------------------------------------


def of_passes(passes: int, of: int) -> dict[str, Any]:
    counts: dict[tuple[str, ...], int] = {("verdict", "auto_approve", "approved"): passes}
    counts["verdict", "review", "rejected"] = of - passes
    return result(tally(counts))


@pytest.mark.parametrize(
    ("one", "other", "apart", "same"),
    [
        ((5, 10), (5, 10), False, True),
        ((5, 10), (6, 10), False, False),  # chance alone may explain it
        ((5, 1_000), (600, 1_000), True, False),
        ((600, 1_000), (5, 1_000), True, False),
        ((0, 0), (5, 10), False, False),  # of nothing nothing is known
    ],
)
def test_two_shares_are_apart_where_their_intervals_do_not_meet(
    one: tuple[int, int], other: tuple[int, int], apart: bool, same: bool
) -> None:
    [first, *_] = compared(of_passes(*one), of_passes(*other))
    assert (first["label"], first["apart"], first["same"]) == ("Would pass", apart, same)


@searched(50)
@given(COUNTS, COUNTS)
def test_which_of_two_stands_first_changes_no_line(
    one: dict[tuple[str, ...], int], other: dict[tuple[str, ...], int]
) -> None:
    a, b = result(tally(one)), result(tally(other))
    there, back = compared(a, b), compared(b, a)
    assert [line["label"] for line in there] == [label for label, _, _ in LINES]
    for line, reverse in zip(there, back, strict=True):
        assert (line["a"], line["b"], line["apart"], line["same"]) == (
            reverse["b"],
            reverse["a"],
            reverse["apart"],
            reverse["same"],
        )


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_no_share_is_rounded_to_all_or_nothing(count: int, more: int) -> None:
    of = count + more
    text = percent(count / of)
    assert (text in ("0.0 %", "0.00 %", "0.000 %")) == (count == 0)
    assert not text.startswith("100")
    assert percent(1) == "100.0 %"


def test_a_share_is_shown_with_what_it_is_of() -> None:
    told = {"count": 1_234, "of": 5_678, "share": 0.217330, "low": 0.2068, "high": 0.2283}
    assert shown(told) == {
        "count": "1,234",
        "of": "5,678",
        "percent": "21.7 %",
        "interval": "20.7 % to 22.8 %",
    }
