"""What a service says is there now: the page is there at once, and the answer comes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from approvals.models import Decision
from audit.ground.actors import SYSTEM
from execution.looking.looks import look_at
from execution.models import Look
from governance.actions.action_types import register
from tests.browser.desk import live, settled
from tests.browser.looks import check, shoot
from tests.conftest import REFUND, suggestion_body
from tests.execution.conftest import shop as shop
from tests.execution.looking.conftest import ORDER, looking

Visit = Callable[..., Any]
HOSTILE = "<script>alert(1)</script>\u202eevil " + "word" * 60


def test_the_answer_comes_to_the_page_and_stands_with_the_decision(
    visit: Visit, propose: Callable[..., Any], action_type: Any, shop: Any, ana: Any
) -> None:
    shop.will(ORDER, (200, {"refundable": 54.04, "owner": HOSTILE}, {}))
    shop.will("/dry", (200, {"balance": -54.04, "mails": ["ida@example.com"]}, {}))
    dry_run = {"route": {"kind": "http", "url": f"{shop.url}/dry"}}
    register({**REFUND, "workflow": looking(shop, preview=dry_run)}, actor=SYSTEM)
    arguments = {"order_id": "W1", "amount": 54.04}
    claims = {"refundable": 60, "owner": "Ida"}
    proposal = propose(suggestions=[suggestion_body(arguments=arguments, before=claims)])

    page = live(visit(ana, f"/queue/{proposal.pk}/"))
    now = page.locator("#now-1")
    expect(now).to_contain_text("Asking the shop …")
    shoot(page, "now-asking")

    look_at(proposal.pk)  # as a worker does that was told of it
    expect(now).to_contain_text("Not as the agent says")
    expect(now).to_contain_text("Refundable: the agent says 60, the shop says 54.04")
    expect(now).to_contain_text("A dry run: nothing was changed.")
    check(page, "what is there now")
    shoot(page, "now")
    page.locator(".now-preview").scroll_into_view_if_needed()
    shoot(page, "now-end")

    settled(page, proposal)
    page.keyboard.press("a")
    expect(page.locator("#detail")).to_contain_text("No proposal is open")
    kinds = [one["kind"] for one in Decision.objects.get().looks]
    assert kinds == ["look", "preview"]
    assert Look.objects.filter(occasion="opened").count() == 2


def test_an_edit_is_made_beside_what_is_there(
    visit: Visit, propose: Callable[..., Any], action_type: Any, shop: Any, ana: Any
) -> None:
    shop.will(ORDER, (200, {"refundable": 54.04, "owner": HOSTILE}, {}))
    register({**REFUND, "workflow": looking(shop)}, actor=SYSTEM)
    arguments = {"order_id": "W1", "amount": 54.04}
    proposal = propose(suggestions=[suggestion_body(arguments=arguments, before={"refundable": 60})])

    page = live(visit(ana, f"/queue/{proposal.pk}/edit/"))
    now = page.locator("#now-1")
    expect(now).to_contain_text("Asking the shop …")
    look_at(proposal.pk)
    expect(now).to_contain_text("Refundable: the agent says 60, the shop says 54.04")
    check(page, "an edit beside what is there")
    shoot(page, "edit-now")

    page.get_by_label("Amount").fill("9")
    page.locator(".edit-check").click()
    page.locator("[data-approve]").click()
    expect(page.locator("#detail")).to_contain_text("No proposal is open")
    decision = Decision.objects.get()
    assert (decision.arguments["amount"], len(decision.looks)) == (9, 1)
