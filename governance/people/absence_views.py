"""Out of office: one's own page under the account, and the operators' page of everybody's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.door.deciders import DECIDES
from governance.models import Absence, User
from governance.models.absences import AbsenceQuerySet
from governance.people import absences
from governance.people.absences import CHANGE

SHOWN = 50
SKIPPED = "proposal.escalation_skipped"


@login_required
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """When one is away and who stands in; and for whom one stands in."""
    person = _person(request)
    if request.method == "POST":
        return _set_out(request, person, "absence")
    return _page(request, "governance/people/absence.html", _own(person))


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def everybody(request: HttpRequest) -> HttpResponse:
    """Who is away, and what could not be escalated because nobody would have answered."""
    if request.method == "POST":
        found = User.objects.filter(pk=_number(request.POST.get("person", ""))).first()
        return _set_out(request, found, "governance:absences")
    return _page(request, "governance/people/absences.html", _everybody())


@login_required
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_POST
def end(request: HttpRequest, absence_id: UUID) -> HttpResponse:
    """Back at work before its time, or not leaving at all."""
    person = _person(request)
    absence = get_object_or_404(_seen_by(person), pk=absence_id)
    try:
        absences.end(absence, by=person, actor=actor_of(request))
        messages.success(request, f"{absence.person.printed_name} is not out of office any more.")
    except absences.NotYourAbsence as refusal:
        raise PermissionDenied from refusal
    except absences.NothingToEnd as refusal:
        messages.info(request, refusal.detail)
    return redirect("absence" if absence.person_id == person.pk else "governance:absences")


def _set_out(request: HttpRequest, person: User | None, back: str) -> HttpResponse:
    try:
        if person is None:
            raise Invalid.field("/person", "Choose who is out of office.")
        found = absences.set_out(
            person,
            deputy=_deputy(request.POST.get("deputy", "")),
            since=_moment(request.POST.get("since", ""), "/since"),
            until=_moment(request.POST.get("until", ""), "/until", needed=True) or datetime.now(UTC),
            reason=request.POST.get("reason", "").strip(),
            by=_person(request),
            actor=actor_of(request),
        )
    except Invalid as refusal:
        problems = [error["detail"] for error in refusal.errors]
    except absences.NotYourAbsence as refusal:
        raise PermissionDenied from refusal
    else:
        messages.success(request, f"{found.deputy.printed_name} stands in for {found.person.printed_name}.")
        return redirect(back)
    own_page = back == "absence"
    context = _own(_person(request)) if own_page else _everybody()
    template = "governance/people/absence.html" if own_page else "governance/people/absences.html"
    return _page(request, template, {**context, "problems": problems, "typed": request.POST}, status=422)


def _seen_by(person: User) -> AbsenceQuerySet:
    return Absence.objects.visible_to(person).select_related("person", "deputy")


def _own(person: User) -> dict[str, Any]:
    planned = _seen_by(person).coming_or_running().order_by("since")
    return {
        "mine": list(planned.filter(person=person)[:SHOWN]),
        "for_others": list(planned.filter(deputy=person)[:SHOWN]),
        "may_leave": person.has_perm(DECIDES),
        "deputies": absences.possible_deputies(besides=person),
    }


def _everybody() -> dict[str, Any]:
    planned = Absence.objects.coming_or_running().select_related("person", "deputy").order_by("since")
    people = absences.possible_deputies()
    return {"everybody": planned[:SHOWN], "people": people, "deputies": people, "skipped": _skipped()}


def _skipped() -> list[dict[str, Any]]:
    """The last escalations that led nowhere because nobody there may decide."""
    events = Event.objects.filter(type=SKIPPED).order_by("-id")[:SHOWN]
    told = [(event, json.loads(event.body)["data"]) for event in events]
    return [
        {"proposal": event.proposal_id, "at": event.at, "from": data["from"], "to": data["to"]}
        for event, data in told
        if data["why"] == "nobody there may decide"
    ][:10]


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, template, {"now": datetime.now(UTC), **context}, status=status)


def _deputy(typed: str) -> User:
    found = User.objects.filter(pk=_number(typed)).first()
    if found is None:
        raise Invalid.field("/deputy", "Choose who stands in.")
    return found


def _number(typed: str) -> int:
    return whole(typed, most=10**9) or 0


def _moment(typed: str, pointer: str, *, needed: bool = False) -> datetime | None:
    """A moment as a browser's field for it says it, in UTC."""
    if not typed.strip() and not needed:
        return None
    try:
        moment = datetime.fromisoformat(typed.strip())
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid.field(pointer, "Say a day and a time.") from error


def _person(request: HttpRequest) -> Any:
    return request.user
