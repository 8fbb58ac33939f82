"""The frame of every page: at every width everything a person may open is there to be pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from execution.models import Execution
from governance.models import Incident
from reviewapp.web.pages import GOVERNANCE, PLACES
from tests.browser.desk import GRACE, live, opened, status_of
from tests.browser.looks import check
from tests.conftest import suggestion_body

Visit = Callable[..., Any]
HIT = """link => {
  const { left, top, width, height, right, bottom } = link.getBoundingClientRect();
  const at = document.elementFromPoint(left + width / 2, top + height / 2);
  return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && link.contains(at);
}"""


def hidden_from_sight(page: Any, name: str) -> list[str]:
    links = page.locator(f"nav[aria-label={name}] a").all()
    return [link.inner_text() for link in links if not link.evaluate(HIT)]


@pytest.mark.parametrize("path", ["/queue/", "/governance/policies/"])
def test_every_place_can_be_pressed_at_every_width(visit: Visit, olga: Any, path: str) -> None:
    page = visit(olga, path)
    assert page.locator("nav[aria-label=Main] a").count() == len(PLACES)
    for width in (320, 390, 600, 719, 720, 768, 900, 1023, 1024, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert (width, hidden_from_sight(page, "Main")) == (width, [])
        assert (width, hidden_from_sight(page, "Section")) == (width, [])
    if path != "/queue/":
        assert page.locator("nav[aria-label=Section] a").count() > len(GOVERNANCE) - 3


def test_what_waits_is_counted_where_it_is_linked(visit: Visit, propose: Any, agent: Any, olga: Any) -> None:
    Incident.objects.create(agent=agent, action="", kind=Incident.Kind.SAMPLE, detail="x", opened_by=olga)
    page = visit(olga, "/incidents/")
    link = page.locator("nav[aria-label=Main] a", has_text="Incidents")
    expect(link.locator(".waits")).to_have_text("1 is open")
    expect(page.locator("nav[aria-label=Main] .waits")).to_have_count(1)
    expect(
        visit(olga, "/executions/").locator("nav[aria-label=Status] a", has_text="Needs attention")
    ).to_contain_text("0")
    assert Execution.Status.NEEDS_ATTENTION


def test_decided_rows_fold_into_one_line_and_every_undo_is_at_hand(
    visit: Visit, propose: Any, policy: Any, ana: Any
) -> None:
    policy(GRACE)
    proposals = [
        propose(suggestions=[suggestion_body(arguments={"order_id": f"#W{n}", "amount": 5 + n})])
        for n in range(7)
    ]
    page = live(visit(ana, f"/queue/{proposals[0].pk}/"))
    for n in range(5):
        page.keyboard.press("a")
        opened(page, proposals[n + 1])

    line = page.locator("[data-decided] button")
    expect(line).to_contain_text("decided")
    expect(page.locator("#rows .row:visible")).to_have_count(2 + 5 - int(line.locator("b").inner_text()))
    line.click()
    expect(page.locator("#rows .row:visible")).to_have_count(7)
    line.click()

    expect(page.locator("#undo > .undo-one")).to_have_count(1)
    expect(page.locator("[data-undo-more]")).to_have_text("4 more")
    check(page, "decided rows")
    page.locator("#undo-more summary").click()
    for proposal in proposals[:5]:
        form = page.locator(f'[data-undo="{proposal.pk}"]')
        form.scroll_into_view_if_needed()
        expect(form.get_by_role("button")).to_be_in_viewport()
        expect(form.locator("[data-left]")).to_have_text("60 min", use_inner_text=True)
    page.locator(f'[data-undo="{proposals[1].pk}"] button').click()
    opened(page, proposals[1])
    assert [status_of(p) for p in proposals[:3]] == ["approved", "pending", "approved"]
    expect(page.locator(f"#proposal-{proposals[1].pk}")).to_be_visible()
    expect(page.locator("[data-undo-more]")).to_have_text("3 more")


def test_contradicting_proposals_say_so_on_both_rows_and_pages_as_soon_as_they_come(
    visit: Visit, propose: Any, ana: Any
) -> None:
    def about(amount: float, order: str = "#D1000") -> Any:
        return propose(suggestions=[suggestion_body(arguments={"order_id": order, "amount": amount})])

    first, other = about(5), about(5, "#D1001")
    page = live(visit(ana, f"/queue/{first.pk}/"))
    mark = page.locator(f"#proposal-{first.pk} .row-contradicts")
    expect(mark).to_be_hidden()

    second = about(6)

    expect(page.locator(f"#proposal-{second.pk} .row-contradicts")).to_be_visible()
    expect(mark).to_be_visible()
    expect(page.locator("#contradicts a")).to_have_attribute("href", f"/queue/{second.pk}/")
    expect(page.locator(f"#proposal-{other.pk} .row-contradicts")).to_be_hidden()
    check(page, "contradiction")
    table = visit(ana, f"/queue/bulk/?id={first.pk}&id={other.pk}")
    expect(table.locator(f"#line-{first.pk}")).to_contain_text("Contradicts another")
    expect(table.locator(f"#line-{other.pk}")).not_to_contain_text("Contradicts another")
    check(table, "bulk with a contradiction")


def test_the_list_says_why_one_stands_first(visit: Visit, propose: Any, policy: Any, ana: Any) -> None:
    policy(
        "version: 1\ndefaults: {verdict: review, team: operations}\nrules:\n"
        "  - {name: large, when: args.amount > 500.0, then: {verdict: review, priority: 80}}\n"
    )
    propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 5})])
    large = propose(suggestions=[suggestion_body(arguments={"order_id": "#W2", "amount": 900})])

    page = live(visit(ana, f"/queue/{large.pk}/"))

    expect(page.locator("#rows .row").first).to_contain_text("priority 80")
    expect(page.locator(".why")).to_contain_text("80 of 100, by large")
    page.locator("#order-menu summary").click()
    expect(page.locator("#order-menu")).to_contain_text("The highest comes first")
    page.locator("#order-menu a", has_text="longest waiting").click()
    expect(page.locator("#rows .row").first).to_contain_text("handed in")
    expect(page.locator("#rows .row-because[data-because=priority]")).to_be_hidden()
