"""What is drawn of a workflow."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from django.template.loader import render_to_string

from governance.workflows.picture import WIDTH, picture

HTTP = {"kind": "http", "url": "http://shop.internal/orders/{order_id}"}
WHOLE: dict[str, Any] = {
    "currency": "EUR",
    "budget": 5,
    "within": "2h",
    "look": {"route": {**HTTP, "method": "GET"}, "says": "the shop"},
    "require": "look.json.refundable >= args.amount",
    "stale_when": ["look.json.owner"],
    "steps": [
        {
            "name": "refund",
            "if": "args.amount > 0.0 && '<script>' != \"&\"",
            "routes": [
                {**HTTP, "headers": {"authorization": "Bearer {secret:shop-token}"}, "cost": "0.02"},
                {"kind": "mcp", "url": "http://shop.internal:8000/mcp", "tool": "issue_refund"},
                {"kind": "handback", "to": {"team": "Payments"}, "within": "4h"},
            ],
            "verify": {"route": {**HTTP, "method": "GET"}, "expect": "response.json.refunded >= args.amount"},
            "await": {"signal": "settled", "within": "2d"},
            "undo": {"routes": [HTTP]},
        },
        {"name": "tell", "routes": [{"kind": "python", "callable": "shop.tell"}], "retry": {"attempts": 1}},
    ],
}


def drawn(workflow: Any, states: dict[str, str] | None = None) -> str:
    return render_to_string("governance/workflows/_picture.html", {"picture": picture(workflow, states)})


def test_everything_that_happens_is_drawn_in_order_and_in_words() -> None:
    shown = picture(WHOLE)
    assert shown is not None
    told = [f"{line.label} {line.text}".strip() for line in shown.texts]
    for said in (
        "Look first: what the shop says",
        "Step 1: refund",
        "HTTP POST shop.internal:80",
        "MCP server shop.internal:8000",
        "Costs 0.02 EUR an attempt",
        "Uses the secret shop-token",
        "By hand: the team Payments",
        "Wait for the event settled",
        "Step 2: tell",
        "Tries each route once",
    ):
        assert said in told
    assert told.index("First") < told.index("Otherwise, 2.") < told.index("Otherwise, 3.")
    assert [b.shape for b in shown.boxes] == (
        [
            "begin",
            "look",
            "premise",
            "step",
            *["route"] * 3,
            "question",
            "wait",
            "undo",
            "step",
            "route",
            "end",
        ]
    )
    assert shown.limits[:2] == ["After 2 h a person is asked.", "Its attempts may cost 5 EUR together."]


def test_who_sees_to_it_is_said() -> None:
    for attend, told in [
        ({"team": "Pay", "within": "2h"}, "the team Pay is asked to see to it within 2 h, then operators."),
        ({"within": "2h"}, "its proposal’s team is asked to see to it within 2 h, then operators."),
        ({"team": "Pay"}, "the team Pay is asked to see to it."),
    ]:
        shown = picture({**WHOLE, "attend": attend})
        assert shown is not None
        assert shown.limits[-1] == f"If it needs attention, {told}"


def test_boxes_hold_their_words_and_never_overlap() -> None:
    shown = picture(WHOLE)
    assert shown is not None
    outer = [box for box in shown.boxes if box.shape in ("begin", "look", "premise", "step", "end")]
    for above, below in pairwise(outer):
        assert above.y + above.height < below.y
    for line in shown.texts:
        assert any(b.y < line.y <= b.y + b.height and b.x <= line.x <= b.x + b.width for b in outer)
    assert all(box.x >= 0 and box.x + box.width <= WIDTH for box in shown.boxes)
    assert max(box.y + box.height for box in shown.boxes) <= shown.height


def test_it_is_svg_that_names_itself_and_escapes_what_it_shows() -> None:
    html = drawn({**WHOLE, "require": "'\u202e</svg>' != ''"})
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # ours
    named = svg.attrib["aria-labelledby"].split()
    assert [part.attrib["id"] for part in svg[:2]] == named
    assert [part.tag for part in svg[:2]] == ["title", "desc"]
    assert "[U+202E]</svg>" in (svg[1].text or "")
    assert "<script>" in "".join(svg.itertext())
    assert "<script" not in html


def test_the_steps_of_an_execution_say_how_they_stand() -> None:
    html = drawn(WHOLE, {"refund": "completed", "tell": "asked for"})
    for said in ("✓ completed", "is-completed", "asked for", "It is completed."):
        assert said in html


def test_long_words_stay_within_their_lines() -> None:
    shown = picture({"steps": [{"name": "a", "if": f"args.{'x' * 300} == '{'語' * 80}'", "routes": [HTTP]}]})
    assert shown is not None
    codes = [line.text for line in shown.texts if line.kind == "code"]
    assert max(len(text) + text.count("語") for text in codes) <= 48
    assert "".join(codes).count("x") == 300


def test_what_can_not_be_read_any_more_is_not_drawn() -> None:
    assert "can’t be drawn" in drawn({"steps": []})
