from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from governance.door import tries
from governance.door.tries import Counter, TooSoon
from tests.governance.door.conftest import let_time_pass

TWENTY = Counter("twenty", free=20, first=600)


def passes(*counters: Counter) -> bool:
    try:
        tries.admit(counters)
    except TooSoon:
        return False
    return True


@pytest.fixture(params=["Valkey", "Valkey is away"])
def valkey(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "Valkey":

        def away(*_: Any) -> Any:
            raise redis.ConnectionError

        monkeypatch.setattr(tries, "run_script", away)
        monkeypatch.setattr(tries, "_here", tries._Here())
    return str(request.param)


def test_of_two_hundred_at_once_exactly_those_pass_that_are_free(valkey: str) -> None:
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: passes(TWENTY), range(200)))
    assert answers.count(True) == 20


def test_waits_double_up_to_the_longest(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter("doubling", free=2, first=10, longest=60)
    assert passes(counter)
    waits = []
    for _ in range(5):
        assert passes(counter)
        with pytest.raises(TooSoon) as refusal:
            tries.admit([counter])
        waits.append(refusal.value.seconds)
        let_time_pass(counter, valkey)
    assert waits == [10, 20, 40, 60, 60]


def test_who_waits_is_counted_in_no_other_counter(valkey: str) -> None:
    full, other = Counter("full", free=1), Counter("other", free=2)
    assert passes(full)
    for _ in range(5):
        assert not passes(full, other)
    assert passes(other)


def test_a_try_that_succeeded_costs_nothing(valkey: str) -> None:
    counter = Counter("success", free=3)
    for _ in range(10):
        assert passes(counter)
        tries.take_back([counter])
    assert [passes(counter) for _ in range(4)] == [True, True, True, False]


def test_the_last_free_try_says_so(valkey: str) -> None:
    counter = Counter("last", free=3)
    assert [tries.admit([counter]) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 second"), (40, "40 seconds"), (119, "119 seconds"), (300, "5 minutes")]
)
def test_a_wait_in_words(seconds: int, words: str) -> None:
    assert tries.in_words(seconds) == words
