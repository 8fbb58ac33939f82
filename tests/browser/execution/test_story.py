"""One approval from the desk to its undoing, as people see it; workers take their turns in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from audit.ground.actors import SYSTEM
from execution.looking.looks import look_at
from execution.models import Execution
from execution.running.run import run
from governance.actions.action_types import register
from tests.browser.desk import live, settled
from tests.conftest import REFUND, suggestion_body
from tests.execution.conftest import mcp_place, run_to_rest, shop, step
from tests.execution.looking.conftest import ORDER, looking

__all__ = ["mcp_place", "shop"]

Visit = Callable[..., Any]


def _says(shop: Any, owner: str) -> None:
    shop.will(ORDER, (200, {"refundable": 54.04, "refunded": 54.04, "owner": owner}, {}))


def _workflow(shop: Any, mcp: str) -> dict[str, Any]:
    """Two routes of which the first is down, a tool that refuses, and the agent's part."""
    order = {"kind": "http", "method": "GET", "url": f"{shop.url}/orders/{{order_id}}"}
    back = {"kind": "http", "url": f"{shop.url}/back", "body": {"id": "=steps.refund.json.id"}}
    refund = step(
        f"{shop.url}/first",
        f"{shop.url}/second",
        verify={"route": order, "expect": "response.json.refunded >= args.amount"},
        undo={"routes": [back]},
    )
    book = step({"kind": "mcp", "url": f"http://{mcp}/mcp", "tool": "refuses"}, name="book")
    return looking(shop, steps=[refund, book, step({"kind": "handback"}, name="tell")])


def test_an_approval_comes_back_heals_and_is_undone(
    visit: Visit, propose: Any, shop: Any, mcp_place: str, settings: Any, ana: Any, pia: Any
) -> None:
    settings.EGRESS_ALLOW = [shop.place, mcp_place]
    shop.will("/first", 503)
    shop.will("/second", (201, {"id": "r-1"}, {}))
    _says(shop, "Ida")
    register({**REFUND, "workflow": _workflow(shop, mcp_place)}, actor=SYSTEM)
    proposal = propose(suggestions=[suggestion_body(arguments={"order_id": "W1", "amount": 54.04})])
    page = visit(ana, f"/queue/{proposal.pk}/")
    page.set_viewport_size({"width": 1440, "height": 2000})  # nothing is left to be seen
    live(page)
    row = page.locator(f"#proposal-{proposal.pk}")

    look_at(proposal.pk)
    expect(page.locator("#now-1")).to_contain_text("Ida")
    settled(page, proposal)
    page.keyboard.press("a")
    expect(row).to_have_attribute("data-status", "approved")
    expect(page.locator(".list-count")).to_contain_text("0 waiting")

    _says(shop, "Mallory")  # behind the approval's back
    run(Execution.objects.get().pk)
    expect(row).to_contain_text("came back")
    expect(page.locator(".list-count")).to_contain_text("1 waiting")
    assert not Execution.objects.exists()

    row.locator(".row-link").click()
    expect(page.locator("#now-1")).to_contain_text("it was Ida, now it is Mallory")
    settled(page, proposal)
    page.keyboard.press("a")
    expect(row).to_have_attribute("data-status", "approved")

    stuck = run_to_rest(Execution.objects.get())
    assert stuck.status == "needs_attention"
    assert [len(shop.asked(path)) for path in ("/first", "/second", "/back")] == [3, 1, 0]

    board = visit(pia, f"/executions/{stuck.pk}/")
    expect(board.locator(".offer")).to_contain_text(f"POST {shop.url}/back")
    board.locator(".offer summary", has_text="Approve undoing").click()
    board.locator(".offer input[name=reason]").first.fill("The books take no refund.")
    board.locator(".offer").get_by_role("button", name="Approve undoing").click()
    board.get_by_text("What was done is being undone.").first.wait_for()
    assert run_to_rest(stuck).status == "cancelled"
    assert [body for _, body in shop.asked("/back")] == [{"id": "r-1"}]

    page.goto(f"/queue/{proposal.pk}/")
    told = page.locator("#proposal").inner_text()
    story = ["It waits for people again", "agreed to undo what was done", "What was done has been undone\n"]
    assert [told.index(line) for line in story] == sorted(told.index(line) for line in story)
