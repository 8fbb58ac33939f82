"""The pages of agents and keys in a browser: at every width, with hostile and with many names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.door import keys
from governance.models import Agent, AgentKey
from suggestions.answering import callbacks
from suggestions.models import Callback, CallbackAttempt, CallbackEndpoint
from tests.browser.looks import check
from tests.conftest import DEPLOYED, REFUND, ApiClient, proposal_body

HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def busy(trusted: Agent, agent_key: str, action_type: Any) -> Agent:
    """An agent with every kind of boundary, some of them used up, and keys in every state."""
    for number in range(12):
        register({**REFUND, "name": f"act_on_the_customers_account_{number}"}, actor=SYSTEM)
    trusted.allowed_actions = ["refund_payment", "act_on_the_customers_account_3", "not_registered"]
    trusted.boundaries = {
        "data_classes": ["personal", "financial"],
        "rates": ["4/hour", "2000/day"],
        "budgets": [
            {"argument": "amount", "action": "refund_payment", "most": 110},
            {"argument": "amount", "per": "30d", "most": 12345.5},
        ],
        "deployment_required": True,
        "active_hours": {"from": "00:00", "to": "24:00", "time_zone": "Europe/Berlin"},
    }
    trusted.save()
    api = ApiClient(agent_key)
    body = {"provenance": DEPLOYED}
    for _ in range(5):
        api.submit(proposal_body(**body))
    for name in ("night batch", HOSTILE, "x" * 100):
        keys.issue_key(trusted, actor=SYSTEM, name=name)
    soon, forgotten, revoked = AgentKey.objects.order_by("-pk")[:3]
    AgentKey.objects.filter(pk=soon.pk).update(expires_at=Now() + timedelta(days=3))
    AgentKey.objects.filter(pk=forgotten.pk).update(created_at=Now() - timedelta(days=100))
    keys.revoke(revoked, actor=SYSTEM)
    return trusted


def test_the_pages_of_agents_look_right_everywhere(visit: Callable[..., Any], olga: Any, busy: Agent) -> None:
    page = visit(olga, "/governance/agents/")
    check(page, "agents")
    page.goto(f"/governance/agents/{busy.name}/")
    page.get_by_text("Rotate").first.click()
    check(page, "agent")
    page.goto(f"/governance/agents/{busy.name}/boundaries/")
    check(page, "boundaries")
    page.goto("/governance/agents/new/")
    check(page, "new agent")
    page.goto("/accounts/tokens/")
    check(page, "tokens")


def test_an_operator_finds_mistakes_at_their_fields_and_puts_them_right(
    visit: Callable[..., Any], watch: Any, olga: Any, busy: Agent
) -> None:
    watch.expected.append("422")  # the browser notes it too
    page = visit(olga, f"/governance/agents/{busy.name}/boundaries/")

    page.get_by_label("a minute").fill("lots")
    page.locator("#budget-2-argument").fill("amount")
    page.locator("#budget-2-most").fill("much")
    page.get_by_role("button", name="Save boundaries").click()
    page.get_by_role("alert").wait_for()
    check(page, "boundaries with mistakes")
    assert page.get_by_label("a minute").input_value() == "lots"
    assert page.locator("#budget-2-most").input_value() == "much"

    page.get_by_label("a minute").fill("10")
    page.locator("#budget-2-most").fill("1,000")
    page.locator("#budget-2-per").select_option("7d")
    page.get_by_role("button", name="Save boundaries").click()
    page.get_by_text("The boundaries are set.").wait_for()

    busy.refresh_from_db()
    assert busy.boundaries["rates"] == ["10/minute", "4/hour", "2000/day"]
    assert busy.boundaries["budgets"][2] == {"argument": "amount", "per": "7d", "most": 1000}


def test_an_operator_rotates_a_key_and_sees_the_new_one_once(
    visit: Callable[..., Any], olga: Any, agent: Agent, agent_key: str
) -> None:
    page = visit(olga, f"/governance/agents/{agent.name}/")
    page.get_by_text("Rotate").click()
    page.get_by_role("button", name="Make a new one").click()
    page.locator(".secret").wait_for()
    check(page, "the new key")
    new = page.locator(".secret").inner_text()
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("heading", name="Keys").wait_for()
    assert new not in page.content()
    assert {ApiClient(key).get("action-types/").status_code for key in (agent_key, new)} == {200}


def test_a_revoked_key_opens_nothing_on_the_next_request_of_a_running_server(
    site: str, agent: Agent, agent_key: str, action_type: Any
) -> None:
    def asked(key: str) -> int:
        return httpx.get(f"{site}/api/v1/boundaries/", headers={"Authorization": f"Bearer {key}"}).status_code

    other = keys.issue_key(agent, actor=SYSTEM)
    assert [asked(key) for key in (agent_key, other, agent_key)] == [200, 200, 200]
    keys.revoke(AgentKey.objects.get(hash=keys.hash_of(agent_key)), actor=SYSTEM)
    assert [asked(key) for key in (agent_key, other)] == [401, 200]
    row = AgentKey.objects.get(hash=keys.hash_of(other))
    new = keys.rotate(row, actor=SYSTEM, overlap=timedelta(0))
    assert [asked(key) for key in (other, new)] == [401, 200]


def test_the_messages_to_an_agent_look_right_everywhere(
    visit: Callable[..., Any], olga: Any, agent: Agent, propose: Callable[..., Any]
) -> None:
    origin = f"https://{15 * 'very-long-name.'}example:8443"
    since = {"failures": 6, "failing_since": Now(), "paused_at": Now(), "last_error": HOSTILE}
    endpoint = CallbackEndpoint.objects.create(agent=agent, origin=origin, paused_because="gone", **since)
    for status in ("sent", "given_up", "waiting", "paused"):
        proposal = propose(callback_url=f"{origin}/hook")
        told = callbacks.owe(proposal, "execution.handed_back", {"arguments": {"note": f"{HOSTILE}\u202e"}})
        assert told is not None
        Callback.objects.filter(pk=told.pk).update(status=status, attempts=2)
        CallbackAttempt.objects.create(
            callback=told, number=1, at=Now(), took_ms=15_000, http_status=500, answer=HOSTILE * 30, error="x"
        )
    page = visit(olga, f"/governance/agents/{agent.name}/callbacks/")
    check(page, "messages")
    page.get_by_role("link", name="execution.handed_back").first.click()
    check(page, "a message")
    page.goto(f"/governance/agents/{agent.name}/callbacks/")
    page.get_by_role("button", name="Resume it now").click()
    page.get_by_text("One message that waited is sent now.").wait_for()
    endpoint.refresh_from_db()
    assert endpoint.paused_at is None
