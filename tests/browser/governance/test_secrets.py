"""The pages of secrets, as somebody uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import SecretUse
from governance.secrets import keep
from tests.browser.looks import check, shoot
from tests.governance.secrets.made import VALUE, Authority, secret
from tests.governance.secrets.test_keep import with_route

Visit = Callable[..., Any]
LONG = "a" * 64


def test_a_secret_is_written_and_its_value_is_on_no_page(visit: Visit, watch: Any, olga: Any) -> None:
    watch.expected.append("422")  # the browser notes it too
    page = visit(olga, "/governance/secrets/")
    check(page, "none")
    page.click("text=New secret…")
    page.fill("#name", "shop token")
    page.fill("#secret", VALUE)
    page.fill("#granted-to", "refund_payment")
    page.click("text=Write the secret")
    assert "1 to 64 letters" in page.inner_text("main")
    assert page.input_value("#secret") == ""
    assert page.input_value("#granted-to") == "refund_payment"
    check(page, "after a mistake")
    shoot(page, "mistake")

    page.fill("#name", "shop-token")
    page.fill("#secret", VALUE)
    page.click("text=Write the secret")
    assert "Nobody can read it here again." in page.inner_text("#toasts")
    assert VALUE not in page.content()

    page.click("text=Delete…")
    page.click("text=Delete it for good")
    assert "The secret shop-token is deleted." in page.inner_text("#toasts")


def test_its_pages_can_be_used_by_everybody(visit: Visit, olga: Any) -> None:
    actions = [f"an_action_with_{'a_' * 40}long_name_{n}" for n in range(7)]
    kept = secret(LONG, Authority.new().issue("reviewapp"), *actions)
    for action in actions:
        register({**with_route(client_certificate=LONG), "name": action}, actor=SYSTEM)
    for n in range(3):
        place = f"{actions[n]}@{n} POST https://{'shop' * 30}.internal/refunds/{{order_id}}"
        SecretUse.objects.create(secret=kept, place=place, at=kept.written_at)
    keep.grant(kept, actions[:6], actor=SYSTEM)
    type(kept).objects.update(
        description="<b>Shop</b> \u202e" + "x" * 150, certificate_until="2026-01-01T00:00Z"
    )
    for n in range(12):
        secret(f"token-{n}")
    for name, address in (
        ("list", "/governance/secrets/"),
        ("one", f"/governance/secrets/{LONG}/"),
        ("deleting", f"/governance/secrets/{LONG}/delete/"),
    ):
        page = visit(olga, address)
        check(page, name)
        shoot(page, name)
