"""(g) What boundaries and rules add to a submission: an agent with them and one without, asked in turn.

The one without is asked under a policy without rules. Both ask the same server, one request at a time.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

from bench.figures import Figure
from bench.given import policy, proposal
from bench.load import KEY, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from tests.ground import put_in_force

RULES = 100
MOST = 1.0  # milliseconds
DEPLOYMENT = "support-bot@14"  # as the proposal names it
BOUNDARIES: dict[str, Any] = {
    "data_classes": ["public", "customer", "financial"],
    "rates": ["1000000/minute", "50000000/hour", "500000000/day"],
    "deployment_required": True,
    "active_hours": {"from": "00:00", "to": "24:00", "time_zone": "Europe/Vienna"},
}
BUDGET = {"budgets": [{"argument": "amount", "action": "refund_payment", "per": "1d", "most": 10**12}]}
OF_THE_PAST = 'history.agent.count("1h", {"status": "rejected"}) > 1000000'


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, requests = scale.of((15, 100), (7, 60), (1, 5))
    texts = {
        "none": policy(0),
        "hundred": policy(RULES),
        "past": policy(0, (OF_THE_PAST, "{verdict: review}")),
    }
    versions = {name: put_in_force(t, author=stage.author, second=stage.second) for name, t in texts.items()}

    def added(api: Running, boundaries: dict[str, Any], rules: str) -> list[tuple[float, float]]:
        # Agents of their own for each figure: what the bench did before is not their past.
        name = f"bounded-{len(boundaries)}-{rules}"
        bounded, plain = _agent(stage, name), _agent(stage, f"not-{name}")
        _set(bounded[0], boundaries)
        ours = _turn(stage, api, bounded[1], versions[rules], requests)
        without = _turn(stage, api, plain[1], versions["none"], requests)
        ours(), without()
        return [(ours(), without()) for _ in range(rounds)]

    try:
        with stage.process("api") as api:
            return [
                _figure("boundaries and 100 rules", added(api, BOUNDARIES, "hundred"), MOST),
                _figure(
                    "boundaries with a budget and 100 rules", added(api, BOUNDARIES | BUDGET, "hundred"), MOST
                ),
                _figure("a budget", added(api, BUDGET, "none"), MOST),
                _figure("a rule that asks of the past", added(api, {}, "past")),
            ]
    finally:
        _activate(stage, stage.policy)


def _agent(stage: Stage, name: str) -> tuple[Any, str]:
    """An agent with an active deployment, and its key."""
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_key
    from governance.models import Agent, Deployment

    agent, _ = Agent.objects.get_or_create(name=name, defaults={"owner": stage.author})
    Deployment.objects.get_or_create(
        agent=agent,
        label=DEPLOYMENT,
        defaults={
            "status": Deployment.Status.ACTIVE,
            "model": "model-7",
            "registered_by": stage.author,
            "approved_by": stage.second,
        },
    )
    return agent, issue_key(agent, actor=SYSTEM)


def _set(agent: Any, boundaries: dict[str, Any]) -> None:
    agent.boundaries = boundaries
    agent.allowed_actions = ["refund_payment"] if boundaries else None
    agent.save(update_fields=["boundaries", "allowed_actions"])


def _activate(stage: Stage, version: Any) -> None:
    from governance.models import PolicyVersion
    from governance.policies import lifecycle

    if PolicyVersion.objects.active().get().pk != version.pk:
        lifecycle.activate(version, by=stage.second)


def _turn(stage: Stage, api: Running, key: str, version: Any, requests: int) -> Callable[[], float]:
    """Asks under this policy; the median of the latencies in milliseconds."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency_Key": KEY.decode()}
    text = request("POST", "/api/v1/proposals/", body=json.dumps(proposal()).encode(), **headers)

    def turn() -> float:
        _activate(stage, version)
        return Load(api.port, text, count=requests).run().checked().percentile(50)

    return turn


def _figure(what: str, pairs: list[tuple[float, float]], most: float | None = None) -> Figure:
    added = statistics.median(ours - without for ours, without in pairs)
    ours, without = (statistics.median(column) for column in zip(*pairs, strict=True))
    target, ok = (f"≤ {most:g}", added <= most) if most else ("", None)
    return Figure(
        "g", f"{what} add", added, None, "ms, p50", None, target, ok, f"{ours:.2f} against {without:.2f}"
    )
