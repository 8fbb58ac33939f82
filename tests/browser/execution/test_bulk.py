"""Retrying many after an outage, in real browsers: from the list to the end of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from execution.bulk import turn
from execution.models import BulkRetry, Execution
from tests.browser.looks import check, shoot
from tests.execution.bulk.conftest import asked_by, failed, later
from tests.execution.conftest import approved, shop

__all__ = ["approved", "failed", "shop"]

Visit = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> \u202ewild " + "x" * 300


def test_the_whole_way_after_an_outage(visit: Visit, failed: Any, shop: Any, olga: Any) -> None:
    check(visit(olga, "/executions/bulk-retries/new/"), "nothing to retry")
    for path in ("/mail", "/mail", "/refunds", "/mail"):
        failed(path)
    failed("/mail", "unknown")
    page = visit(olga, "/executions/?status=needs_attention")
    page.click("text=Retry many…")
    page.get_by_text("4 would be retried, in about 4 s").wait_for()
    page.fill("#many-reason", "The mail works again.")
    page.select_option("#many-route", label=f"POST {shop.url}/mail (4)")
    page.get_by_text("3 would be retried, in about 3 s").wait_for()
    page.get_by_text("1 left out: an attempt may have taken effect").wait_for()
    assert page.input_value("#many-reason") == "The mail works again."
    check(page, "the preview")
    shoot(page, "preview")

    page.click("text=Retry 3 executions")
    page.get_by_text("0 of 3 retried").wait_for()
    bulk = BulkRetry.objects.get()
    turn.retry_next(bulk.pk)  # no other, however long the page took
    page.get_by_text("1 of 3 retried").wait_for()
    check(page, "running")
    shoot(page, "running")
    page.click("text=Stop it…")
    page.fill("#stop-reason", "Let us look first.")
    page.click("button:has-text('Stop it')")
    page.get_by_text("2 not begun").wait_for()
    check(page, "stopped")
    shoot(page, "stopped")

    page.click("text=Let it go on…")
    page.fill("#go-on-reason", "It is fine.")
    page.click("button:has-text('Go on')")
    page.get_by_text("let it go on:").wait_for()
    for _ in range(2):
        later(bulk, 60)
        turn.retry_due()
    page.get_by_text("3 of 3 retried").wait_for()
    assert page.locator(".page-head .status").inner_text() == "Done"
    assert Execution.objects.filter(round=2).count() == 3


def test_what_is_hostile_or_much_can_be_read(visit: Visit, failed: Any, olga: Any) -> None:
    for number in range(8):
        failed(f"/{number}-{'long/' * 40}", outcome="failed" if number % 2 else "unknown")
    Execution.objects.update(reason=HOSTILE)
    page = visit(olga, "/executions/bulk-retries/new/")
    check(page, "hostile preview")
    shoot(page, "hostile-preview")
    bulk = asked_by(olga, reason=HOSTILE)
    for _ in range(4):
        turn.retry_due()
        later(bulk, 60)
    Execution.objects.update(status="needs_attention")
    BulkRetry.objects.update(status="stopped", said=HOSTILE, said_by=HOSTILE[:300])
    one = visit(olga, f"/executions/bulk-retries/{bulk.pk}/")
    check(one, "hostile")
    shoot(one, "hostile")
    listed = visit(olga, "/executions/bulk-retries/")
    check(listed, "list")
    shoot(listed, "bulk-list")
