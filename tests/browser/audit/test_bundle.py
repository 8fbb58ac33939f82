"""An auditor asks for a bundle in the browser, and checks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit.sealing.keys import signers
from audit.sealing.verifier import Bundle, check_bundle
from tests.browser.looks import check, shoot
from tests.sealed import seal_all

Visit = Callable[..., Any]


def test_a_bundle_is_chosen_downloaded_and_true(
    visit: Visit, propose: Callable[..., Any], dora: Any, tmp_path: Path
) -> None:
    for number in range(3):
        propose(title=f"Refund \u202e{number} <b>now</b>")
    seal_all()
    page = visit(dora, "/audit/?type=proposal.")
    page.get_by_role("link", name="Evidence bundle").click()
    page.wait_for_url("**/audit/bundle/**")
    assert page.get_by_label("What happened").input_value() == "proposal."
    check(page, "evidence bundle")
    shoot(page, "bundle")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "evidence.zip"
    saved.value.save_as(file)
    said = check_bundle(Bundle(file), [signers("localhost:8000/log")[0].public], [])
    assert any(one.startswith("All 3 entries") for one in said)


def test_what_is_wrong_is_said_and_nothing_is_lost(
    visit: Visit, watch: Any, propose: Callable[..., Any], dora: Any
) -> None:
    watch.expected.append("400 (Bad Request)")
    propose()
    seal_all()
    page = visit(dora, "/audit/bundle/")
    page.get_by_label("A checkpoint that you kept").fill("not a checkpoint <b>")
    page.get_by_label("Proposal").fill("12345")
    page.get_by_role("button", name="Download").click()
    assert "must be the identifier of a proposal" in page.get_by_role("alert").first.inner_text()
    assert page.get_by_label("A checkpoint that you kept").input_value() == "not a checkpoint <b>"
    check(page, "evidence bundle that was refused")


def test_there_is_nothing_to_take_yet(visit: Visit, dora: Any) -> None:
    check(visit(dora, "/audit/bundle/"), "no evidence yet")
