"""Edit and retry, in a real browser: from the execution over the form to those who approve it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from execution.models import Execution, FormerExecution
from tests.browser.looks import check, shoot
from tests.execution.conftest import approved, run_to_rest, shop, step, workflow

__all__ = ["approved", "shop"]

Visit = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> \u202ewild " + "x" * 300


def test_other_arguments_go_from_the_operator_to_a_reviewer(
    visit: Visit, approved: Any, shop: Any, olga: Any, ana: Any
) -> None:
    shop.will("/refunds", lambda _, body: (422, {"why": HOSTILE}, {}) if body["amount"] > 40 else 201)
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
    page = visit(olga, f"/executions/{stuck.pk}/")
    shoot(page, "edit-execution")
    page.click("text=Edit and retry…")
    shoot(page, "edit-form")
    page.get_by_label("Amount").fill("40")
    page.get_by_label("Amount").press("Control+Enter")
    page.get_by_label("Why?").fill(HOSTILE)
    check(page, "what reviewers are asked")
    shoot(page, "edit-ahead")

    page.click("text=Send it back to its reviewers")
    page.get_by_text("It waits again").wait_for()
    case = visit(ana, f"/queue/{stuck.proposal_id}/")
    for summary in case.locator(".edited summary").all():
        summary.click()
    check(case, "the case")
    shoot(case, "edit-case")
    case.locator(".version input[type=radio]").check()
    case.locator(".decision .button-approve:visible").click()
    case.get_by_text("No proposal is open").or_(case.get_by_text("Undo")).first.wait_for()

    assert FormerExecution.objects.get().pk == stuck.pk
    assert run_to_rest(Execution.objects.get()).status == "succeeded"
    after = visit(olga, f"/executions/{Execution.objects.get().pk}/")
    after.get_by_text("What had been tried").click()
    shoot(after, "edit-after")
    assert [body["amount"] for _, body in shop.asked("/refunds")] == [54.04, 40]
