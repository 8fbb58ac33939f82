"""The shop on its first day: invented customers and orders, the same ones every time."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

SEED = 1042
FIRST_DAY = datetime(2026, 9, 1, 8, tzinfo=UTC)

NAMES = (
    "Ada Amir Anouk Bao Beatriz Bilal Carla Chidi Clara Dana Davit Elif Emeka Enzo Esra Farah Felix Greta "
    "Hana Hugo Ines Ivo Jana Jonas Kaya Kofi Lena Leo Lucia Mads Malik Marta Mei Mila Nadia Nils Noor Olga "
    "Omar Paula Pedro Priya Quinn Rafa Rania Rosa Samir Selma Sofia Stefan Tara Tariq Uma Vera Viktor Wanda "
    "Yara Yusuf Zoe Zoran"
)

STREETS = ["Example Street", "Sample Lane", "Placeholder Road", "Specimen Avenue", "Testing Square"]
CITIES = [("Demoville", "10010"), ("Sampleton", "20450"), ("Port Example", "33002"), ("Mockford", "48110")]
PLANS = [None, None, "Coffee box, monthly", "Care plus", "Newsletter premium"]

# One line a product: name, price in euros, the variants it comes in.
PRODUCTS = [
    ("Electric kettle", 54.04, ["steel", "black", "white"]),
    ("Desk lamp", 39.90, ["brass", "white"]),
    ("Running shoes", 119.00, ["size 38", "size 41", "size 44"]),
    ("Rain jacket", 148.50, ["small", "medium", "large"]),
    ("Office chair", 329.00, ["grey", "green"]),
    ("Espresso machine", 612.00, ["steel", "red"]),
    ("Mechanical keyboard", 134.95, ["quiet", "clicky"]),
    ("Noise-cancelling headphones", 279.00, ["black", "sand"]),
    ("Hiking backpack", 98.70, ["28 litres", "40 litres"]),
    ("Water bottle", 18.20, ["half a litre", "one litre"]),
    ("Bluetooth speaker", 87.40, ["blue", "charcoal"]),
    ("Robot vacuum", 459.00, ["white", "black"]),
]


def first_day() -> dict[str, Any]:
    """Customers, orders and products before anybody has acted on them."""
    rng = random.Random(SEED)
    products = _products()
    customers = {c["id"]: c for c in (_customer(rng, n, name) for n, name in enumerate(NAMES.split()))}
    orders: dict[str, Any] = {}
    for customer in customers.values():
        for _ in range(rng.choice([1, 1, 2, 3])):
            order = _order(rng, 1000 + len(orders), customer, products)
            orders[order["id"]] = order
    return {"customers": customers, "orders": orders, "products": products}


def _products() -> dict[str, Any]:
    products = {}
    for number, (name, price, variants) in enumerate(PRODUCTS):
        for place, variant in enumerate(variants):
            item_id = f"item-{number + 10}{place}"
            products[item_id] = {
                "item_id": item_id,
                "product": name,
                "variant": variant,
                "price": round(price + 4 * place, 2),
            }
    return products


def _customer(rng: random.Random, number: int, name: str) -> dict[str, Any]:
    return {
        "id": f"customer-{19100 + number}",
        "name": f"{name} Demo",
        "email": f"{name.lower()}.demo@example.com",
        "address": _address(rng),
        "since": (FIRST_DAY - timedelta(days=rng.randrange(3, 1500))).date().isoformat(),
        "status": "open",
        "credit_limit": float(rng.choice([0, 250, 500, 1000, 2500])),
        "subscription": rng.choice(PLANS),
        "vouchers": [],
    }


def _address(rng: random.Random) -> dict[str, str]:
    city, postcode = rng.choice(CITIES)
    street = f"{rng.choice(STREETS)} {rng.randrange(1, 120)}"
    return {"street": street, "city": city, "postcode": postcode, "country": "DE"}


def _order(
    rng: random.Random, number: int, customer: dict[str, Any], products: dict[str, Any]
) -> dict[str, Any]:
    items = [dict(products[i]) for i in rng.sample(sorted(products), rng.choice([1, 1, 2, 3]))]
    total = round(sum(item["price"] for item in items), 2)
    return {
        "id": f"#D{number}",
        "customer_id": customer["id"],
        "status": rng.choice(["pending", "shipped", "delivered", "delivered", "delivered"]),
        "placed_at": (FIRST_DAY + timedelta(minutes=rng.randrange(60 * 24 * 75))).isoformat(),
        "items": items,
        "address": dict(customer["address"]),
        "payment_method": rng.choice(["card", "bank transfer", "invoice"]),
        "total": total,
        "paid": total,
        "refunded": 0.0,
        "refunds": [],
        "exchanges": [],
    }
