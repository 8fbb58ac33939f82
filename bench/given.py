"""What the bench proposes, under which rules, and how it is carried out."""

from __future__ import annotations

import json
from typing import Any

from tests.ground import REFUND

RULES = 20


def refund(port: int) -> dict[str, Any]:
    """The tests' action type, carried out at this port."""
    route = {"kind": "http", "method": "POST", "url": f"http://127.0.0.1:{port}/refunds", "timeout": "5s"}
    return {**REFUND, "workflow": {"steps": [{"name": "refund", "routes": [route]}]}}


def policy(count: int = RULES, *more: tuple[str, str]) -> str:
    """So many rules, of which two apply to what the bench proposes, and more."""
    rules = [
        ('action.name == "refund_payment" && args.amount > 50.0', "{verdict: review, priority: 60}"),
        (
            'suggestion.confidence < 0.9 && mentions(user_text, "broken")',
            "{verdict: review, decide_within: 2h}",
        ),
        *(
            (
                f'action.name == "refund_payment" && args.amount > {1000 + 100 * number}.0 '
                f"&& agent.stage < 3 && !mentions(user_text, args.order_id)",
                "{verdict: review, approvals: 2, decide_within: 30m}",
            )
            for number in range(count - 2)
        ),
    ][:count]
    rules += more
    lines = [
        "version: 1",
        "defaults: {verdict: review, team: operations, approvals: 1, decide_within: 4h}",
        "rules:" if rules else "rules: []",
    ]
    for number, (when, then) in enumerate(rules):
        lines += [f"  - name: rule-{number}", f"    when: {json.dumps(when)}", f"    then: {then}"]
    return "\n".join(lines) + "\n"


def proposal(order: str = "#W2378156") -> dict[str, Any]:
    """What an agent hands in: two suggestions, a short conversation."""
    return {
        "title": "Refund for a broken kettle",
        "summary": "Customer received a broken kettle and asks for the money back.",
        "subject": {"type": "customer", "id": "customer-19122"},
        "context": {
            "messages": [
                {
                    "role": "user",
                    "content": f"My kettle from order {order} arrived broken, I want my money back.",
                },
                {"role": "tool", "content": "order: delivered 3 days ago, 1 item, 54.04 EUR"},
            ]
        },
        "suggestions": [
            {
                "rank": rank,
                "action": "refund_payment",
                "arguments": {"order_id": order, "amount": amount, "note": note},
                "confidence": confidence,
                "success_probability": 0.93,
                "risk": {
                    "level": "medium",
                    "indicators": [{"code": "new_account", "detail": "opened 3 days ago"}],
                },
                "explanation": "Item arrived broken; within the 30-day window.",
            }
            for rank, amount, note, confidence in [
                (1, 54.04, "We are sorry about the kettle.", 0.86),
                (2, 27.02, "Half of it, and you keep the kettle.", 0.31),
            ]
        ],
        "provenance": {
            "deployment": "support-bot@14",
            "model": "model-7",
            "latency_ms": 2300,
            "cost_usd": 0.011,
        },
    }
