"""A rate is asked first and heard last; it comes before whatever else is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from audit.ground import valkey
from governance.agents import rate
from governance.models import Agent
from suggestions.intake import api as views
from suggestions.models import Proposal
from tests.conftest import ApiClient, proposal_body


@pytest.fixture(autouse=True)
def _nobody_was_over_its_rate() -> None:
    rate._used_up.clear()


@pytest.fixture
def once(api: ApiClient, agent: Agent, action_type: Any) -> ApiClient:
    """The API for an agent that may hand in one proposal a day, and has."""
    Agent.objects.filter(pk=agent.pk).update(boundaries={"rates": ["1/day"]})
    assert api.submit().status_code == 201
    return api


def test_too_often_goes_before_a_body_that_is_wrong(once: ApiClient) -> None:
    answer = once.submit(proposal_body(title=""))

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


def test_who_is_over_its_rate_is_judged_once_and_then_asked_for_at_once(
    once: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, prepare = [], views.prepare
    monkeypatch.setattr(views, "prepare", lambda *a, **k: (judged.append(a), prepare(*a, **k))[1])

    assert [once.submit().status_code for _ in range(3)] == [429, 429, 429]
    assert (len(judged), Proposal.objects.count()) == (1, 1)


def test_it_is_heard_again_when_the_window_has_ended(once: ApiClient, agent: Agent) -> None:
    assert once.submit().status_code == 429
    rate.run_script("redis.call('DEL', KEYS[1]) return {}", rate._keys(agent, ["1/day"]))
    assert once.submit().status_code == 201


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"suggestions": []}])
def test_no_connection_stays_taken(once: ApiClient, body: dict[str, Any]) -> None:
    for _ in range(3):
        once.submit(proposal_body(**body))

    assert not valkey._pool()._in_use_connections


def test_without_valkey_nothing_is_counted_and_nothing_lost(
    api: ApiClient, action_type: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs_up(asked: valkey.Sent) -> Any:
        asked._let_go(broken=True)
        raise redis.ConnectionError

    def is_away(*_: Any) -> Any:
        raise redis.ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(valkey.Sent, "answer", hangs_up)
        assert api.submit().status_code == 201
    with monkeypatch.context() as patched:
        patched.setattr(rate, "script", is_away)
        assert api.submit().status_code == 201
