"""Approving what is critical in a browser; second factors; out of office."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from governance.people import absences
from suggestions.models import Proposal
from tests.browser.desk import live, opened
from tests.browser.looks import check, shoot, troubles
from tests.conftest import actor_of, suggestion_body

Visit = Callable[..., Any]


@pytest.fixture
def critical(propose: Any) -> Any:
    figures = {"order_id": "#W1", "amount": 12000}
    return propose(suggestions=[suggestion_body(risk={"level": "critical"}, arguments=figures)])


def test_what_is_critical_is_approved_by_keyboard_with_everything_typed_kept(
    visit: Visit, critical: Any, ana: Any
) -> None:
    page = live(visit(ana, f"/queue/{critical.pk}/"))
    field = page.get_by_label("Type 12000")
    shoot(page, "critical")
    field.fill("12.000")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    check(page, "confirming")
    page.get_by_label("Password").fill("ana-has-a-long-password")
    page.keyboard.press("Enter")

    expect(page.locator(f'#proposal[data-id="{critical.pk}"]')).to_be_visible()
    expect(page.get_by_text("You have confirmed that it is you")).to_be_visible()
    field = page.get_by_label("Type 12000")
    assert field.input_value() == "12.000"
    shoot(page, "confirmed")
    field.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No proposal is open")).to_be_visible()
    assert Proposal.objects.get(pk=critical.pk).status == "approved"


def test_a_wrong_figure_is_told_and_nothing_happens(
    visit: Visit, critical: Any, ana: Any, watch: Any
) -> None:
    watch.expected.append("409")
    page = visit(ana, f"/accounts/reauthenticate/?next=/queue/{critical.pk}/")
    page.get_by_label("Password").fill("ana-has-a-long-password")
    page.keyboard.press("Enter")
    page.get_by_label("Type 12000").fill("1200")
    page.locator(".button-approve:visible").click()

    expect(page.locator(".decision-refusal")).to_contain_text(
        "What you typed is not the Amount: it is 12000."
    )
    assert page.get_by_label("Type 12000").input_value() == "1200"
    assert Proposal.objects.get(pk=critical.pk).status == "pending"


def test_the_pages_of_security(visit: Visit, ana: Any) -> None:
    page = visit(ana, "/accounts/security/")
    check(page, "security")
    shoot(page, "security")
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_label("Password").fill("ana-has-a-long-password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Set up an authenticator app")).to_be_visible()
    check(page, "setting up an app")
    shoot(page, "app")
    page.goto("/accounts/security/keys/add/")
    assert troubles(page) == []
    shoot(page, "key")


def test_being_out_of_office(visit: Visit, ana: Any, ben: Any, olga: Any, watch: Any) -> None:
    watch.expected.append("422")
    page = visit(ana, "/accounts/out-of-office/")
    page.get_by_label("Who stands in").select_option(label="Ben")
    page.get_by_label("Until").fill("2099-01-01T08:00")
    page.get_by_role("button", name="Set out of office").click()
    expect(page.get_by_role("alert")).to_contain_text("a year at most")
    tomorrow = timezone.now() + timedelta(days=1)
    page.get_by_label("Until").fill(f"{tomorrow:%Y-%m-%dT%H:%M}")
    page.get_by_label("Note").fill("<b>away</b>")
    page.get_by_role("button", name="Set out of office").click()
    expect(page.get_by_text("stands in for you")).to_be_visible()
    expect(page.get_by_text("<b>away</b>")).to_be_visible()
    check(page, "out of office")
    shoot(page, "absence")
    operators = visit(olga, "/governance/out-of-office/")
    expect(operators.get_by_role("row", name="Ana")).to_contain_text("Ben")
    shoot(operators, "absences")
    check(operators, "everybody out of office")
    page.get_by_role("button", name="I am back").click()
    expect(page.get_by_text("stands in for you")).to_have_count(0)


def test_the_deputys_desk_has_what_the_absent_person_is_asked(
    visit: Visit, propose: Any, ana: Any, cyd: Any
) -> None:
    asked = propose()
    page = live(visit(cyd))
    expect(page.locator("#rows .row")).to_have_count(0)
    until = timezone.now() + timedelta(hours=1)
    absences.set_out(ana, deputy=cyd, until=until, by=ana, actor=actor_of(ana))
    page.reload()
    page.locator(f"#proposal-{asked.pk} a").click()
    opened(page, asked)
    page.locator(".button-approve:visible").click()
    expect(page.locator(f"#proposal-{asked.pk}")).to_contain_text("approved by Cyd")
