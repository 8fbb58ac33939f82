"""The board, the incidents and the checks afterwards, as people use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from approvals.vigilance import samples
from audit.ground.actors import SYSTEM
from execution.handing_back.hand_back import report_result
from execution.running.schedule import adopt
from governance.actions.action_types import register
from governance.models import Agent, Autonomy, Incident
from governance.trust import autonomy, incidents
from suggestions.models import Sample
from tests.browser.desk import settled
from tests.browser.looks import check
from tests.conftest import DEPLOYED, actor_of, in_force, suggestion_body

Visit = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> Sorry\u202e " + "verylongword" * 12


@pytest.fixture
def board(propose: Any, agent: Any, olga: Any, pia: Any, ana: Any) -> Any:
    """Agents at every stage, one with a history and open incidents."""
    in_force("version: 1\ndefaults: {verdict: review}")
    for stage in (1, 2, 3, 4):
        one = Agent.objects.create(name=f"agent-{stage}-{'with-a-long-name-' * (stage - 1)}x", owner=pia)
        Autonomy.objects.create(agent=one, action="refund_payment", stage=stage)
    for stage in (3, 4):
        autonomy.raise_stage(
            agent, "refund_payment", stage, by=pia, actor=actor_of(pia), reason=f"I saw it work. {HOSTILE}"
        )
    autonomy.demote(agent, "refund_payment", Incident.Kind.SAMPLE, HOSTILE, SYSTEM, proposal=propose().pk)
    closed = autonomy.raise_alarm(agent, "", "Other customers than before.", actor=actor_of(pia), by=pia)
    incidents.close_incident(closed, by=pia, actor=actor_of(pia), reason=HOSTILE)
    return agent


@pytest.fixture
def to_check(propose: Any, trusted: Any) -> list[Any]:
    """Three proposals that passed, were carried out and are asked about."""
    in_force("version: 1\ndefaults: {verdict: auto_approve, sample: 1}")
    passed = [
        propose(
            provenance=DEPLOYED,
            suggestions=[
                suggestion_body(arguments={"order_id": f"#W{n}", "amount": 10 + n, "note": HOSTILE})
            ],
        )
        for n in range(3)
    ]
    adopt()
    for proposal in passed:
        report_result(proposal, agent=trusted, outcome="succeeded", detail="done")
    assert samples.open_carried_out() == 3
    return passed


def test_the_board(visit: Visit, board: Any, pia: Any) -> None:
    check(visit(pia, "/governance/autonomy/"), "board")


def test_the_empty_board(visit: Visit, dora: Any) -> None:
    check(visit(dora, "/governance/autonomy/"), "empty board")


def test_one_pair(visit: Visit, board: Any, pia: Any) -> None:
    page = visit(pia, f"/governance/autonomy/{board.pk}/refund_payment/")
    assert page.locator("text=I saw it work").count() == 2
    check(page, "pair")


def test_what_is_asked(visit: Visit, board: Any, pia: Any) -> None:
    check(visit(pia, "/governance/autonomy/bounds/"), "bounds")


def test_the_incidents(visit: Visit, board: Any, pia: Any) -> None:
    page = visit(pia, "/incidents/?show=&report=1")
    check(page, "incidents")


def test_an_incident_is_closed_with_a_reason(visit: Visit, board: Any, pia: Any) -> None:
    page = visit(pia, "/incidents/")
    page.locator("tbody th a").click()
    page.select_option("select[name=found_to_be]", "agent")
    page.fill("textarea[name=reason]", "looked into")
    page.click("text=Close the incident")
    page.wait_for_selector("text=has to be earned again")
    assert Incident.objects.filter(closed_at=None).count() == 0


def test_what_is_to_be_checked(visit: Visit, to_check: Any, ana: Any) -> None:
    check(visit(ana, "/queue/check/"), "to check")


def test_the_desk_with_checks(visit: Visit, to_check: Any, ana: Any) -> None:
    page = visit(ana, f"/queue/{to_check[0].pk}/")
    page.wait_for_selector("text=was this right?")
    check(page, "check")


def test_checks_are_answered_by_keyboard_one_after_the_other(visit: Visit, to_check: Any, ana: Any) -> None:
    page = visit(ana, "/queue/")
    page.click(".list-check a")
    page.click(".table .cell-main >> nth=0")
    page.wait_for_selector(".verb-right")

    page.keyboard.press("a")
    page.wait_for_selector(f"#proposal:not([data-id='{to_check[0].pk}'])")
    settled(page)
    assert Sample.objects.filter(status="right").count() == 1

    page.keyboard.press("r")
    page.keyboard.type("never ordered")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(f"#proposal[data-id='{to_check[2].pk}']")
    wrong = Sample.objects.get(status="wrong")
    assert (wrong.reason, wrong.reviewer) == ("never ordered", ana)
    assert Autonomy.objects.get(agent=wrong.agent).stage == 2
    assert page.locator(".verb-right").count() == 1  # the third


OVER = """() => [...document.querySelectorAll('main .gate, main .gate .num, main td, main small, main p')]
  .filter(it => {
    const around = it.closest('li') ?? it.closest('td') ?? it.closest('.card') ?? document.body;
    const wide = it.getBoundingClientRect().right > around.getBoundingClientRect().right + 1;
    return wide || (it.matches('td') && it.scrollWidth > it.clientWidth + 1);
  }).map(it => it.textContent.trim().slice(0, 60))"""


def test_reasons_stay_in_their_place(visit: Visit, board: Any, pia: Any) -> None:
    register(
        {
            "name": "erase_everything_of_the_customer",
            "schema": {"type": "object", "properties": {}},
            "annotations": {"destructiveHint": True, "openWorldHint": True},
            "reversibility": "irreversible",
            "template": "Erase it",
        },
        actor=SYSTEM,
    )
    Autonomy.objects.create(agent=board, action="erase_everything_of_the_customer", stage=2)
    page = visit(pia, "/governance/autonomy/")
    assert page.locator("text=Named by the policy").count() > 0
    for width in (390, 768, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert (width, page.evaluate(OVER)) == (width, [])
    page.goto(f"/governance/autonomy/{board.pk}/refund_payment/")
    for width in (390, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert (width, page.evaluate(OVER)) == (width, [])
