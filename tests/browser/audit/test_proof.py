"""An auditor has the browser work out what proves an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit.models import Event
from audit.sealing.keys import Signer
from tests.browser.looks import check, shoot
from tests.database import owner_connection
from tests.sealed import seal_all

Visit = Callable[..., Any]


@pytest.fixture
def event(propose: Callable[..., Any]) -> Event:
    """A submission with everything around it, sealed and signed."""
    for number in range(5):
        propose(title=f"Refund \u202e{number} <b>now</b>")
    seal_all()
    return Event.objects.filter(type="proposal.submitted").earliest("pk")


def verify(page: Any) -> str:
    page.get_by_role("button", name="Verify in the browser").click()
    page.wait_for_function("document.querySelector('#verify [role=status]').textContent")
    return str(page.locator("#verify [role=status]").inner_text())


def test_the_browser_proves_an_event_and_refuses_another_key(visit: Visit, event: Event, dora: Any) -> None:
    page = visit(dora, f"/audit/events/{event.pk}/")
    check(page, "event")
    assert verify(page) == "This event is in the log as the checkpoint signs it."
    assert page.locator(".findings .is-true").count() == 3
    check(page, "event that was proved")
    shoot(page, "event")

    page.get_by_label("Public key").fill(Signer("localhost:8000/log", bytes(32)).public.vkey)
    assert verify(page) == "This event is not in the log as this key signs it."
    assert (
        page.locator(".findings .is-wrong")
        .inner_text()
        .startswith("This is not so: The checkpoint is signed")
    )
    page.get_by_label("Public key").fill("no key")
    assert verify(page) == "The key is not readable: nothing was checked."


def test_a_row_that_the_owner_of_the_database_changed_is_found(visit: Visit, event: Event, dora: Any) -> None:
    with owner_connection() as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE audit_event SET body = replace(body, '\"approvals\":1', '\"approvals\":0') WHERE id = %s",
            [event.pk],
        )
        owner.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")
    assert Event.objects.get(pk=event.pk).body != event.body
    page = visit(dora, f"/audit/events/{event.pk}/")
    assert verify(page) == "This event is not in the log as this key signs it."
    assert "hashes lead from it to the root" in page.locator(".findings .is-wrong").inner_text()


def test_checkpoints(visit: Visit, event: Event, dora: Any) -> None:
    page = visit(dora, "/audit/")
    page.get_by_role("link", name="Checkpoints").click()
    page.wait_for_url("**/audit/checkpoints/")
    check(page, "checkpoints")
    shoot(page, "checkpoints")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Keep").click()
    kept = saved.value.path().read_text()
    assert kept.startswith("localhost:8000/log\n")


def test_there_are_no_checkpoints_yet(visit: Visit, dora: Any) -> None:
    page = visit(dora, "/audit/checkpoints/")
    check(page, "no checkpoints")
    assert page.get_by_role("heading", name="Nothing was signed yet").is_visible()
