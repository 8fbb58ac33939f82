from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client

from audit.ground import valkey
from audit.ground.actors import ANONYMOUS
from audit.log import counted
from audit.models import Event
from tests.conftest import ApiClient, actor_of

pytestmark = pytest.mark.django_db(transaction=True)
DATA = {"status": 401, "problem": "urn:reviewapp:problem:not-authenticated", "route": "api/v1/proposals/"}


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    def forget() -> None:
        keys = valkey.ask("KEYS", f"{counted._key()}*")
        if keys:
            valkey.ask("DEL", *keys)

    forget()
    yield
    forget()


@pytest.fixture
def minute_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if everything were counted in one minute, however long it takes, that was over long ago."""
    clock = "tonumber(redis.call('TIME')[1])"
    assert clock in counted._COUNT
    monkeypatch.setattr(counted, "_COUNT", counted._COUNT.replace(clock, "1800000000"))
    real = valkey.ask
    later = lambda *command: [b"9999999999", b"0"] if command == ("TIME",) else real(*command)  # noqa: E731
    monkeypatch.setattr(valkey, "ask", later)


def told(type: str = "requests.refused") -> list[tuple[str, dict[str, Any]]]:
    bodies = [json.loads(event.body) for event in Event.objects.filter(type=type).order_by("id")]
    return [(body["actor"]["id"], body["data"]) for body in bodies]


def test_a_thousand_strangers_requests_are_one_event(minute_over: None) -> None:
    client = Client(REMOTE_ADDR="192.0.2.7")
    for _ in range(150):
        assert client.get("/api/v1/proposals/").status_code == 401
    Client(REMOTE_ADDR="2001:db8::5").get("/api/v1/halts/")
    Client(REMOTE_ADDR="2001:db8::6").get("/api/v1/halts/")
    assert not Event.objects.exists()

    assert counted.sum_up() == 2

    (who, most), (_, least) = told()
    assert who == ANONYMOUS.id
    assert (most["address"], most["count"]) == ("192.0.2.7", 150)
    assert most["of"] == [{**DATA, "count": 150}]
    assert (least["address"], least["count"]) == ("2001:db8::/64", 2)
    assert counted.sum_up() == 0
    assert len(told()) == 2


def test_wrong_passwords_are_counted_without_the_name_that_was_typed(minute_over: None) -> None:
    for _ in range(3):
        Client(REMOTE_ADDR="192.0.2.7").post("/accounts/login/", {"login": "secret", "password": "secret"})
    counted.sum_up()
    [(_, data)] = told()
    assert data["count"] == 3
    assert data["of"] == [{"reason": "wrong name or password", "route": "account_login", "count": 3}]
    assert "secret" not in json.dumps(data)


def test_the_present_minute_waits(ana: Any) -> None:
    counted.of_stranger("192.0.2.7", DATA)
    counted.sum_up()
    assert [data["count"] for _, data in told()] in ([], [1])  # [1] only where the minute has just turned


def test_many_sources_are_a_bounded_number_of_events(minute_over: None) -> None:
    for number in range(counted.MOST_TOLD + 30):
        for _ in range(2 if number == 40 else 1):
            counted.of_stranger(f"198.51.100.{number}", DATA)
    counted.sum_up()
    found = told()
    assert len(found) == counted.MOST_TOLD + 1
    assert found[0][1]["address"] == "198.51.100.40"
    assert found[-1][1]["count"] == 30
    assert found[-1][1]["other_sources"] == 30
    assert sum(data["count"] for _, data in found) == counted.MOST_TOLD + 31


def test_what_is_counted_is_bounded(minute_over: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "MOST_FIELDS", 10)
    for number in range(100):
        counted.of_stranger(f"198.51.100.{number}", DATA)
    [key] = valkey.ask("KEYS", f"{counted._key()}:*")
    assert valkey.ask("HLEN", key) <= 12
    counted.sum_up()
    assert sum(data["count"] for _, data in told()) == 100


def test_of_somebody_known_the_first_are_events_and_the_rest_a_number(ana: Any, minute_over: None) -> None:
    actor = actor_of(ana)
    data = {**DATA, "status": 403, "request": "1"}
    written = [counted.of_known(actor, data) for _ in range(counted.SINGLY + 12)]
    assert written == [True] * counted.SINGLY + [False] * 12
    counted.sum_up()
    assert len(told("request.refused")) == counted.SINGLY
    [(who, summed)] = told()
    assert who == str(ana.pk)
    assert (summed["count"], summed["written_singly"]) == (counted.SINGLY + 12, counted.SINGLY)


def test_an_agent_that_is_refused_without_end_fills_no_log(api: ApiClient, minute_over: None) -> None:
    for _ in range(counted.SINGLY + 5):
        assert api.post("proposals/", {"title": 1}, Idempotency_Key="k").status_code == 422
    assert len(told("request.refused")) == counted.SINGLY
    counted.sum_up()
    assert told()[0][1]["count"] == counted.SINGLY + 5


def test_a_field_with_a_long_name_does_not_fill_the_log(api: ApiClient) -> None:
    api.post("proposals/", {"x" * 10_000: 1}, Idempotency_Key="k")
    [(_, data)] = told("request.refused")
    assert max(map(len, data["fields"])) <= 200


def test_without_valkey_those_known_are_written_down_one_by_one(
    ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise redis.ConnectionError

    with monkeypatch.context() as without:
        without.setattr(valkey, "ask", away)
        assert counted.of_known(actor_of(ana), DATA)
        assert counted.of_stranger("192.0.2.7", DATA) == counted.Count(0, 0)
    assert len(told("request.refused")) == 1


def test_what_could_not_be_written_is_told_later(minute_over: None, monkeypatch: pytest.MonkeyPatch) -> None:
    counted.of_stranger("192.0.2.7", DATA)
    with monkeypatch.context() as broken:
        broken.setattr(counted, "record", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            counted.sum_up()
    assert counted.sum_up() == 1
