"""How much the desk asks of the database for one page. These numbers only fall."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.attention import looks
from approvals.beside import claims, comments
from approvals.models import SavedView
from governance.models import Deployment
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser, part
from tests.conftest import actor_of, suggestion_body
from tests.queries import statements

PANEL = 7  # session, person, the proposal, its precedents, what statements were worth, others, pace
QUEUE = 6  # session, person, around the list, its page, its rows, the frame
BOTH = 10  # whoever opens a proposal by its address asks for the pace once
CLAIMED = 1  # initials are told apart from those of everybody else


@pytest.fixture
def last(propose: Any, ana: Any, ben: Any, cyd: Any, agent: Any) -> Any:
    """The last of twelve that wait, with as many precedents and all beside it that a page tells of."""
    made = [
        propose(
            suggestions=[suggestion_body(arguments={"order_id": f"#W{n}", "amount": n + 1})],
            provenance={"deployment": "support-bot@14"},
        )
        for n in range(24)
    ]
    for n, one in enumerate(made[:12]):
        (approve if n % 2 else reject)(one, ben)
    label = "support-bot@14"
    Deployment.objects.create(agent=agent, label=label, model="m", registered_by=ben, approved_by=cyd)
    comments.comment(made[-1].pk, author=ben, actor=actor_of(ben), text="Look at the photo.")
    looks.look(made[-1].pk, user=ben, seconds=1)
    SavedView.objects.create(user=ana, name="Urgent", query="?soon=1")
    return made[-1]


@pytest.mark.parametrize("claimed", [False, True])
def test_an_opened_proposal(last: Any, ana: Any, ben: Any, claimed: bool) -> None:
    if claimed:
        claims.claim(last.pk, user=ben, actor=actor_of(ben))
    client = browser(ana)

    def ask() -> None:
        html = client.get(f"/queue/{last.pk}/", headers=part("detail")).content.decode()
        assert "Look at the photo." in html
        assert "6 approved, 6 rejected" in html

    ask()
    assert statements(ask) <= PANEL


@pytest.mark.parametrize("claimed", [False, True])
def test_the_queue(last: Any, ana: Any, ben: Any, claimed: bool) -> None:
    if claimed:
        claims.claim(last.pk, user=ben, actor=actor_of(ben))
    client = browser(ana)

    def ask() -> None:
        assert client.get("/queue/").content.decode().count('class="row"') == 12

    ask()
    assert statements(ask) <= QUEUE + CLAIMED * claimed


def test_a_proposal_that_is_opened_by_its_address(last: Any, ana: Any) -> None:
    client = browser(ana)

    def ask() -> None:
        html = client.get(f"/queue/{last.pk}/").content.decode()
        assert html.count('class="row"') == 12
        assert "Look at the photo." in html

    ask()
    assert statements(ask) <= BOTH
