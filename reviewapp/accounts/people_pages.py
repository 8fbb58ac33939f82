"""People, for operators: who there is, inviting somebody, and a link for who forgot their password."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals.desk import confirm
from audit.asking.who import actor_of
from governance.door import links
from governance.door.roles import AUDITOR, REVIEWER
from governance.models import Team, User
from governance.people.people import PersonRefused, create_without_password

PAGE = 100
INVITED = (REVIEWER, AUDITOR)  # whom an operator may invite on a page


@login_required
@permission_required("governance.view_user", raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Everybody, by name."""
    q = request.GET.get("q", "").strip()[:100]
    found = User.objects.order_by("username").prefetch_related("groups", "teams")
    if q:
        found = found.filter(username__icontains=q) | found.filter(email__icontains=q)
    after = request.GET.get("after", "")[:150]
    people = list(found.filter(username__gt=after)[: PAGE + 1])
    may_change = request.user.has_perm("governance.change_user")
    rows = [_row(person, _person(request) if may_change else None) for person in people[:PAGE]]
    following = f"?{urlencode({'q': q, 'after': people[PAGE - 1].username})}" if len(people) > PAGE else ""
    context = {"people": rows, "q": q, "may_change": may_change, "following": following}
    return render(request, "governance/people/people.html", context)


@login_required
@permission_required("governance.change_user", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Invite somebody; the link is shown on the page that answers, and nowhere else."""
    problem, teams = "", request.POST.getlist("team")
    if request.method == "POST":
        try:
            _check_fresh(request)
            person, token = _invite(request, teams)
        except PersonRefused as refusal:
            problem = refusal.detail
        else:
            return _shown_once(request, token, person)
    context = {
        "problem": problem,
        "typed": request.POST,
        "roles": [(role, role in request.POST.getlist("role")) for role in INVITED],
        "teams": [(team, team.slug in teams) for team in Team.objects.order_by("name")],
        "confirmed": confirm.confirmed(request),
    }
    return render(request, "governance/people/new_person.html", context, status=422 if problem else 200)


@login_required
@permission_required("governance.change_user", raise_exception=True)
@require_POST
def make_link(request: HttpRequest, user_id: int) -> HttpResponse:
    """A link for somebody who can't sign in, shown once."""
    person = get_object_or_404(User, pk=user_id)
    if not confirm.confirmed(request).fresh:
        return _to_confirm(request, reverse("people"))
    try:
        token = links.make(person, by=_person(request), actor=actor_of(request))
    except links.LinkRefused as refusal:
        messages.error(request, refusal.detail)
        return redirect("people")
    return _shown_once(request, token, person)


@transaction.atomic
def _invite(request: HttpRequest, teams: list[str]) -> tuple[User, str]:
    """A person with a link, or neither. Raises `PersonRefused`."""
    roles = request.POST.getlist("role")
    _check_roles(roles)
    actor = actor_of(request)
    person = create_without_password(
        request.POST.get("name", "").strip(),
        full_name=request.POST.get("full_name", ""),
        email=request.POST.get("email", ""),
        roles=roles,
        teams=teams,
        actor=actor,
    )
    return person, links.make(person, by=_person(request), actor=actor)


def _check_fresh(request: HttpRequest) -> None:
    if not confirm.confirmed(request).fresh:
        raise PersonRefused("Confirm that it is you, then make the invitation. What you typed stays here.")


def _check_roles(roles: list[str]) -> None:
    """Nobody makes an operator with a click: what operators may do, the console gives."""
    if not roles or set(roles) - set(INVITED):
        raise PersonRefused(f"Choose a role: {' or '.join(INVITED)}. An operator is made at the console.")


def _to_confirm(request: HttpRequest, back: str) -> HttpResponse:
    """Such a link opens an account: it takes a log-in of just now, or a second factor."""
    messages.info(request, "Confirm that it is you, then ask again.")
    return redirect(f"{confirm.confirmed(request).url}?{urlencode({'next': back})}")


@sensitive_variables("token")
def _shown_once(request: HttpRequest, token: str, person: User) -> HttpResponse:
    context = {"address": links.address_of(token), "person": person, "link": links.find(token)}
    return render(request, "governance/door/account_link.html", context)


def _row(person: User, by: User | None) -> dict[str, Any]:
    return {
        "id": person.pk,
        "name": person.printed_name,
        "username": person.username,
        "email": person.email,
        "roles": sorted(group.name for group in person.groups.all()),
        "teams": sorted(team.name for team in person.teams.all()),
        "active": person.is_active,
        "invited": not person.has_usable_password(),
        "last_login": person.last_login,
        "may_make_link": by is not None and links.may_make_for(person, by),
    }


def _person(request: HttpRequest) -> Any:
    return request.user
