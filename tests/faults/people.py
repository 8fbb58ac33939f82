"""Makes what the harness works with, by the product's own verbs, and prints the keys as JSON.

python -m tests.faults.people DOWNSTREAM
"""

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "title": "Order"},
        "amount": {"type": "number", "exclusiveMinimum": 0, "title": "Amount"},
    },
    "required": ["order_id", "amount"],
    "additionalProperties": False,
}
RETRY = {"attempts": 8, "base": "100ms", "cap": "1s", "within": "2m"}
FORM = {"type": "object", "properties": {"receipt": {"type": "string"}}, "required": ["receipt"]}
BY_HAND = {"team": "operations", "title": "Pay it by hand", "form": FORM}
GRACE = 2  # seconds
WITHIN = 6  # seconds for whoever is asked to do something
DEPLOYMENT = "faults@1"
POLICY = f"""\
version: 1
defaults: {{verdict: review, team: operations, approvals: 1, decide_within: 4h}}
rules:
  - name: grace
    when: action.name == "pay_later"
    then: {{verdict: review, grace: {GRACE}s}}
  - name: two
    when: action.name == "pay_by_two"
    then: {{verdict: review, approvals: 2}}
  - name: passes
    when: action.name == "pay_at_once"
    then: {{verdict: auto_approve}}
  - name: undone
    when: action.name == "pay_in_vain" && args.amount > 200.0
    then: {{verdict: review, compensate: automatic}}
"""


def definitions(url: str) -> list[dict[str, Any]]:
    """The actions: asked twice it acts twice, or once; with a grace period; approved by two people, or by the
    policy; in two steps; by the agent, alone or after a step of ours; by a team; until the service tells that
    it is done; and one whose second step fails for good, so that the first is undone."""
    hold = _step("hold", _http(f"{url}/keyed/hold", idempotent=True))
    pay, keyed = _http(f"{url}/bare/pay"), _http(f"{url}/keyed/pay", idempotent=True)
    settled = {"signal": "settled", "within": f"{WITHIN}s", "expect": 'signal.state == "done"'}
    undo = {"routes": [_http(f"{url}/keyed/undo.hold", idempotent=True)], "retry": RETRY}
    return [
        _action("pay_bare", _step("pay", pay)),
        _action("pay_keyed", _step("pay", keyed)),
        _action("pay_later", _step("pay", pay)),
        _action("pay_by_two", _step("pay", pay)),
        _action("pay_at_once", _step("pay", keyed)),
        _action("pay_in_two", hold, _step("pay", pay)),
        _action("agent_pays"),
        _action("agent_pays_then", hold, _step("pay", _handed("agent"))),
        _action("team_pays", _step("pay", _handed(BY_HAND))),
        _action("pay_and_wait", {**_step("pay", keyed), "await": settled}),
        _action(
            "pay_in_vain",
            {**hold, "undo": undo},
            _step("pay", _http(f"{url}/never/pay")),
            compensate="automatic",
        ),
    ]


def _action(name: str, *steps: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": "Pay money.",
        "schema": SCHEMA,
        "annotations": {"destructiveHint": False, "idempotentHint": False, "openWorldHint": False},
        "reversibility": "externally_reversible",
        "template": "Pay {amount} for order {order_id}",
        "workflow": {"steps": list(steps), **rest} if steps else None,
    }


def _step(name: str, route: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "routes": [route], "retry": RETRY}


def _http(url: str, *, idempotent: bool = False) -> dict[str, Any]:
    return {"kind": "http", "method": "POST", "url": url, "timeout": "1s", "idempotent": idempotent}


def _handed(to: Any) -> dict[str, Any]:
    return {"kind": "handback", "to": to, "within": f"{WITHIN}s"}


def main() -> None:
    import django

    django.setup()
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register
    from governance.agents import deployments
    from governance.agents.agents import create_agent
    from governance.door.keys import issue_key, issue_token
    from governance.people.people import create_user
    from governance.trust.autonomy import raise_stage
    from tests.ground import put_in_force

    def person(name: str, role: str) -> Any:
        return create_user(name, roles=[role], teams=["operations"], actor=SYSTEM)[0]

    author, second = person("olga", "operator"), person("pia", "operator")
    reviewers = [person(name, "reviewer") for name in ("ana", "ben")]
    for definition in definitions(f"http://{sys.argv[1]}"):
        register(definition, actor=SYSTEM)
    put_in_force(POLICY, author=author, second=second)
    agent = create_agent("faults", owner=author, allowed_actions=None, actor=SYSTEM)[0]
    deployment = deployments.register(
        agent, deployments.read({"label": DEPLOYMENT, "model": "m"}), by=author
    )[0]
    deployments.activate(deployments.approve(deployment, by=second), by=second)
    raise_stage(agent, "pay_at_once", 4, by=second, actor=second.as_actor(), reason="It is a trial.")
    keys = {
        "agent": issue_key(agent, actor=SYSTEM),
        "reviewers": [issue_token(reviewer, actor=SYSTEM) for reviewer in reviewers],
        "operator": _session(second),
    }
    print(json.dumps(keys))


def _session(user: Any) -> str:
    """The cookie of somebody who is signed in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


if __name__ == "__main__":
    main()
