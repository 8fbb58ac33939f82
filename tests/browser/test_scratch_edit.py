from __future__ import annotations
from typing import Any
from audit.actors import SYSTEM
from governance.action_types import register
from tests.browser.conftest import live
from tests.browser.test_looks import troubles
from tests.conftest import in_force

BOOKING = {
    "name": "change_booking",
    "schema": {
        "type": "object",
        "properties": {
            "booking": {"type": "string", "title": "Booking", "description": "As printed on the ticket."},
            "amount": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01, "maximum": 5000, "title": "Amount to charge"},
            "bags": {"type": "integer", "minimum": 0, "maximum": 5, "title": "Bags"},
            "cabin": {"title": "Cabin", "oneOf": [{"const": "eco", "title": "Economy"}, {"const": "biz", "title": "Business"}]},
            "insured": {"type": "boolean", "title": "With insurance"},
            "day": {"type": "string", "format": "date", "title": "Day of travel"},
            "until": {"type": "string", "format": "date-time", "title": "Hold until"},
            "mail": {"type": "string", "format": "email", "title": "Mail", "x-sensitive": True},
            "note": {"type": ["string", "null"], "title": "Note to customer", "maxLength": 500},
            "passengers": {"type": "array", "title": "Passengers", "minItems": 1, "items": {"type": "object", "title": "Passenger",
                "properties": {"name": {"type": "string", "title": "Name"}, "age": {"type": "integer", "title": "Age", "minimum": 0}}, "required": ["name"]}},
            "pay": {"title": "Payment", "oneOf": [
                {"title": "Card", "type": "object", "properties": {"via": {"const": "card"}, "last4": {"type": "string", "pattern": "^[0-9]{4}$"}}, "required": ["via", "last4"]},
                {"title": "Voucher", "type": "object", "properties": {"via": {"const": "voucher"}, "code": {"type": "string"}}, "required": ["via", "code"]}]},
        },
        "required": ["booking", "amount", "passengers"],
    },
    "annotations": {"destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
    "reversibility": "reversible",
    "template": "Change booking {booking} for {amount}",
}
ARGS = {"booking": "HAT\u202e156", "amount": 842.1, "bags": 2, "cabin": "eco", "insured": True, "day": "2026-12-24", "until": "2026-11-24T12:00:00Z",
    "mail": "yusuf@example.com", "note": "We moved your flight, as you asked. " * 12, "passengers": [{"name": "Yusuf Rossi", "age": 41}, {"name": "Mei Davis"}],
    "pay": {"via": "card", "last4": "9513"}, "seat_map": {"row": [12, "14C"]}}

def shots(page: Any, name: str) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for w, h in ((390, 844), (768, 1024), (1440, 900)):
            page.set_viewport_size({"width": w, "height": h})
            page.wait_for_timeout(150)
            page.screenshot(path=f"/tmp/edit-shots/{name}-{w}-{theme}.png", full_page=(w == 390))
            t = troubles(page)
            if t: print(name, w, theme, t)
            if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"): print("WIDE", name, w)

def test_shots(visit: Any, propose: Any, ana: Any, olga: Any) -> None:
    import os
    os.makedirs("/tmp/edit-shots", exist_ok=True)
    register(BOOKING, actor=SYSTEM)
    in_force("""version: 1
defaults: {verdict: review, team: operations}
rules:
  - name: large
    when: args.amount > 1000.0
    then: {verdict: review, team: finance, approvals: 2, reason: "Above 1000"}
""")
    p = propose(suggestions=[{"rank": 1, "action": "change_booking", "arguments": ARGS, "confidence": .8, "explanation": "The airline moved it."}])
    page = live(visit(ana, f"/queue/{p.pk}/edit/"))
    shots(page, "form")
    page.locator("[name='v.r-1']").fill("1200.50")
    page.get_by_label("Note to customer", exact=True).fill("We moved your flight, as we talked about. " + "We moved your flight, as you asked. " * 11)
    page.locator(".edit-check").click()
    page.locator("[data-answer]").wait_for()
    shots(page, "checked")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("[name='v.r-1']").fill("6000")
    page.evaluate("document.querySelector('#edit').noValidate = true")
    page.locator(".edit-check").click()
    page.locator(".edit-wrong").wait_for()
    shots(page, "wrong")
    page.locator("[value='json']").click()
    page.locator("#edit-json").wait_for()
    shots(page, "json")
