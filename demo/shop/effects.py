"""What the shop can do. Each effect checks first and changes afterwards: a refusal has changed nothing."""

import re
from typing import Any

Json = dict[str, Any]

MOST = 1_000_000.0


class Refused(Exception):
    """The shop will not do this; nothing has changed."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def refund(data: Json, order_id: str, body: Json) -> Json:
    """Give money back; never more in all than was paid."""
    order = find_order(data, order_id)
    amount = money(body, "amount")
    _same_customer(order, body)
    left = _cents(order["paid"]) - _cents(order["refunded"])
    if _cents(amount) > left:
        raise Refused(409, f"{amount:.2f} is more than the {left / 100:.2f} that is left of what was paid")
    entry = {
        "id": _next(data, "refund"),
        "amount": amount,
        "reason": text(body, "reason"),
        "note": text(body, "note"),
    }
    order["refunds"].append(entry)
    order["refunded"] = (_cents(order["refunded"]) + _cents(amount)) / 100
    return {**entry, "order_id": order_id, "refunded": order["refunded"]}


def cancel(data: Json, order_id: str, body: Json) -> Json:
    """Cancel what has not left the house, and give back all that was paid."""
    order = find_order(data, order_id)
    if order["status"] != "pending":
        raise Refused(409, f"the order is {order['status']}; only a pending one can be cancelled")
    left = (_cents(order["paid"]) - _cents(order["refunded"])) / 100
    if left:
        reason = text(body, "reason") or "cancelled"
        order["refunds"].append({"id": _next(data, "refund"), "amount": left, "reason": reason, "note": ""})
    order["refunded"] = order["paid"]
    order["status"] = "cancelled"
    return {"id": _next(data, "cancellation"), "order_id": order_id, "status": "cancelled", "refunded": left}


def change_address(data: Json, order_id: str, body: Json) -> Json:
    order = find_order(data, order_id)
    if order["status"] != "pending":
        raise Refused(409, f"the order is {order['status']}; its address can't be changed any more")
    parts = ("street", "city", "postcode", "country")
    order["address"] = {part: text(body, part, required=True) for part in parts}
    return {"id": _next(data, "address"), "order_id": order_id, "address": order["address"]}


def exchange(data: Json, order_id: str, body: Json) -> Json:
    """Swap items for other variants of the same product; the difference is charged or credited."""
    order = find_order(data, order_id)
    if order["status"] != "delivered":
        raise Refused(409, f"the order is {order['status']}; only a delivered one can be exchanged")
    old, new = _ids(body, "item_ids"), _ids(body, "new_item_ids")
    items = _swapped(data, order["items"], old, new)
    total = sum(_cents(item["price"]) for item in items)
    difference = (total - _cents(order["total"])) / 100
    order["items"], order["total"] = items, total / 100
    order["paid"] = (_cents(order["paid"]) + _cents(difference)) / 100
    entry = {"id": _next(data, "exchange"), "item_ids": old, "new_item_ids": new, "difference": difference}
    order["exchanges"].append(entry)
    return {**entry, "order_id": order_id, "total": order["total"]}


def close_account(data: Json, customer_id: str, body: Json) -> Json:
    """Close for good; refused while something is still on its way."""
    customer = _open_customer(data, customer_id)
    waiting = [
        order["id"]
        for order in data["orders"].values()
        if order["customer_id"] == customer_id and order["status"] in {"pending", "shipped"}
    ]
    if waiting:
        raise Refused(409, f"orders are still open: {', '.join(waiting)}")
    customer["status"], customer["subscription"] = "closed", None
    return {"id": _next(data, "closure"), "customer_id": customer_id, "status": "closed"}


def issue_voucher(data: Json, customer_id: str, body: Json) -> Json:
    customer = _open_customer(data, customer_id)
    voucher = {"id": _next(data, "voucher"), "amount": money(body, "amount"), "reason": text(body, "reason")}
    customer["vouchers"].append(voucher)
    return {**voucher, "customer_id": customer_id}


def set_credit_limit(data: Json, customer_id: str, body: Json) -> Json:
    customer = _open_customer(data, customer_id)
    before, customer["credit_limit"] = customer["credit_limit"], money(body, "limit", least=0.0)
    return {
        "id": _next(data, "limit"),
        "customer_id": customer_id,
        "before": before,
        "credit_limit": customer["credit_limit"],
    }


def send_mail(data: Json, body: Json) -> Json:
    """Put a mail among the sent ones; nothing leaves the machine."""
    to = text(body, "to", required=True)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", to):
        raise Refused(422, "`to` must be one e-mail address")
    subject, content = text(body, "subject", required=True), text(body, "body", required=True)
    mail = {"id": _next(data, "mail"), "to": to, "subject": subject, "body": content}
    data["mails"].append(mail)
    return dict(mail)


def record_anything(data: Json, tool: str, body: Any) -> Json:
    """Note a recorded action of a tool the shop doesn't have."""
    return {"ok": True, "id": _next(data, "generic")}


def find_order(data: Json, order_id: str) -> Json:
    return _find(data["orders"], order_id, "order")


def find_customer(data: Json, customer_id: str) -> Json:
    return _find(data["customers"], customer_id, "customer")


def money(body: Json, name: str, *, least: float = 0.01) -> float:
    """An amount in euros, with at most two decimals."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= MOST:
        raise Refused(422, f"`{name}` must be a number from {least} to {MOST:.0f}")
    if abs(value * 100 - round(value * 100)) > 1e-6:
        raise Refused(422, f"`{name}` must have at most two decimals")
    return float(value)


def text(body: Json, name: str, *, required: bool = False) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > 20_000 or (required and not value.strip()):
        raise Refused(422, f"`{name}` must be a text{' that is not empty' if required else ''}")
    return value


def _find(rows: Json, key: str, what: str) -> Json:
    if key not in rows:
        raise Refused(404, f"there is no {what} {key}")
    found: Json = rows[key]
    return found


def _open_customer(data: Json, customer_id: str) -> Json:
    customer = find_customer(data, customer_id)
    if customer["status"] != "open":
        raise Refused(409, "this account is closed")
    return customer


def _same_customer(order: Json, body: Json) -> None:
    if body.get("customer_id") not in (None, order["customer_id"]):
        raise Refused(409, f"order {order['id']} does not belong to this customer")


def _swapped(data: Json, items: list[Json], old: list[str], new: list[str]) -> list[Json]:
    if len(old) != len(new):
        raise Refused(422, "`item_ids` and `new_item_ids` must be equally long")
    left = list(items)
    for gone, come in zip(old, new, strict=True):
        place = next((n for n, item in enumerate(left) if item["item_id"] == gone), None)
        if place is None:
            raise Refused(409, f"{gone} is not in this order")
        wanted = _find(data["products"], come, "item")
        if wanted["product"] != left[place]["product"]:
            raise Refused(409, f"{come} is not a {left[place]['product']}")
        left[place] = dict(wanted)
    return left


def _ids(body: Json, name: str) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise Refused(422, f"`{name}` must be a list of item ids")
    return value


def _cents(amount: float) -> int:
    return round(amount * 100)


def _next(data: Json, kind: str) -> str:
    data["counter"] += 1
    return f"{kind}-{data['counter']:06d}"
