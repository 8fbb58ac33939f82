"""A desk in the middle of its day, for the picture in the README. All of it is invented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.ground.actors import SYSTEM
from execution.running import heartbeats
from governance.actions.action_types import register
from governance.models import Agent
from tests.conftest import in_force

POLICY = """
version: 1
defaults: {verdict: review, team: operations, decide_within: 4h, priority: 50}
rules:
  - name: large-refund
    when: action.name == "refund_payment" && args.amount > 500.0
    then: {verdict: review, decide_within: 45m, priority: 80, reason: "Above 500"}
  - name: young-account
    when: '"new_account" in risk.indicators'
    then: {verdict: review, priority: 85, reason: "The account is younger than a week"}
  - name: money-out
    when: action.name == "send_money"
    then: {verdict: review, approvals: 2, decide_within: 30m, priority: 90, reason: "Money leaves the house"}
"""


def _type(name: str, template: str, reversibility: str, **titles: str) -> dict[str, Any]:
    properties = {
        field: {"type": "number" if field == "amount" else "string", "title": title}
        for field, title in titles.items()
    }
    return {
        "name": name,
        "schema": {"type": "object", "properties": properties, "required": list(titles)},
        "annotations": {"destructiveHint": reversibility == "irreversible", "openWorldHint": False},
        "reversibility": reversibility,
        "template": template,
    }


TYPES = [
    _type(
        "refund_payment",
        "Refund {amount} to {customer}",
        "externally_reversible",
        order="Order",
        customer="Customer",
        amount="Amount",
        method="Method",
        note="Note to customer",
    ),
    _type(
        "send_replacement",
        "Send a replacement {item} to {customer}",
        "reversible",
        item="Item",
        customer="To",
    ),
    _type(
        "issue_voucher",
        "Issue a voucher of {amount} to {customer}",
        "reversible",
        amount="Amount",
        customer="To",
    ),
    _type("send_money", "Send {amount} to {account}", "irreversible", amount="Amount", account="Account"),
    _type("close_account", "Close the account of {customer}", "irreversible", customer="Customer"),
    _type(
        "change_flight", "Move flight {flight} to {day}", "externally_reversible", flight="Flight", day="Day"
    ),
    _type("send_email", "Mail “{subject}” to {to}", "irreversible", to="To", subject="Subject"),
]


def _option(
    rank: int, action: str, arguments: dict[str, Any], stated: float, works: float, **more: Any
) -> Any:
    known = {"rank": rank, "action": action, "arguments": arguments}
    return {**known, "confidence": stated, "success_probability": works, **more}


def set_up(propose: Callable[..., Any], owner: Any) -> Any:
    """Fill the desk; returns the proposal to open."""
    for part in heartbeats.PARTS:
        heartbeats.beat(part)
    for definition in TYPES:
        register(definition, actor=SYSTEM)
    in_force(POLICY)
    names = ("treasury-agent", "travel-agent", "ops-agent")
    treasury, travel, ops = (Agent.objects.create(name=name, owner=owner) for name in names)
    kettle = propose(
        title="Refund for a broken kettle in order #W2378156",
        summary="The customer says the kettle arrived broken and asks for the money back. "
        "A photo is in the conversation; the order is within the 30-day window.",
        subject={"type": "customer", "id": "19122"},
        context={
            "messages": [
                {"role": "user", "content": "My kettle from #W2378156 arrived broken. I want my money back."},
                {"role": "tool", "content": "order #W2378156: delivered 12 Nov, paid 842.10, card"},
            ]
        },
        suggestions=[
            _option(
                1,
                "refund_payment",
                {
                    "order": "#W2378156",
                    "customer": "Yusuf Rossi",
                    "amount": 842.1,
                    "method": "credit_card_9513926",
                    "note": "Refund for \u202ethe kettle",
                },
                0.86,
                0.93,
                before={"amount": 0},
                risk={
                    "level": "high",
                    "indicators": [{"code": "new_account", "detail": "opened 3 days ago"}],
                },
                explanation="It arrived broken; the return window is open until 12 December "
                "and the photo shows the crack.",
            ),
            _option(2, "send_replacement", {"item": "kettle", "customer": "Yusuf Rossi"}, 0.64, 0.88),
            _option(3, "issue_voucher", {"amount": 842.1, "customer": "Yusuf Rossi"}, 0.31, 0.95),
        ],
    )
    fly, mail = "change_flight", {"to": "legal@northwind.example", "subject": "Contract"}
    bank = {"amount": 12000, "account": "GB29 NWBK 6819"}
    lid = {"item": "lid", "customer": "Ana Kim"}
    others: list[tuple[Any, str, str, dict[str, Any], str]] = [
        (treasury, "Pay invoice 5519", "send_money", bank, "critical"),
        (ops, "Asked to be forgotten", "close_account", {"customer": "Mei Davis"}, "high"),
        (travel, "Flight moved by the airline", fly, {"flight": "HAT156", "day": "24 May"}, "medium"),
        (ops, "Contract is ready", "send_email", mail, "medium"),
        (travel, "Later connection", fly, {"flight": "HAT083", "day": "25 May"}, "medium"),
        (ops, "Late parcel", "issue_voucher", {"amount": 50, "customer": "Chen Silva"}, "low"),
        (ops, "Missing spare part", "send_replacement", lid, "low"),
    ]
    for n, (agent, title, action, arguments, risk) in enumerate(others):
        option = _option(1, action, arguments, 0.7 + n / 40, 0.9, risk={"level": risk})
        subject = {"type": "case", "id": str(7001 + n)}
        propose(agent, title=title, subject=subject, suggestions=[option])
    return kettle
