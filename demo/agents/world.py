"""What an agent can see of the shop when it makes up its mind."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class World:
    customers: dict[str, Json]
    orders: dict[str, Json]
    products: dict[str, Json]

    @classmethod
    def of(cls, customers: Iterable[Json], orders: Iterable[Json], products: Iterable[Json]) -> "World":
        return cls(
            {c["id"]: c for c in customers}, {o["id"]: o for o in orders}, {p["item_id"]: p for p in products}
        )

    def customer(self, rng: random.Random, fits: Callable[[Json], bool] = lambda c: True) -> Json:
        """Somebody with an open account, if possible one who fits."""
        return _pick(rng, self.customers, lambda c: c["status"] == "open", fits)

    def order(self, rng: random.Random, *statuses: str) -> Json:
        """An order with money left in it, if possible in one of these statuses."""
        return _pick(rng, self.orders, lambda o: left(o) >= 1, lambda o: o["status"] in statuses)

    def owner(self, order: Json) -> Json:
        return self.customers[order["customer_id"]]

    def has_open_orders(self, customer: Json) -> bool:
        return any(
            o["customer_id"] == customer["id"] and o["status"] in {"pending", "shipped"}
            for o in self.orders.values()
        )

    def variants(self, item: Json) -> list[Json]:
        """What this item can be exchanged for."""
        return [
            p
            for p in self.products.values()
            if p["product"] == item["product"] and p["item_id"] != item["item_id"]
        ]


def left(order: Json) -> float:
    """What has been paid and not given back."""
    return round(order["paid"] - order["refunded"], 2)


def _pick(rng: random.Random, rows: dict[str, Json], *wishes: Callable[[Json], bool]) -> Json:
    """One that fits all wishes, or as many from the first on as can be had."""
    for count in range(len(wishes), -1, -1):
        found = [row for row in rows.values() if all(wish(row) for wish in wishes[:count])]
        if found:
            return rng.choice(found)
    raise LookupError("the shop is empty")
