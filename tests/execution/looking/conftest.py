"""An order of a shop that can be looked at, and what is approved about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.execution.conftest import step

ORDER = "/orders/W1"


def looking(shop: Any, **changes: Any) -> dict[str, Any]:
    """A workflow that refunds an order, and looks at it first."""
    return {
        "look": {
            "route": {"kind": "http", "method": "GET", "url": f"{shop.url}/orders/{{order_id}}"},
            "show": {"Refundable": "=look.json.refundable", "Owner": "=look.json.owner"},
            "says": "the shop",
        },
        "require": "look.json.refundable >= args.amount",
        "stale_when": ["look.json.refundable", "look.json.owner"],
        "steps": [step(f"{shop.url}/refunds")],
        **changes,
    }


@pytest.fixture
def order(shop: Any) -> Callable[..., None]:
    """`order(54.04, owner="Ida")` is what the shop says of it from now on."""

    def is_now(refundable: Any, owner: Any = "Ida") -> None:
        shop.will(ORDER, (200, {"refundable": refundable, "owner": owner}, {}))

    is_now(54.04)
    return is_now


@pytest.fixture
def known() -> dict[str, Any]:
    """The proposal of `approved`, about an order whose number stands in an address as it is."""
    from tests.conftest import suggestion_body

    arguments = {"order_id": "W1", "amount": 54.04}
    return {"suggestions": [suggestion_body(arguments=arguments, before={"refundable": 60})]}


@pytest.fixture
def policy(db: Any) -> Callable[[str], Any]:
    """`policy(text)` is in force from now on."""
    from tests.conftest import in_force

    return in_force
