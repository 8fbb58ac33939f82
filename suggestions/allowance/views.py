"""The page of one agent: what it may ask for, what of that is used, and its keys."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from audit.asking.who import actor_of
from audit.ground import hours
from audit.ground.figures import span
from audit.ground.refusals import Invalid
from governance.agents import boundaries, callback_secret
from governance.agents.agents import ChangedMeanwhile, digest_of, set_boundaries
from governance.agents.boundaries import BoundariesUnreadable
from governance.agents.rate import Left
from governance.door import keys
from governance.door.secret_forms import LASTING, OVERLAPS, row_of
from governance.models import Agent, Deployment
from suggestions.allowance import allowance
from suggestions.allowance.form import WINDOWS, Form, Row, action_names
from suggestions.models import CallbackEndpoint

A_UNIT = {"minute": "a minute", "hour": "an hour", "day": "a day"}
BOUNDARIES = {
    "enabled": "It is disabled",
    "active_hours": "Hours",
    "rate": "Rate",
    "action_types": "Actions it may propose",
    "deployment": "Deployment",
    "data_classes": "Classes of data",
    "budget": "Budget",
    "boundaries": "Boundaries that can't be read",
}
KEYS_SHOWN = 50
REFUSALS_SHOWN = 20
# Among an agent's last so many events, so that a long life costs no more than a short one.
LOOKED_AT = 2_000
_REFUSALS = """
SELECT at, body::jsonb -> 'data' FROM (
    SELECT at, type, actor, body FROM audit_event WHERE actor_name = %(name)s ORDER BY id DESC LIMIT %(few)s
) AS newest
 WHERE type = 'request.refused' AND actor = %(actor)s AND body::jsonb -> 'data' ? 'boundary'
 ORDER BY at DESC LIMIT %(shown)s
"""


@login_required
@permission_required("governance.view_agent", raise_exception=True)
@require_safe
def agent(request: HttpRequest, name: str) -> HttpResponse:
    """What an agent may ask for, what of that is used now, its keys and its last refusals."""
    found = get_object_or_404(Agent.objects.select_related("owner"), name=name)
    own_keys = [row_of(key) for key in keys.newest_first(found.keys.all())[:KEYS_SHOWN]]
    context = {
        "agent": found,
        "owner": found.owner.printed_name,
        "may_change": request.user.has_perm("governance.change_agent"),
        "may_halt": request.user.has_perm("governance.throw_halt"),
        "keys": own_keys,
        "live_keys": sum(key["live"] for key in own_keys),
        "lasting": LASTING,
        "overlaps": OVERLAPS,
        "refusals": _refusals(found),
        "callback_secrets": callback_secret.in_force(found),
        "endpoints": CallbackEndpoint.objects.paused().filter(agent=found).order_by("-paused_at")[:3],
        **_allowed(found),
    }
    return render(request, "governance/agents/agent.html", context)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def change_boundaries(request: HttpRequest, name: str) -> HttpResponse:
    """The boundaries of an agent as a form; what was typed stays until it is right."""
    found = get_object_or_404(Agent, name=name)
    if request.method != "POST":
        return _form(request, found, _set_now(found), {})
    form = Form.sent(request.POST)
    try:
        limits = boundaries.read(form.as_limits())
        changed = set_boundaries(found, limits, actor=actor_of(request), seen=form.seen)
    except Invalid as refusal:
        return _form(request, found, form, form.place(refusal.errors), status=422)
    except ChangedMeanwhile as refusal:
        form.seen = digest_of(Agent.objects.get(pk=found.pk))
        problem = f"{refusal.detail} Below is what you wrote; save again to replace theirs."
        return _form(request, found, form, {"form": problem}, status=409)
    messages.success(request, "The boundaries are set." if changed else "Nothing was changed.")
    return redirect("agents:agent", name=found.name)


def _set_now(agent: Agent) -> Form:
    """What is set; where that can't be read, a form to set it anew."""
    try:
        return Form.of(agent)
    except BoundariesUnreadable:
        return Form(seen=digest_of(agent), enabled=False)


def _form(
    request: HttpRequest, agent: Agent, form: Form, errors: dict[str, str], *, status: int = 200
) -> HttpResponse:
    used = _used(agent)
    names = action_names([*form.actions, *(row.action for row in form.budgets if row.action)])
    context = {
        "agent": agent,
        "form": form,
        "errors": errors,
        "actions": [{"name": name, "chosen": name in form.actions} for name in names],
        "action_names": names,
        "rates": [
            {"unit": unit, "a_unit": A_UNIT[unit], "count": count, "error": errors.get(f"rate-{unit}")}
            for unit, count in form.rates.items()
        ],
        "usual_rate": boundaries.NONE.rates_in_force[0],
        "budgets": [
            {"n": n, "row": row, "problems": _problems_of(n, errors), "used": used.get(row.names)}
            for n, row in form.lines()
        ],
        "windows": WINDOWS,
        "days": [
            {"day": day, "name": hours.days_told((day,)), "chosen": day in form.days} for day in hours.DAYS
        ],
        "zones": sorted(available_timezones()),
        "active_deployment": _active_deployment(agent),
    }
    return render(request, "governance/agents/boundaries.html", context, status=status)


def _used(agent: Agent) -> dict[tuple[str, str, str], str]:
    """What is used of the budgets that are set, by what names them in the form."""
    try:
        uses = allowance.budgets(agent)
    except BoundariesUnreadable:
        return {}
    return {Row.of(use.budget).names: f"{use.used_words} of {use.most_words}" for use in uses}


def _problems_of(n: int, errors: dict[str, str]) -> list[str]:
    return [text for name, text in errors.items() if name.startswith(f"budget-{n}-")]


def _allowed(agent: Agent) -> dict[str, Any]:
    """What is allowed and what of it is used, for the page to print."""
    try:
        limits = boundaries.limits_of(agent)
    except BoundariesUnreadable:
        return {"limits": None}
    at_work = limits.active_hours
    now = allowance.database_now()
    return {
        "limits": limits,
        "rates": [_rate(rate) for rate in allowance.rates(agent)],
        "budgets": allowance.budgets(agent),
        "hours": at_work.week if at_work else None,
        "at_work": at_work.week.covers(now) if at_work else True,
        "active_deployment": _active_deployment(agent),
    }


def _rate(left: Left) -> dict[str, Any]:
    unit = left.rate.partition("/")[2]
    used = None if left.left is None else left.most - left.left
    return {
        "rate": left.rate,
        "unit": unit,
        "a_unit": A_UNIT.get(unit, unit),
        "most": left.most,
        "most_words": f"{left.most:,}",
        "used": used,
        "used_words": "" if used is None else f"{used:,}",
        "ends_in": "" if left.ends_in is None else span(math.ceil(left.ends_in)),
        "high": left.most * 0.8,
    }


def _active_deployment(agent: Agent) -> str:
    labels = Deployment.objects.active().filter(agent=agent).values_list("label", flat=True)
    return labels.first() or ""


def _refusals(agent: Agent) -> list[dict[str, Any]]:
    """The last times that it hit a boundary."""
    with connection.cursor() as cursor:
        cursor.execute(
            _REFUSALS,
            {"name": agent.name, "actor": f"agent:{agent.pk}", "few": LOOKED_AT, "shown": REFUSALS_SHOWN},
        )
        return [_refusal(at, json.loads(data)) for at, data in cursor.fetchall()]


def _refusal(at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    words = BOUNDARIES.get(data["boundary"], data["boundary"])
    return {"at": at, "words": words, "actions": data.get("actions", []), "count": data.get("count", 1)}
