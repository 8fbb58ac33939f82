"""Everyday cases. A story is a pure function of chance and the shop: the same seed tells the same one."""

import random

from demo.agents.draft import Draft, Json, Option, assistant, tool, user
from demo.agents.world import World, left

FLAWS = [
    ("arrived broken", "Arrived broken", "the photo shows a crack along the side"),
    ("stopped working after two days", "Defective", "the customer has tried another socket"),
    ("is not the colour I ordered", "Wrong variant sent", "the packing slip names another variant"),
    ("never arrived, although tracking says delivered", "Lost in delivery", "the carrier has no signature"),
    ("is missing a part", "Incomplete", "the parts list confirms it"),
]
GREETINGS = ["Hi,", "Hello,", "Good morning,", "Dear team,", "Hey there,"]


def refund_flaw(rng: random.Random, world: World) -> Draft:
    order = world.order(rng, "delivered")
    customer, item = world.owner(order), rng.choice(order["items"])
    complaint, reason, proof = rng.choice(FLAWS)
    amount = _payable(order, item["price"])
    half = max(0.01, round(amount / 2, 2))
    asked = (
        f"{rng.choice(GREETINGS)} my {item['product'].lower()} from order {order['id']} {complaint}. "
        "I'd like my money back, please."
    )
    options = [
        _refund(
            order,
            amount,
            reason,
            f"Item {complaint}; {proof}. The full price is within the shop's terms.",
            0.85,
        ),
        _refund(order, half, f"{reason}, part refund", "Half now, if the customer keeps the item.", 0.5),
        Option(
            "issue_voucher",
            {
                "customer_id": customer["id"],
                "amount": min(500.0, max(1.0, half)),
                "reason": f"Goodwill: {reason}",
            },
            "A voucher costs less and keeps the customer, but was not asked for.",
            confidence=0.3,
            success=0.7,
            risk="low",
        ),
    ]
    return Draft(
        title=f"Refund order {order['id']}",
        summary=f"{customer['name']} wants the money back: the {item['product'].lower()} {complaint}.",
        customer=customer,
        options=options[: rng.choice([1, 2, 2, 3])],
        messages=[
            user(asked),
            _looked_up(order),
            assistant(f"I'm sorry. I've asked a colleague to approve {amount:.2f} EUR back to you."),
        ],
        facts={"order_total": order["total"], "already_refunded": order["refunded"]},
    )


def refund_price_difference(rng: random.Random, world: World) -> Draft:
    order = world.order(rng, "delivered", "shipped")
    customer = world.owner(order)
    amount = _payable(order, order["total"] * rng.choice([0.05, 0.08, 0.1]))
    said = f"After order {order['id']} the price dropped. Can I have the difference of {amount:.2f} EUR?"
    return Draft(
        title=f"Refund price difference on {order['id']}",
        summary="The price fell within the 14-day price promise.",
        customer=customer,
        options=[
            _refund(order, amount, "Price promise", "Covered by the price promise of 14 days.", 0.92, "low")
        ],
        messages=[user(said), _looked_up(order)],
        facts={"order_total": order["total"]},
    )


def large_refund(rng: random.Random, world: World) -> Draft:
    dear = [o for o in world.orders.values() if left(o) > 500]
    order = rng.choice(dear) if dear else world.order(rng, "delivered")
    customer, amount = world.owner(order), _payable(order, left(order))
    options = [
        _refund(
            order,
            amount,
            "Whole order returned",
            "All items are back in the warehouse, scanned today.",
            0.8,
            "high",
        ),
        _refund(
            order,
            round(amount * 0.85, 2),
            "Returned, used",
            "Less 15 %: one box shows signs of use.",
            0.55,
            "high",
        ),
    ]
    return Draft(
        title=f"Refund the whole of order {order['id']}",
        summary=f"Return received; {amount:.2f} EUR are still to be paid back.",
        customer=customer,
        options=options,
        messages=[
            user(f"I sent everything from {order['id']} back last week. When do I get my money?"),
            tool(
                "get_return",
                f"Return for {order['id']}: {len(order['items'])} items received, inspection passed.",
            ),
        ],
        facts={"order_total": order["total"], "already_refunded": order["refunded"]},
    )


