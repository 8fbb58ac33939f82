"""Check items, second looks and one's own figures, as somebody at a desk has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from playwright.sync_api import expect

from approvals.models import CheckPlan, CheckTemplate, Look
from approvals.vigilance import slip_in
from suggestions.models import SecondReview
from tests.approvals.deciding.test_decide import approve, reject
from tests.browser.desk import kept, live, opened
from tests.browser.looks import check as looks_good
from tests.conftest import proposal_body, suggestion_body

Visit = Callable[..., Any]
ALL = "version: 1\ndefaults: {verdict: review, team: operations, second_review: 1.0}\n"
HOSTILE = "<b>Sorry</b>\u202e\u200b {{ 7*7 }} <script>alert(1)</script>"


@pytest.fixture
def slipped_in(agent: Any, action_type: Any, olga: Any, ana: Any, ben: Any) -> Any:
    """A check that waits, and the plan and library that it comes from."""
    CheckPlan.objects.create(team_id="operations", on=True, share=0.1, most_per_day=9, changed_by=olga)
    body = proposal_body(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 540.4})])
    CheckTemplate.objects.create(
        name="Ten times", agent=agent, kind="bad", why="It was ten times too much.", body=body, made_by=olga
    )
    return slip_in.slip_in("operations")


def test_a_check_is_revealed_right_after_the_decision(visit: Visit, slipped_in: Any, ana: Any) -> None:
    page = live(visit(ana))
    page.locator(f"#proposal-{slipped_in.pk} .row-link").click()
    opened(page, slipped_in)
    assert "check item" not in page.content().lower()

    page.keyboard.press("r")
    page.locator("#reject-reason").fill("Ten times what was paid")
    page.keyboard.press("Control+Enter")

    page.locator(".revealed").wait_for()
    assert "You caught it." in page.locator(".revealed").inner_text()
    assert "ten times too much" in page.locator(".revealed").inner_text()
    page.locator(f"#proposal-{slipped_in.pk}:not([data-status=pending])").wait_for(state="attached")
    looks_good(page, "a check, revealed")


def test_a_check_is_revealed_though_the_page_went_on(
    visit: Visit, propose: Any, slipped_in: Any, ana: Any
) -> None:
    after = propose()
    page = kept(live(visit(ana, f"/queue/{slipped_in.pk}/")), after)
    page.keyboard.press("a")

    page.locator(".revealed").wait_for()
    assert "ten times too much" in page.locator(".revealed").inner_text()
    assert page.url.endswith(f"/queue/{slipped_in.pk}/")
    expect(page.locator("#came-back")).to_be_empty()
    expect(page.locator("#proposal-title")).to_be_focused()


def test_a_second_look_shows_nothing_of_the_first(
    visit: Visit, propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(ALL)
    proposal = propose(summary=HOSTILE, suggestions=[suggestion_body(explanation=HOSTILE)])
    page = live(visit(ben, f"/queue/{proposal.pk}/"))
    page.goto("/queue/")
    live(page)
    reject(proposal, ana, reason="not our customer at all")
    page.locator(f"#proposal-{proposal.pk}[data-status=decided]").wait_for(state="attached")
    assert "not our customer" not in page.content()
    assert "rejected by" not in page.content()

    page.goto(f"/queue/{proposal.pk}/")
    page.wait_for_url("**/queue/second/**")
    assert "not our customer" not in page.content()
    looks_good(page, "a second look")
    page.get_by_role("button", name="I would approve the chosen one").click()
    page.wait_for_url(f"**/queue/{proposal.pk}/")
    assert "not our customer" in page.content()
    assert SecondReview.objects.get().status == "differed"
    page.goto("/queue/second/?show=answered")
    looks_good(page, "second looks")


def test_the_pages_about_it_can_be_used_by_everybody(
    visit: Visit, slipped_in: Any, propose: Any, olga: Any, ana: Any
) -> None:
    reject(slipped_in.proposal, ana)
    for n in range(5):
        hasty = propose(
            summary="word " * 200,
            suggestions=[suggestion_body(arguments={"order_id": f"#{n}", "amount": n + 1})],
        )
        Look.objects.create(proposal=hasty, user=ana, until=Now() - timedelta(seconds=1), seconds=3)
        approve(hasty, ana)
    looks_good(visit(olga, "/governance/checks/"), "checks")
    looks_good(visit(ana, "/figures/"), "my figures")
    page = live(visit(ana))
    page.locator(".figures-strip").wait_for()
    assert "The last 5 took 3 s each" in page.locator(".pace").inner_text()
    looks_good(page, "an empty desk with a word about pace")
    page.get_by_role("button", name="Put away").click()
    page.locator(".pace").wait_for(state="detached")
    page.reload()
    live(page).locator(".figures-strip").wait_for()
    assert page.locator(".pace").count() == 0
