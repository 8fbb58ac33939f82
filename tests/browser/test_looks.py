"""Every page can be used by everybody: axe finds nothing, at any width, in light and dark."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import scene
from tests.browser.conftest import HERE
from tests.browser.desk import live
from tests.browser.looks import check
from tests.conftest import suggestion_body

Visit = Callable[..., Any]


def test_the_themes_differ_in_colours_alone() -> None:
    """So `check` looks in the dark for no more than colours: `light-dark()` can name nothing else."""
    styles = {file.name: file.read_text() for file in (HERE.parents[1] / "static").rglob("*.css")}
    assert [name for name, text in styles.items() if "prefers-color-scheme" in text] == []
    by_theme = [rule for text in styles.values() for rule in re.findall(r"\[data-theme[^{]*{([^}]*)}", text)]
    assert {rule.strip() for rule in by_theme} == {"color-scheme: light;", "color-scheme: dark;"}


@pytest.fixture
def busy(propose: Callable[..., Any]) -> list[Any]:
    """A desk with work on it: of every risk, with several suggestions and hidden characters."""
    options = [
        suggestion_body(
            risk={"level": level, "indicators": [{"code": "new_account", "detail": "opened 3 days ago"}]},
            before={"amount": 0},
            arguments={"order_id": "#W1", "amount": 842.1, "note": "Sorry\u202e"},
        )
        for level in ("low", "medium", "high", "critical")
    ]
    second = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 10})
    return [propose(suggestions=[option, second]) for option in options]


def test_the_log_in_page(visit: Visit, ana: Any) -> None:
    check(visit(None, "/accounts/login/"), "log-in")


def test_the_empty_queue(visit: Visit, ana: Any) -> None:
    check(live(visit(ana)), "empty queue")


def test_the_queue(visit: Visit, busy: Any, ana: Any) -> None:
    check(live(visit(ana)), "queue")


def test_a_proposal(visit: Visit, busy: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{busy[3].pk}/"))
    check(page, "proposal")
    page.keyboard.press("r")
    check(page, "proposal with the form of a rejection")


def test_a_decided_proposal(visit: Visit, busy: Any, ana: Any) -> None:
    from approvals.deciding import decide
    from tests.conftest import actor_of

    first = busy[0].suggestions.select_related("action_type").first()
    decide.approve(first, reviewer=ana, actor=actor_of(ana), shown_digest=first.action_digest)
    check(live(visit(ana, f"/queue/{busy[0].pk}/")), "decided proposal")


def test_standing_approvals(visit: Visit, busy: Any, ana: Any, ben: Any) -> None:
    from approvals.deciding import decide
    from approvals.standing import standing
    from governance.trust.standing import Bound
    from suggestions.models import Proposal
    from tests.conftest import actor_of

    first = busy[0].suggestions.select_related("action_type").first()
    decide.approve(first, reviewer=ana, actor=actor_of(ana), shown_digest=first.action_digest)
    approved = Proposal.objects.get(pk=busy[0].pk)
    check(visit(ana, f"/queue/{approved.pk}/standing/"), "form of a standing approval")
    exactly = {name: Bound(equal=value) for name, value in approved.resolution.arguments.items()}
    standing.draft(approved, standing.Like(exactly, note="Why"), reviewer=ana, actor=actor_of(ana))
    check(visit(ben, "/governance/standing/"), "standing approvals")


def test_the_audit_page(visit: Visit, busy: Any, dora: Any) -> None:
    check(visit(dora, "/audit/"), "audit")


@pytest.mark.skipif("SCREENSHOT" not in os.environ, reason="SCREENSHOT=path makes the picture of the README")
def test_the_picture_of_the_readme(visit: Visit, propose: Any, ana: Any, olga: Any) -> None:
    proposal = scene.set_up(propose, olga)
    page = live(visit(ana, f"/queue/{proposal.pk}/", device_scale_factor=2))
    page.evaluate("document.fonts.ready")
    page.screenshot(path=os.environ["SCREENSHOT"])
