"""The pages of policies in a real browser: the editor leads to mistakes, and everybody can use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from governance.models import PolicyVersion
from governance.policies import lifecycle
from tests.browser.looks import check
from tests.conftest import in_force

Visit = Callable[..., Any]
OLD = """version: 1
defaults: {verdict: review, team: operations, decide_within: 4h}
rules:
  - name: large-refund
    when: action.name == "refund_payment" && args.amount > 500.0
    then: {verdict: review, decide_within: 45m, priority: 80, reason: "Above 500"}
"""
NEW = OLD.replace("500.0", "400.0").replace("priority: 80", "approvals: 2")


@pytest.fixture
def versions(ana: Any, olga: Any) -> list[PolicyVersion]:
    first, active = in_force(OLD.replace("500.0", "600.0")), in_force(OLD)
    waiting, _ = lifecycle.draft(NEW, author=olga, note="Hidden \u202e and <b>bold</b> " + "x" * 200)
    lifecycle.mark_validated(waiting, {"proposals": 1234}, actor=SYSTEM)
    return [first, active, waiting]


def test_the_list_of_policies(visit: Visit, versions: Any, olga: Any) -> None:
    check(visit(olga, "/governance/policies/"), "policies")


def test_no_policy_yet(visit: Visit, ana: Any, olga: Any) -> None:
    check(visit(olga, "/governance/policies/"), "no policies")


@pytest.mark.parametrize("number", [1, 2])
def test_one_policy(visit: Visit, versions: Any, olga: Any, number: int) -> None:
    check(visit(olga, f"/governance/policies/{versions[number].pk}/"), "a policy")


def test_the_difference_of_two(visit: Visit, versions: Any, olga: Any) -> None:
    first, _, last = versions
    check(visit(olga, f"/governance/policies/diff/?a={first.pk}&b={last.pk}"), "difference")


def test_the_editor_with_mistakes(visit: Visit, versions: Any, olga: Any) -> None:
    page = visit(olga, "/governance/policies/new/")
    page.fill("#policy-text", NEW.replace("args.amount", "agent.nmae").replace("approvals", "aprovals"))
    page.wait_for_selector(".mistakes li >> nth=1")
    check(page, "editor")


def test_a_mistake_is_marked_while_one_writes_and_leads_to_its_line(
    visit: Visit, versions: Any, olga: Any
) -> None:
    page = visit(olga, "/governance/policies/new/")
    assert page.input_value("#policy-text") == OLD
    assert page.locator(".gutter span").count() == len(OLD.split("\n"))
    page.fill("#policy-text", OLD.replace("args.amount", "agent.nmae"))
    page.wait_for_selector("text=1 mistake")
    assert page.locator(".gutter .is-wrong").all_inner_texts() == ["5"]

    page.focus(".mistakes a")
    page.keyboard.press("Enter")

    chosen = "a => a.value.slice(a.selectionStart, a.selectionEnd)"
    assert page.locator("#policy-text").evaluate(chosen) == "agent.nmae > 500.0"
    page.keyboard.type("args.amount > 450.0")
    page.wait_for_selector("text=No mistake: 1 rule")
    assert page.locator(".gutter .is-wrong").count() == 0
    page.fill("#policy-note", "Sooner.")
    page.click("text=Keep as a draft")
    page.wait_for_selector("text=It changes nothing yet")
    assert "450.0" in PolicyVersion.objects.get(note="Sooner.").text


def test_without_scripts_a_faulty_text_comes_back_whole(
    visit: Visit, versions: Any, olga: Any, watch: Any
) -> None:
    watch.expected.append("422")
    page = visit(olga, "/governance/policies/new/", java_script_enabled=False)
    wrong = OLD.replace("args.amount", "agent.nmae")
    page.fill("#policy-text", wrong)
    page.fill("#policy-note", "Kept?")
    page.click("text=Keep as a draft")
    assert page.input_value("#policy-text") == wrong
    assert page.input_value("#policy-note") == "Kept?"
    assert page.locator(".mistakes a").inner_text() == "Line 5, column 46"
