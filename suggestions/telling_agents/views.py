"""The pages about what agents are told: the messages of one, each of them, and addresses that are paused."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.figures import span
from audit.ground.ids import read_uuid
from audit.ground.refusals import Refusal
from audit.ground.unseen import pieces, shown
from governance.models import Agent, User
from suggestions.models import Callback, CallbackEndpoint
from suggestions.telling_agents import anew, endpoints, masking, read
from suggestions.telling_agents.send import message_of

FEW = 3  # addresses that are told of above a list
LONGEST_SHOWN = 40_000  # characters of a message
_LOOKS = {"waiting": "scheduled", "paused": "needs_attention", "sent": "succeeded", "given_up": "failed"}
_WORDS = {"waiting": "Waiting", "paused": "Waiting: paused", "sent": "Arrived", "given_up": "Given up"}


@login_required
@permission_required("governance.view_agent", raise_exception=True)
@require_safe
def listed(request: HttpRequest, name: str) -> HttpResponse:
    """What an agent was told or is to be told, the newest first."""
    agent = get_object_or_404(Agent, name=name)
    state = request.GET.get("state", "")
    state = state if state in read.STATES else ""
    before = read_uuid(request.GET.get("before", ""))
    rows = read.page(_person(request), agent, state=state, before=before)
    here = reverse("callbacks:list", args=[agent.name])
    newest = f"{here}?{urlencode({'state': state})}" if state else here
    more = len(rows) > read.PAGE
    older = urlencode({"state": state, "before": rows[read.PAGE - 1].pk}) if more else ""
    context = {
        "agent": agent,
        "rows": [_row(callback) for callback in rows[: read.PAGE]],
        "tabs": _tabs(request, agent, state, here),
        "state": state,
        "newest": newest,
        "next_url": f"{here}?{older}" if older else "",
        "previous_url": newest if before else "",
        **_first(read.endpoints(agent=agent)),
        "may_change": _person(request).has_perm("governance.change_agent"),
    }
    return render(request, "suggestions/telling_agents/list.html", context)


@login_required
@permission_required("governance.view_agent", raise_exception=True)
@require_safe
def one(request: HttpRequest, callback_id: UUID) -> HttpResponse:
    """One message: what it says, and each attempt to send it."""
    callback = _known(request, callback_id)
    text = json.dumps(message_of(callback, masking.payload(callback)), ensure_ascii=False, indent=2)
    context = {
        "callback": callback,
        "row": _row(callback),
        "agent": callback.agent,
        "payload": pieces(text[:LONGEST_SHOWN]),
        "payload_rest": max(len(text) - LONGEST_SHOWN, 0),
        "tries": [_try(tried) for tried in read.attempts(callback)],
        "earlier": max(callback.attempts - read.MOST_ATTEMPTS, 0),
        "endpoints": read.endpoints(agent=callback.agent, origin=callback.origin),
        "may_change": _person(request).has_perm("governance.change_agent"),
    }
    return render(request, "suggestions/telling_agents/one.html", context)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
def send_again(request: HttpRequest, callback_id: UUID) -> HttpResponse:
    """Send one message once more."""
    callback = _known(request, callback_id)
    try:
        anew.send_again(callback.pk, actor=actor_of(request))
    except anew.WaitsAlready as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "It is sent again. Refresh this page in a moment to see what came of it.")
    return redirect("callbacks:one", callback_id=callback.pk)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def send_failed_again(request: HttpRequest, name: str) -> HttpResponse:
    """How many were given up, and whether to send them again."""
    agent = get_object_or_404(Agent, name=name)
    if request.method == "POST":
        return _send_failed_again(request, agent)
    preview = anew.failed(agent)
    paused = {endpoint.origin for endpoint in read.endpoints(agent=agent) if endpoint.paused_at}
    context = {
        "agent": agent,
        "preview": preview,
        "per_second": anew.PER_SECOND,
        "lasts": span(preview.seconds),
        "origins": [
            {"origin": origin, "count": count, "paused": origin in paused}
            for origin, count in preview.origins.most_common()
        ],
    }
    return render(request, "suggestions/telling_agents/send_again.html", context)


def _send_failed_again(request: HttpRequest, agent: Agent) -> HttpResponse:
    until = read_uuid(request.POST.get("until", ""))
    try:
        sent = anew.send_failed_again(agent, actor=actor_of(request), until=until)
    except anew.NoneFailed as refusal:
        messages.info(request, refusal.detail)
    else:
        what = "One message is" if sent == 1 else f"{sent:,} messages are"
        messages.success(request, f"{what} sent again, at most {anew.PER_SECOND} a second to one address.")
    return redirect(f"{reverse('callbacks:list', args=[agent.name])}?state={read.UNSENT}")


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
def resume(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Try an address that was paused again, with all that is owed."""
    endpoint = get_object_or_404(CallbackEndpoint.objects.select_related("agent"), pk=endpoint_id)
    try:
        owed = endpoints.resume(endpoint.pk, actor=actor_of(request))
    except Refusal as refusal:
        messages.info(request, refusal.detail)
    else:
        what = "One message that waited is" if owed == 1 else f"{owed:,} messages that waited are"
        messages.success(request, f"The address is called again. {what} sent now.")
    return redirect("callbacks:list", name=endpoint.agent.name)


@login_required
@require_safe
def paused(request: HttpRequest) -> HttpResponse:
    """The addresses that are paused or failing: of every agent for who may see agents, else of one's own."""
    person = _person(request)
    sees_agents = person.has_perm("governance.view_agent")
    context = {
        "endpoints": read.endpoints(owner=None if sees_agents else person),
        "may_change": person.has_perm("governance.change_agent"),
        "sees_agents": sees_agents,
    }
    return render(request, "suggestions/telling_agents/paused.html", context)


def _first(endpoints: list[Any]) -> dict[str, Any]:
    """A few of them, and how many more there are on a page of their own."""
    return {"endpoints": endpoints[:FEW], "more_endpoints": len(endpoints[FEW:])}


def _known(request: HttpRequest, callback_id: UUID) -> Any:
    callback = read.one(_person(request), callback_id)
    if callback is None:
        raise Http404
    return callback


def _tabs(request: HttpRequest, agent: Agent, chosen: str, here: str) -> list[dict[str, Any]]:
    counted = read.counts(_person(request), agent)
    return [
        {
            "label": label,
            "url": f"{here}?{urlencode({'state': state})}" if state else here,
            "current": state == chosen,
            "count": counted.get(state, ""),
        }
        for state, label in {"": "All", **read.STATES}.items()
    ]


def _row(callback: Any) -> dict[str, Any]:
    """A message, as the list and its own page tell of it."""
    is_waiting = callback.status == Callback.Status.WAITING
    state = Callback.Status.PAUSED if is_waiting and callback.endpoint_paused else callback.status
    return {
        "id": callback.pk,
        "type": callback.type,
        "at": callback.created_at,
        "origin": callback.origin,
        "looks": _LOOKS[state],
        "state": _WORDS[state],
        "is_open": callback.status in (Callback.Status.WAITING, Callback.Status.PAUSED),
        "is_paused": state == Callback.Status.PAUSED,
        "next_at": callback.due_at if state == Callback.Status.WAITING else None,
        "attempts": callback.attempts,
        "proposal": callback.proposal_id,
        "sentence": shown(callback.sentence),
        "error": callback.last_error,
        "http_status": getattr(callback, "last_status", None),
    }


def _try(tried: read.Tried) -> dict[str, Any]:
    row = tried.row
    return {"number": tried.number, "row": row, "answer": pieces(row.answer) if row else []}


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # the decorators let nobody else in
