"""The pages that steer executions, in real browsers: with none, with many, and with what is hostile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from execution.healing import breakers
from execution.models import Attempt, Execution
from tests.browser.looks import check, shoot
from tests.execution.conftest import approved, run_to_rest, shop, step, workflow
from tests.governance.secrets.made import secret

__all__ = ["approved", "shop"]

Visit = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> \u202ewild " + "x" * 300


@pytest.fixture
def stuck(approved: Any, shop: Any) -> Execution:
    """Its first step was carried out and can be undone; nobody carries out its second."""
    shop.will("/refunds", (201, {"id": HOSTILE}, {}))
    for path in ("/mail", "/post"):
        shop.will(path, (422, {"why": HOSTILE}, {}))
    back = {"kind": "http", "url": f"{shop.url}/back", "body": {"id": "=steps.refund.json.id"}}
    again = {"kind": "http", "url": f"{shop.url}/back-by-another-way-that-has-a-rather-long-address"}
    refund = step(f"{shop.url}/refunds", undo={"routes": [back, again]})
    mail = step(f"{shop.url}/mail", f"{shop.url}/post", name="mail")
    execution: Execution = run_to_rest(approved(workflow(refund, mail)))
    Attempt.objects.filter(route__contains="/post").update(detail=HOSTILE)
    return execution


def test_one_execution_can_be_read_and_steered_by_everybody(
    visit: Visit, stuck: Execution, shop: Any, olga: Any
) -> None:
    page = visit(olga, f"/executions/{stuck.pk}/")
    for summary in page.locator("main details > summary").all():
        summary.click()
    check(page, "one execution")
    shoot(page, "execution")

    shop.will("/post", 201)
    page.select_option("select[name=route]", label=f"2. POST {shop.url}/post")
    page.locator("form:has(select) input[name=reason]").fill("By post then.")
    page.click("text=Try this route first")
    page.get_by_text("It takes this route first.").first.wait_for()
    listed = visit(olga, "/executions/")
    check(listed, "the list")
    shoot(listed, "list")

    assert run_to_rest(stuck).status == "succeeded"


def test_what_nobody_knows_is_settled_with_the_evidence_before_one(
    visit: Visit, approved: Any, shop: Any, olga: Any
) -> None:
    note = {"lines": [{"text": HOSTILE, "number": n} for n in range(40)], "order": "=args.order_id"}
    headers = {"x-long": "y" * 300, "authorization": "Bearer {secret:shop-token}"}
    secret("shop-token")
    mail = {"kind": "http", "url": f"{shop.url}/mail", "headers": headers, "body": note}
    shop.will("/mail", 429, (500, {"why": HOSTILE}, {}))
    long = f"{shop.url}/refunds/{'by-a-way-that-is-long/' * 8}"
    execution = approved(workflow(step(long, f"{shop.url}/refunds"), step(mail, name="mail")))
    breakers.open_by_hand(f"POST {long}", actor=olga.as_actor(), reason=HOSTILE)
    run_to_rest(execution)
    case = visit(olga, f"/queue/{execution.proposal_id}/")
    case.locator(".settle").scroll_into_view_if_needed()
    shoot(case, "settle-case")

    page = visit(olga, "/executions/")
    check(page, "the list")
    page.click("text=Did it happen?")
    for summary in page.locator("main .attempts details > summary").all():
        summary.click()
    page.locator("#settle").scroll_into_view_if_needed()
    shoot(page, "settle")
    check(page, "what was asked")
    page.locator(".settle textarea").fill(HOSTILE)
    page.locator(".settle button", has_text="It did happen").click()
    page.get_by_text("The step counts as done, and the rest goes on.").first.wait_for()
    assert run_to_rest(execution).status == "succeeded"

    case = visit(olga, f"/queue/{execution.proposal_id}/")
    case.locator(".timeline li").last.scroll_into_view_if_needed()
    shoot(case, "story")
    check(case, "the whole story")


def test_the_case_offers_to_undo(visit: Visit, stuck: Execution, ana: Any) -> None:
    page = visit(ana, f"/queue/{stuck.proposal_id}/")
    page.locator(".offer").scroll_into_view_if_needed()
    shoot(page, "offer")
    check(page, "the offer")


def test_breakers_can_be_read_and_turned_by_everybody(
    visit: Visit, approved: Any, shop: Any, olga: Any
) -> None:
    check(visit(olga, "/executions/breakers/"), "no routes")
    execution = approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/{'long/' * 40}")))
    for _ in range(5):
        breakers.failed(f"POST {shop.url}/refunds", HOSTILE, proposal_id=execution.proposal_id)
    breakers.open_by_hand("POST http://gone.example/", actor=olga.as_actor(), reason=HOSTILE)
    page = visit(olga, "/executions/breakers/")
    for summary in page.locator("main details > summary").all():
        summary.click()
    check(page, "breakers")
    shoot(page, "breakers")
