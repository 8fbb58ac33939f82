"""What every page shares: the way around, where a person begins, and what an error looks like."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from approvals.desk import confirm
from approvals.live import banners
from approvals.showing import initials
from approvals.telling import bell
from audit.asking.who import actor_of
from audit.log import counted
from execution.running import heartbeats
from governance.door.deciders import DECIDES
from governance.models import User
from governance.people import people
from governance.trust import halts
from reviewapp.web import incoming, problems, signed_out, waits
from reviewapp.web.frame import Frame, frame_of

EXECUTIONS = "/executions/"
INCIDENTS = "/incidents/"
PLACES = (
    ("Queue", "/queue/", "suggestions.view_proposal"),
    ("History", "/queue/history/", "suggestions.view_proposal"),
    ("Executions", EXECUTIONS, "execution.view_execution"),
    ("Incidents", INCIDENTS, "governance.view_incident"),
    ("Governance", "/governance/", "governance.view_policyversion"),
    ("Audit", "/audit/", "audit.view_event"),
)
# The pages under Governance; the first that a person may see is where it begins.
GOVERNANCE = (
    ("Policies", "/governance/policies/", "governance.view_policyversion"),
    ("Agents", "/governance/agents/", "governance.view_agent"),
    ("Deployments", "/governance/deployments/", "governance.view_deployment"),
    ("Kill switches", "/governance/halts/", "governance.view_halt"),
    ("Autonomy", "/governance/autonomy/", "governance.view_autonomy"),
    ("Effects", "/governance/effects/", "governance.view_autonomy"),
    ("Checks", "/governance/checks/", "approvals.view_checkplan"),
    ("Action types", "/governance/action-types/", "governance.view_actiontype"),
    ("Secrets", "/governance/secrets/", "governance.view_secret"),
    ("Standing approvals", "/governance/standing/", "governance.view_standingapproval"),
    ("People", "/governance/people/", "governance.change_user"),
    ("Access", "/governance/access/", "governance.view_accessreview"),
    ("Out of office", "/governance/out-of-office/", "governance.change_absence"),
    ("Simulator", "/governance/simulator/", "governance.view_policyversion"),
    ("Backtests", "/governance/backtests/", "governance.view_policyversion"),
)
# Who may do the first of these begins there.
BEGINNINGS = (
    (DECIDES, "/queue/"),
    ("audit.export_event", "/audit/"),
    ("execution.attend_execution", "/executions/"),
    ("suggestions.view_proposal", "/queue/"),
)
_log = structlog.get_logger(__name__)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """For the frame of every page; nothing is asked of the database before a template wants it."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"demo": settings.DEMO}
    frame = cache(lambda: frame_of(user))
    return {
        "navigation": SimpleLazyObject(lambda: _navigation(request, frame())),
        "section": SimpleLazyObject(lambda: _section(request)),
        "banner": SimpleLazyObject(lambda: _banner(frame())),
        "confirmed": SimpleLazyObject(lambda: confirm.confirmed(request)),
        "bell": SimpleLazyObject(lambda: bell.drawn(frame().unread)),
        "decided_today": SimpleLazyObject(lambda: frame().decided_today),
        "demo": settings.DEMO,
        "display_name": user.printed_name,
        "own_initials": initials.plain(user.printed_name),
        "roles": SimpleLazyObject(lambda: people.known_roles_of(user)),
    }


def _section(request: HttpRequest) -> list[dict[str, Any]]:
    """The pages beside this one, where it belongs to a section."""
    if not request.path.startswith("/governance/"):
        return []
    places = _places(request, GOVERNANCE)
    waiting = waits.behind([place["url"] for place in places], cast(User, request.user))
    return [place | waiting.get(place["url"], {}) for place in places]


def _navigation(request: HttpRequest, frame: Frame) -> list[dict[str, Any]]:
    waiting = {EXECUTIONS: frame.executions, INCIDENTS: frame.incidents}
    places = _places(request, PLACES)
    return [place | waits.in_words(place["url"], waiting.get(place["url"], 0)) for place in places]


