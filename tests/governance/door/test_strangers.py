from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.ground import valkey
from governance.door import strangers
from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_known(settings: Any) -> Iterator[None]:
    def forget() -> None:
        strangers._shut.clear()
        strangers._opened.clear()
        if keys := valkey.ask("KEYS", f"{settings.VALKEY_PREFIX}:*"):
            valkey.ask("DEL", *keys)

    settings.WRONG_KEYS_PER_MINUTE = 5
    forget()
    yield
    forget()


def shut_out() -> None:
    """Wrong keys until the door is shut; beginning anew where the minute turned in between."""
    for _ in range(20):
        if ApiClient("rk_wrong").get("proposals/").status_code == 429:
            return
    raise AssertionError("The door stays open.")


def test_after_too_many_wrong_keys_none_is_looked_up() -> None:
    answers = [ApiClient(f"rk_wrong{n}").get("proposals/").status_code for n in range(5)]
    assert answers == [401] * 5
    shut_out()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        response = ApiClient("rk_other").get("proposals/")
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["Content-Type"] == "application/problem+json"
    assert len(asked) == 0


def test_a_key_that_was_used_before_opens_from_there_all_the_same(api: ApiClient) -> None:
    assert api.get("proposals/").status_code == 200
    shut_out()
    assert api.get("proposals/").status_code == 200


def test_another_process_knows_that_key_too(api: ApiClient) -> None:
    assert api.get("proposals/").status_code == 200
    strangers._opened.clear()
    shut_out()
    assert api.get("proposals/").status_code == 200


def test_who_asks_from_elsewhere_is_not_shut_out(agent_key: str) -> None:
    shut_out()
    elsewhere = ApiClient(agent_key)
    elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.8"
    assert elsewhere.get("proposals/").status_code == 200


def test_the_door_opens_again(agent_key: str) -> None:
    shut_out()
    assert ApiClient(agent_key).get("proposals/").status_code == 429
    strangers._shut = dict.fromkeys(strangers._shut, 0.0)
    assert ApiClient(agent_key).get("proposals/").status_code == 200


def test_a_good_key_asks_valkey_nothing(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.get("proposals/").status_code == 200
    with monkeypatch.context() as watched:
        watched.setattr(valkey, "ask", lambda *command: pytest.fail(str(command)))
        assert api.get("proposals/").status_code == 200