def cancel(rng: random.Random, world: World) -> Draft:
    order = world.order(rng, "pending")
    customer = world.owner(order)
    why, reason = rng.choice(
        [
            ("I ordered twice by mistake", "Ordered twice"),
            ("I found it cheaper elsewhere", "Changed mind"),
            ("it would come too late for the birthday", "Too late"),
        ]
    )
    options = [
        Option(
            "cancel_order",
            {"order_id": order["id"], "reason": reason},
            "Not shipped yet, so nothing has to come back.",
            confidence=0.88,
            risk="medium",
            before={"status": order["status"]},
        )
    ]
    if rng.random() < 0.4:
        options.append(
            _mail(customer, f"Your order {order['id']}", "May we send it by express instead?", 0.35)
        )
    return Draft(
        title=f"Cancel order {order['id']}",
        summary=f"{customer['name']} wants to cancel: {reason.lower()}.",
        customer=customer,
        options=options,
        messages=[
            user(f"Please cancel {order['id']}, {why}. Write to {customer['email']}."),
            _looked_up(order),
        ],
        facts={"order_total": order["total"], "order_status": order["status"]},
    )


def new_address(rng: random.Random, world: World) -> Draft:
    order = world.order(rng, "pending")
    customer = world.owner(order)
    street, city, postcode = rng.choice(
        [
            (f"Newmove Street {rng.randrange(1, 90)}", "Demoville", "10012"),
            (f"Office Park {rng.randrange(1, 30)}", "Mockford", "48113"),
            (f"Harbour Example {rng.randrange(1, 60)}", "Port Example", "33009"),
        ]
    )
    return Draft(
        title=f"Change the address of order {order['id']}",
        summary="The customer has moved and the parcel is not packed yet.",
        customer=customer,
        options=[
            Option(
                "change_address",
                {
                    "order_id": order["id"],
                    "street": street,
                    "city": city,
                    "postcode": postcode,
                    "country": "DE",
                },
                "The customer gave the new address in this conversation and was logged in.",
                confidence=0.9,
                risk=rng.choice(["low", "medium"]),
                indicators=[("address_changed", "differs from the billing address")],
                before=dict(order["address"]),
            )
        ],
        messages=[
            user(f"I've moved! Please send {order['id']} to {street}, {postcode} {city} instead."),
            _looked_up(order),
        ],
        facts={"order_status": order["status"]},
    )


def close_account(rng: random.Random, world: World) -> Draft:
    customer = world.customer(rng, lambda c: not world.has_open_orders(c))
    reason = rng.choice(["Asked to be forgotten", "No longer a customer", "Duplicate account"])
    options = [
        Option(
            "close_account",
            {"customer_id": customer["id"], "reason": reason},
            "No open orders, no balance. The customer confirmed by e-mail.",
            confidence=0.78,
            risk=rng.choice(["high", "high", "critical"]),
            indicators=[("irreversible", "the account can't be opened again")],
            before={"status": customer["status"]},
        ),
        _mail(
            customer,
            "Closing your account",
            "Are you sure? Vouchers and history would be lost for good.",
            0.4,
        ),
    ]
    return Draft(
        title=f"Close the account of {customer['name']}",
        summary=f"{reason}. Customer since {customer['since']}.",
        customer=customer,
        options=options[: rng.choice([1, 2])],
        messages=[
            user(f"This is {customer['name']}, {customer['email']}. Please close my account and forget me."),
            tool(
                "get_customer",
                f"{customer['id']}: {customer['status']}, subscription {customer['subscription']}",
            ),
        ],
        facts={"customer_since": customer["since"]},
    )


def voucher(rng: random.Random, world: World) -> Draft:
    customer = world.customer(rng)
    amount = rng.choice([5.0, 10.0, 10.0, 15.0, 25.0, 40.0])
    return Draft(
        title=f"Voucher of {amount:.0f} EUR for {customer['name']}",
        summary="A goodwill gesture after a late delivery.",
        customer=customer,
        options=[
            Option(
                "issue_voucher",
                {"customer_id": customer["id"], "amount": amount, "reason": "Delivery was three days late"},
                "The usual gesture for a delay of more than two days.",
                confidence=0.9,
                success=0.97,
                risk="low",
            )
        ],
        messages=[
            user("My parcel came three days late. Not great."),
            tool("get_tracking", "Delivered 3 days late."),
        ],
        facts={"vouchers_before": len(customer["vouchers"])},
    )


