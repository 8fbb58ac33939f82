"""The simulator and the deployments: axe, every width, both themes, hostile text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from governance.agents import deployments
from tests.browser.looks import check
from tests.conftest import in_force, suggestion_body

Visit = Callable[..., Any]
HOSTILE = "<img src=x onerror=alert(1)> \u202eevil\u202c " + "wide" * 40
RULES = """
version: 1
defaults: {verdict: review, team: operations}
rules:
  - name: large
    when: args.amount > 500.0 && mentions(user_text, args.order_id)
    then: {verdict: review, approvals: 2, decide_within: 30m, reason: "Above 500"}
  - {name: odd, when: args.nope == 1, then: {verdict: block}}
  - {name: small, when: args.amount < 5.0, then: {verdict: review}}
"""


def test_an_explanation(visit: Visit, propose: Any, ana: Any) -> None:
    in_force(RULES)
    options = [suggestion_body(arguments={"order_id": "#W1", "amount": 842.1, "note": HOSTILE})]
    proposal = propose(title=HOSTILE[:200], suggestions=options)

    page = visit(ana, f"/governance/simulator/?proposal={proposal.pk}")

    check(page, "explanation")
    for fold in page.query_selector_all(".explanation details"):
        fold.evaluate("fold => fold.open = true")
    check(page, "explanation with everything open")
    assert page.evaluate("document.querySelectorAll('main img').length") == 0


def test_the_simulator_without_anything_and_with_mistakes(
    visit: Visit, watch: Any, agent: Any, ana: Any
) -> None:
    watch.expected.append("422")
    page = visit(ana, "/governance/simulator/")
    check(page, "simulator")
    page.select_option("#pasted-agent", "support-bot")
    page.fill("#pasted-body", "{")
    page.click("text=Simulate it")
    page.wait_for_load_state()
    check(page, "simulator with mistakes")


def test_deployments(visit: Visit, agent: Any, olga: Any, dora: Any) -> None:
    page = visit(dora, "/governance/deployments/")
    check(page, "no deployment")
    for n, prompt in enumerate(["Be brief.", f"Be kind.\n{HOSTILE}"], start=1):
        text = {
            "label": f"support-bot@{n}",
            "model": HOSTILE[:200],
            "prompts": {"system": prompt},
            "note": HOSTILE,
        }
        made, _new = deployments.register(agent, deployments.read(text), by=olga)
    page.goto(page.url)
    check(page, "deployments")
    page.goto(page.url + f"{made.pk}/")
    for fold in page.query_selector_all("main details"):
        fold.evaluate("fold => fold.open = true")
    check(page, "deployment")
