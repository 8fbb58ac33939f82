"""What axe says of a page, at any width, in light and dark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.browser.conftest import HERE, WIDTHS
from tests.browser.desk import drawn

SHOTS = os.environ.get("SHOTS", "")  # a folder to look at the pages in

AXE = (HERE / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # all else is the same in both themes
_STILL = """() => Promise.all(document.getAnimations()
    .filter(a => a instanceof CSSTransition).map(a => a.finished.catch(() => null))).then(() => 0)"""
_RUN = "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})"


def troubles(page: Any, *rules: str) -> list[str]:
    """What axe finds on the page as it is now, by these rules or by all."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}
    found = page.evaluate(_RUN, only)["violations"]
    return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found for n in v["nodes"]]


def check(page: Any, what: str) -> None:
    """At every width and in both themes, on the page as it is now."""
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme, rules in (("light", []), ("dark", OF_COLOURS)):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.evaluate(_STILL)
            assert troubles(page, *rules) == [], f"{what}, {width} px, {theme}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{what}, {width} px"


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            for width, height in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": height})
                drawn(page).screenshot(path=Path(SHOTS) / f"{name}-{width}-{theme}.png")
