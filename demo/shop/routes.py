"""Which address means which effect or question."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from demo.shop import effects
from demo.shop.effects import Refused
from demo.shop.state import Answer, Call, State

Json = dict[str, Any]


@dataclass(frozen=True)
class Effect:
    name: str
    carry_out: Callable[..., Json]
    status: int = 200
    any_body: bool = False


EFFECTS = {
    ("POST", "/orders/*/refunds"): Effect("refund", effects.refund, 201),
    ("POST", "/orders/*/cancel"): Effect("cancel", effects.cancel),
    ("POST", "/orders/*/exchanges"): Effect("exchange", effects.exchange, 201),
    ("PUT", "/orders/*/address"): Effect("change_address", effects.change_address),
    ("POST", "/customers/*/close"): Effect("close_account", effects.close_account),
    ("POST", "/customers/*/vouchers"): Effect("voucher", effects.issue_voucher, 201),
    ("PUT", "/customers/*/credit-limit"): Effect("credit_limit", effects.set_credit_limit),
    ("POST", "/mails"): Effect("mail", effects.send_mail, 201),
    ("POST", "/generic/*"): Effect("generic", effects.record_anything, any_body=True),
}


def _mails(data: Json, query: Json) -> Json:
    wanted = [m for m in reversed(data["mails"]) if query.get("to") in (None, m["to"])]
    return {"mails": wanted[:200]}


def _ledger(data: Json, query: Json) -> Json:
    """Every effect in order; `?after=` the last number seen, `?key=` the key it was asked under."""
    after = query.get("after", "0")
    if not after.isdecimal():
        raise Refused(422, "`after` must be a number")
    rows = [e for e in data["ledger"][int(after) :] if query.get("key") in (None, e["idempotency_key"])]
    return {"ledger": rows}


QUESTIONS: dict[str, Callable[..., Json]] = {
    "/orders": lambda data, query: {"orders": list(data["orders"].values())},
    "/orders/*": lambda data, query, order_id: effects.find_order(data, order_id),
    "/customers": lambda data, query: {"customers": list(data["customers"].values())},
    "/customers/*": lambda data, query, customer_id: effects.find_customer(data, customer_id),
    "/products": lambda data, query: {"products": list(data["products"].values())},
    "/mails": _mails,
    "/ledger": _ledger,
}


def act(state: State, call: Call, parts: list[str]) -> Answer:
    """Find the effect for this call and have it; raises `Refused` when there is none."""
    pattern, values = _shape(parts, [path for method, path in EFFECTS if method == call.method])
    effect = EFFECTS.get((call.method, pattern))
    if effect is None:
        raise Refused(405 if _shape(parts, list(QUESTIONS))[0] else 404, "there is nothing to do here")
    if not effect.any_body and not isinstance(call.body, dict):
        raise Refused(422, "the body must be a JSON object")
    return state.act(
        call, lambda data: effect.carry_out(data, *values, call.body), name=effect.name, status=effect.status
    )


def ask(state: State, parts: list[str], query: str) -> Answer:
    pattern, values = _shape(parts, list(QUESTIONS))
    if not pattern:
        known = _shape(parts, [path for _, path in EFFECTS])[0]
        raise Refused(405 if known else 404, "there is nothing to read here")
    words = {name: found[0] for name, found in parse_qs(query).items()}
    return Answer(200, state.read(lambda data: QUESTIONS[pattern](data, words, *values)))


def _shape(parts: list[str], patterns: list[str]) -> tuple[str, list[str]]:
    """The pattern these parts of a path fit, and what stands at its stars."""
    for pattern in patterns:
        wanted = pattern.strip("/").split("/")
        if len(wanted) == len(parts) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=True)):
            return pattern, [p for w, p in zip(wanted, parts, strict=True) if w == "*"]
    return "", []
