"""What is recalled of an agent between its submissions is never what one is judged by, once it is not so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.agents import rate
from governance.door import keys, recalled
from governance.models import Agent, AgentKey
from governance.trust import halts
from suggestions.models import Proposal
from tests.conftest import ApiClient, actor_of, in_force, proposal_body, suggestion_body
from tests.queries import sent

REVIEWED = "version: 1\nrules:\n  - {name: all, when: 'true', then: {priority: %d}}\n"


@pytest.fixture(autouse=True)
def _nothing_recalled() -> None:
    recalled._before.clear()


@pytest.fixture
def busy(api: ApiClient, action_type: Any, monkeypatch: pytest.MonkeyPatch) -> ApiClient:
    """The API as an agent sees it that asked a moment ago, on a machine that hardly gets on."""
    monkeypatch.setattr(recalled, "SECONDS", 3600.0)
    assert api.submit().status_code == 201
    return api


def change(**fields: Any) -> Callable[[], Any]:
    return lambda: Agent.objects.update(**fields)


def revoke() -> None:
    keys.revoke(AgentKey.objects.get(), actor=SYSTEM)


def test_a_busy_agent_is_not_looked_up_for_each(busy: ApiClient) -> None:
    with sent() as statements:
        assert busy.submit().status_code == 201

    assert len(statements) == 1, statements


def test_it_is_looked_up_after_a_second(
    api: ApiClient, action_type: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(recalled.time, "monotonic", lambda: clock[0])
    counts = []
    for seconds in (0, 0.9, 0.2, 1.0):
        clock[0] += seconds
        with sent() as statements:
            api.submit()
        counts.append(len([one for one in statements if one.startswith("SELECT k.id")]))

    assert counts == [1, 0, 1, 1]


def test_the_moment_goes_on(api: ApiClient, action_type: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(recalled.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(recalled, "SECONDS", 7200.0)
    api.submit()
    clock[0] += 3600
    past = (timezone.now() + timedelta(minutes=30)).isoformat()

    answer = api.submit(proposal_body(expires_at=past))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expires_at"


@pytest.mark.parametrize("key", ["", "the same"])
def test_a_revoked_key_opens_nothing(busy: ApiClient, key: str) -> None:
    busy.submit(key="the same")
    revoke()
    before = Proposal.objects.count()

    assert busy.submit(key=key).status_code == 401
    assert Proposal.objects.count() == before


def test_a_key_that_ran_out_opens_nothing(busy: ApiClient) -> None:
    AgentKey.objects.update(expires_at=Now())

    assert busy.submit().status_code == 401


def test_who_has_no_key_any_more_is_not_told_what_is_wrong_with_a_body(busy: ApiClient) -> None:
    revoke()

    assert (
        busy.submit(proposal_body(suggestions=[suggestion_body(action="launch_rocket")])).status_code == 401
    )


@pytest.mark.parametrize("fields", [{"enabled": False}, {"allowed_actions": ["send_mail"]}])
def test_a_narrower_boundary_holds_at_once(busy: ApiClient, fields: dict[str, Any]) -> None:
    change(**fields)()

    answer = busy.submit()

    assert answer.status_code == 403
    assert Proposal.objects.count() == 1
    assert Event.objects.filter(body__contains="boundary").count() == 1


@pytest.mark.parametrize("fields", [{"enabled": False}, {"allowed_actions": ["send_mail"]}])
def test_a_wider_boundary_holds_at_once(
    api: ApiClient, agent: Agent, action_type: Any, fields: dict[str, Any]
) -> None:
    before = {name: getattr(agent, name) for name in fields}
    change(**fields)()
    assert api.submit().status_code == 403
    change(**before)()

    assert api.submit().status_code == 201


def test_another_policy_judges_at_once(busy: ApiClient) -> None:
    in_force(REVIEWED % 80)
    first = busy.submit().json()
    in_force(REVIEWED % 20)
    second = busy.submit().json()

    assert [Proposal.objects.get(pk=one["id"]).priority for one in (first, second)] == [80, 20]


def test_a_kill_switch_is_told_at_once(busy: ApiClient, olga: Any) -> None:
    halts.throw(
        scope="everything", agent=None, action="", reason="Something is wrong.", by=olga, actor=actor_of(olga)
    )

    known = busy.submit().json()["verdict"]["known"]

    assert known["halts"]


def test_what_changes_in_between_is_judged_anew_and_counted_once(
    busy: ApiClient, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suggestions.intake import api as views

    prepared, changes = views.prepare, [change(name="another-name")]

    def prepare(*args: Any, **kwargs: Any) -> Any:
        found = prepared(*args, **kwargs)
        if changes:
            changes.pop()()
        return found

    monkeypatch.setattr(views, "prepare", prepare)
    before = [one.left for one in rate.left(agent)]

    answer = busy.submit()

    assert answer.status_code == 201
    assert [one.left + 1 for one in rate.left(agent)] == before
    assert '"name":"another-name"' in Event.objects.latest("pk").body
    assert Proposal.objects.count() == 2


def test_a_list_is_never_answered_from_what_is_recalled(busy: ApiClient) -> None:
    revoke()

    assert busy.get("proposals/").status_code == 401


def test_no_more_keys_are_recalled_than_there_is_room_for(
    busy: ApiClient, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalled, "MOST", 3)
    for _ in range(7):
        assert ApiClient(keys.issue_key(agent, actor=SYSTEM)).submit().status_code == 201

    assert len(recalled._before) <= 3