def answer_by_mail(rng: random.Random, world: World) -> Draft:
    order = world.order(rng, "shipped", "delivered")
    customer = world.owner(order)
    text = f"Dear {customer['name']},\n\nyour order {order['id']} is {order['status']}.\n\nThe demo shop"
    return Draft(
        title=f"Answer {customer['name']} about order {order['id']}",
        summary="The customer asks where the order is.",
        customer=customer,
        options=[_mail(customer, f"Your order {order['id']}", text, 0.93)],
        messages=[user(f"Where is {order['id']}? Please write to {customer['email']}."), _looked_up(order)],
    )


def exchange(rng: random.Random, world: World) -> Draft:
    order = world.order(rng, "delivered")
    customer, item = world.owner(order), rng.choice(order["items"])
    options = [
        Option(
            "exchange_items",
            {"order_id": order["id"], "item_ids": [item["item_id"]], "new_item_ids": [other["item_id"]]},
            f"{item['variant']} → {other['variant']}, {other['price'] - item['price']:+.2f} EUR.",
            confidence=0.82 - 0.4 * place,
            before={"item_ids": item["variant"]},
        )
        for place, other in enumerate(world.variants(item)[:2])
    ]
    return Draft(
        title=f"Exchange {item['product'].lower()} in order {order['id']}",
        summary=f"{customer['name']} wants another variant than {item['variant']}.",
        customer=customer,
        options=options,
        messages=[
            user(f"Could I swap the {item['product'].lower()} ({item['variant']}) for another variant?"),
            _looked_up(order),
        ],
    )


def credit_limit(rng: random.Random, world: World) -> Draft:
    customer = world.customer(rng)
    now = customer["credit_limit"]
    wish = now + rng.choice([250.0, 500.0, 1500.0, 6000.0])
    steps = [
        (wish, "Pays on time; turnover of the last year supports it.", 0.7),
        (now + round((wish - now) / 2, 2), "Half the step, reviewed again in three months.", 0.6),
    ]
    options = [
        Option(
            "adjust_credit_limit",
            {"customer_id": customer["id"], "limit": limit, "reason": "Asked for by the customer"},
            why,
            confidence=confidence,
            risk="high" if limit > 2000 else "medium",
            indicators=[("exposure", f"raises what may be owed by {limit - now:.2f} EUR")],
            before={"limit": now},
        )
        for limit, why, confidence in steps
    ]
    return Draft(
        title=f"Raise the credit limit of {customer['name']}",
        summary=f"From {now:.2f} to {wish:.2f} EUR.",
        customer=customer,
        options=options,
        messages=[
            user(f"We order more this quarter; could our limit be {wish:.0f} EUR?"),
            tool(
                "get_credit_report",
                f"{customer['id']}: score {rng.randrange(540, 790)}, 0 late payments, limit {now}",
            ),
        ],
        facts={"credit_limit": now},
    )


def _payable(order: Json, wish: float) -> float:
    return max(0.01, round(min(wish, left(order)), 2))


def _refund(
    order: Json, amount: float, reason: str, why: str, confidence: float, risk: str = "medium"
) -> Option:
    """Giving back part of an order's money, with what speaks against it."""
    arguments = {
        "order_id": order["id"],
        "customer_id": order["customer_id"],
        "amount": amount,
        "reason": reason,
    }
    indicators = [("above_half", "more than half of what was paid")] if amount > order["paid"] / 2 else []
    if order["refunded"]:
        indicators.append(("refunded_before", f"{order['refunded']:.2f} EUR were already given back"))
    before = {"amount": order["refunded"]}
    return Option("refund_payment", arguments, why, confidence, 0.93, risk, indicators, before)


def _mail(customer: Json, subject: str, text: str, confidence: float) -> Option:
    arguments = {"to": customer["email"], "subject": subject, "body": text}
    return Option("send_email", arguments, "Tells the customer; changes nothing.", confidence, 0.97, "low")


def _looked_up(order: Json) -> Json:
    items = ", ".join(f"{item['product']} ({item['variant']}) {item['price']:.2f}" for item in order["items"])
    return tool("get_order", f"{order['id']}: {order['status']}, paid {order['paid']:.2f} EUR: {items}")