def _banner(frame: Frame) -> banners.Banner:
    return banners.drawn(halts.on() if frame.halted else [], heartbeats.in_words(frame.ages))


def _places(request: HttpRequest, places: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    # One address may stand below another: the longest that fits is where we are.
    here = max((url for _, url, _ in places if request.path.startswith(url)), key=len, default="")
    open_ones = [(label, url) for label, url, permission in places if request.user.has_perm(permission)]
    return [{"label": label, "url": url, "current": url == here} for label, url in open_ones]


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """To where this person's work is."""
    for permission, url in BEGINNINGS:
        if request.user.has_perm(permission):
            return redirect(url)
    raise PermissionDenied


@login_required
@require_safe
def banner(request: HttpRequest) -> HttpResponse:
    """What stands above every page now, for one whose socket does not open."""
    return HttpResponse(banners.banner().html)


@login_required
@require_safe
def governance(request: HttpRequest) -> HttpResponse:
    """To the first page of governance that this person may see."""
    for place in _places(request, GOVERNANCE):
        return redirect(place["url"])
    raise PermissionDenied


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The session ended meanwhile, or began anew: a page keeps what it has, a form is shown again."""
    _note_refusal(request)
    if request.headers.get("HX-Request"):
        status = 403 if request.user.is_authenticated else 401
        return HttpResponse(status=status, headers={"X-Refused": "page-too-old"})
    if held := signed_out.sent_again(request):
        return held
    return _error(request, 403, "403_csrf.html", "PermissionDenied", "The form is too old or not ours.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    said = str(exception) if isinstance(exception, incoming.BadForm) else ""
    if problems.is_for_api(request):
        return problems.answer(400, "Malformed", said or "The request makes no sense to the server.")
    return render(request, "400.html", {"said": said}, status=400)


def refused(request: HttpRequest) -> HttpResponse:
    """What came was stopped at the gate; in words, for a program or a person."""
    why: incoming.Refused = request.META[incoming.REFUSED]
    if problems.is_for_api(request):
        errors = [{"pointer": why.where, "detail": why.detail}] if why.where else []
        response: HttpResponse = problems.answer(why.status, why.kind, why.detail, errors=errors)
    else:
        text = render_to_string(
            "400.html", {"said": f"{why.detail} Nothing was changed.", "code": why.status}
        )
        response = HttpResponse(text, status=why.status)
    if why.closes:
        response.headers["Connection"] = "close"
    return response


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    _note_refusal(request)
    return _error(request, 403, "403.html", "PermissionDenied", "Your role does not allow this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404, "404.html", "NotFound", "There is nothing here that you may see.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the request's context, which may be what failed."""
    error = sys.exc_info()[1]
    away = isinstance(error, DatabaseError | InterfaceError) and problems.alarm(error)
    if problems.is_for_api(request):
        kind, detail = (
            ("Unavailable", "The database is not available.") if away else ("ServerError", problems.BROKE)
        )
        return problems.answer(503 if away else 500, kind, detail)
    return HttpResponse(render_to_string("503.html" if away else "500.html"), status=503 if away else 500)


def _error(request: HttpRequest, status: int, template: str, kind: str, sentence: str) -> HttpResponse:
    if problems.is_for_api(request):
        return problems.answer(status, kind, sentence)
    return render(request, template, status=status)


def _note_refusal(request: HttpRequest) -> None:
    """A signed-in person was refused; strangers are sent to sign in and leave no line."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return
    match = request.resolver_match
    data = {
        "status": 403,
        "method": request.method,
        "route": match.route if match else "",
        "request": getattr(request, "request_id", ""),
    }
    try:
        counted.of_known(actor_of(request), data)
    except DatabaseError:
        _log.exception("refusal not recorded", status=403)
