"""The offer to undo what was done, as pages show it: the exact calls, and who has agreed to them."""

from __future__ import annotations

import json
from typing import Any

from django.urls import reverse

from audit.ground.unseen import Piece, pieces, shown
from execution.healing import compensation
from execution.models import Compensation, Execution
from governance.models import User

_NAMES = {"url": "Address", "method": "Method", "arguments": "Arguments", "body": "Body", "error": "Mistake"}
_LEFT_OUT = {"kind", "route"}  # what the heading of a call says already


def offer_for(execution: Execution, reader: User) -> dict[str, Any] | None:
    """The offer that is open for an execution that needs attention; None where there is none."""
    if execution.status != Execution.Status.NEEDS_ATTENTION or execution.undoing:
        return None
    offers = Compensation.objects.filter(execution=execution.pk, status=Compensation.Status.OFFERED)
    offer = offers.first()
    if offer is None:
        return None
    asked = compensation.may_answer(execution, reader)
    own = asked and compensation.is_own_agents(execution, reader)
    approved = any(one["user"] == str(reader.pk) for one in offer.approvals)
    return {
        "digest": offer.digest,
        "steps": [_step(call) for call in offer.calls],
        "approvals": [{"by": shown(one["name"]), "reason": pieces(one["reason"])} for one in offer.approvals],
        "approvals_needed": offer.approvals_needed,
        "approved_by_reader": asked and approved,
        "of_own_agent": own,
        "approve_url": reverse("execution:approve-undo", args=[execution.pk])
        if asked and not own and not approved
        else "",
        "decline_url": reverse("execution:decline-undo", args=[execution.pk]) if asked else "",
    }


def _step(call: dict[str, Any]) -> dict[str, Any]:
    return {"name": shown(call["step"]), "routes": [_route(route) for route in call["routes"]]}


def _route(route: dict[str, Any]) -> dict[str, Any]:
    told = [(name, value) for name, value in route.items() if name not in _LEFT_OUT]
    return {
        "name": shown(route["route"]),
        "lines": [(_NAMES.get(name, shown(name).capitalize()), _value(value)) for name, value in told],
    }


def _value(value: Any) -> list[Piece]:
    return pieces(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1))
