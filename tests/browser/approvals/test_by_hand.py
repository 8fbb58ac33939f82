"""What a team carries out by hand, as somebody of it sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.approvals.manual.test_pages import HERE, hand
from tests.browser.looks import check, shoot
from tests.execution.conftest import approved

__all__ = ["approved"]
HOSTILE = "Pay \u202eback\u202c <script>alert(1)</script> " + "very" * 40


def test_a_task_is_done_by_keyboard_and_reads_well_at_every_width(
    visit: Callable[..., Any], approved: Callable[..., Any], cyd: Any
) -> None:
    page = visit(cyd, HERE)
    check(page, "no tasks")
    shoot(page, "by-hand-none")

    task = hand(approved)
    hand(approved, title=HOSTILE, form=None)
    page.goto(HERE)
    check(page, "two tasks")
    shoot(page, "by-hand-list")

    page.goto(f"{HERE}{task.pk}/")
    page.get_by_role("button", name="I do it").click()
    page.get_by_text("You are on it.").wait_for()
    check(page, "a task")
    shoot(page, "by-hand-task")

    done = page.get_by_role("button", name="Done", exact=True)
    done.click()  # the browser itself asks for the amount
    page.get_by_label("Number of the receipt").fill("R-1")
    page.get_by_label("Amount").fill("54.04")
    page.get_by_label("Note").fill("In the bank's list.")
    done.click()
    page.get_by_text("It is done. What comes next goes on.").wait_for()
    check(page, "a task that is done")
    shoot(page, "by-hand-done")
