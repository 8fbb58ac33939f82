"""The pages of access and its reviews, as somebody uses them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from playwright.sync_api import expect

from audit.ground.actors import SYSTEM
from governance.access import sign
from governance.door import keys
from governance.models import AccessReview, AgentKey, ApiToken, RoleHeld, User
from tests.browser.looks import check, shoot
from tests.conftest import actor_of, make_person
from tests.governance.access.made import FULLY, begun, keep_all, of
from tests.governance.access.test_grants import standing

Visit = Callable[..., Any]
REVIEWS = "/governance/access/reviews/"


def test_a_review_is_answered_with_clicks_and_signed(
    visit: Visit, watch: Any, ana: Any, olga: Any, dora: Any
) -> None:
    keys.issue_token(ana, actor=SYSTEM, name="nightly report")
    page = visit(olga, REVIEWS)
    check(page, "none")
    page.click("text=Begin a review")
    token, team = of("ana", "token"), of("ana", "team")

    page.locator(f"#grant-{team.pk} >> text=Remove").click()
    expect(page.locator(f"#grant-{team.pk}")).to_contain_text("Removed")
    expect(page.locator("#review-progress")).to_contain_text("1 of 8 answered: 0 kept, 1 removed.")
    assert not ana.teams.exists()
    page.locator(f"#grant-{team.pk} >> text=Undo").click()
    expect(page.locator("#review-progress")).to_contain_text("0 of 8 answered")
    assert ana.teams.exists()

    page.locator(f"#grant-{token.pk} >> summary").click()
    page.locator(f"#grant-{token.pk} >> text=Remove it for good").click()
    expect(page.locator(f"#grant-{token.pk}")).to_contain_text("Removed")
    assert ApiToken.objects.get().revoked_at is not None
    watch.expected.append("409")  # the browser notes it too
    page.locator(f"#grant-{of('olga', 'role').pk} >> text=Remove").click()
    expect(page.locator(f"#grant-{of('olga', 'role').pk}")).to_contain_text("Nobody would be left")

    for keep in page.locator("tbody button", has_text="Keep").all()[::-1]:
        row = keep.locator("xpath=ancestor::tr")
        number = row.get_attribute("id")
        keep.click()
        expect(page.locator(f"#{number}")).to_contain_text("Kept")
        assert page.evaluate("document.activeElement.id") == f"answer-{number.rpartition('-')[2]}"
    check(page, "answered")
    page.click("text=Hand to a second person")
    expect(page.locator("#toasts")).to_contain_text("It waits for a second person to sign now.")
    check(page, "handed in")

    page = visit(dora, f"{REVIEWS}{AccessReview.objects.get().pk}/")
    check(page, "to be confirmed")
    page.click("text=Confirm that it is you")
    page.fill("input[name=password]", "dora-has-a-long-password")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Review of")
    check(page, "to be signed")
    shoot(page, "to-be-signed")
    page.check(f"input[value={FULLY}]")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Nothing of this review can change any more.")


def test_its_pages_can_be_used_by_everybody(
    visit: Visit, ana: Any, ben: Any, olga: Any, dora: Any, agent: Any
) -> None:
    for n in range(30):
        person = make_person(f"person-{n}-{'x' * 100}", "reviewer", team=f"team-{'y' * 50}-{n}")
        keys.issue_token(person, actor=SYSTEM, name="<b>nightly</b> " + "z" * 80)
    User.objects.filter(username__startswith="person-1").update(
        first_name="<b>Ana</b> \u202egnp", last_name="w" * 140, let_in_by="v" * 300
    )
    RoleHeld.objects.filter(user__username__startswith="person-2").update(since=None, given_by="")
    keys.issue_key(agent, actor=SYSTEM)
    AgentKey.objects.update(last_used_at=Now() - timedelta(days=100))
    standing(agent, ana, ben)
    review = begun(olga)
    one = f"{REVIEWS}{review.pk}/"
    for name, address in (
        ("list", "/governance/access/"),
        ("nothing", "/governance/access/?role=operator&team=operations"),
        ("filtered", "/governance/access/?holder=support-bot"),
        ("open", one),
    ):
        page = visit(olga, address)
        check(page, name)
        shoot(page, name)
    keep_all(olga)
    sign.submit(review.pk, by=olga, actor=actor_of(olga))
    sign.sign(review.pk, by=dora, meaning=FULLY, actor=actor_of(dora))
    for name, address in (("reviews", REVIEWS), ("signed", one), ("paper", one + "print/")):
        page = visit(dora, address)
        check(page, name)
        shoot(page, name)
