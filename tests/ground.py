"""What tests and the bench begin with alike: an action type, a policy in force, and a browser."""

from __future__ import annotations

import shutil
from typing import Any

REFUND: dict[str, Any] = {
    "name": "refund_payment",
    "description": "Pay money back to a customer.",
    "schema": {
        "type": "object",
        "properties": {
            "order_id": {"type": "string", "title": "Order"},
            "amount": {"type": "number", "exclusiveMinimum": 0, "title": "Amount"},
            "note": {"type": "string", "title": "Note to customer"},
        },
        "required": ["order_id", "amount"],
        "additionalProperties": False,
    },
    "annotations": {"destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
    "reversibility": "externally_reversible",
    "template": "Refund {amount} for order {order_id}",
}


def put_in_force(text: str, *, author: Any, second: Any) -> Any:
    """The policy after its whole life cycle. One that has gone that way is activated again, or stays."""
    from audit.ground.actors import SYSTEM
    from governance.policies import lifecycle

    version, created = lifecycle.draft(text, author=author)
    if created:
        lifecycle.mark_validated(version, {"proposals": 0}, actor=SYSTEM)
        lifecycle.approve(version, by=second)
    if version.status != version.Status.ACTIVE:
        version = lifecycle.activate(version, by=second)
    return version


INSTALLED = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium(playwright: Any) -> Any:
    """Chromium as it is installed, else Playwright's own. Raises Playwright's `Error` where there is none."""
    installed = next(filter(None, map(shutil.which, INSTALLED)), None)
    return playwright.chromium.launch(executable_path=installed, args=FLAGS)
