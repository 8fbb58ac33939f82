"""The operators' page of check items: where they are slipped in, the library, and what they showed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from approvals.deciding import second
from approvals.models.checks import MOST_SHARE, CheckPlan, CheckTemplate, Kind
from approvals.queue.read import visible_among
from approvals.vigilance import plans as check_plans
from approvals.vigilance import slip_in
from approvals.vigilance.plans import FEWEST_PEOPLE, AlreadyRetired, TeamFigures, Wanted
from audit.asking.parameters import number, whole
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from audit.ground.unseen import pieces, shown
from audit.ground.wilson import Share
from governance.models import Agent, Team, User
from suggestions.models import SecondReview

SEE, CHANGE = "approvals.view_checkplan", "approvals.change_checkplan"
MOST_SHOWN = 200
MOST_DIFFERED = 25


@login_required
@permission_required(SEE, raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    return _page(request)


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def change(request: HttpRequest, team: str) -> HttpResponse:
    """Whether and how often checks are slipped in to one team."""
    found = get_object_or_404(Team, pk=team)
    try:
        plan = check_plans.change_plan(found, _wanted(request), by=_person(request), actor=actor_of(request))
    except Invalid as refusal:
        return _page(request, wrong_plan=(team, _by_field(refusal)), status=422)
    said = "are slipped in from now on" if plan.on else "are no longer slipped in"
    messages.success(request, f"{found.name}: checks {said}.")
    return redirect("checks:list")


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def slip(request: HttpRequest, team: str) -> HttpResponse:
    """One now, instead of at a moment of chance."""
    found = get_object_or_404(Team, pk=team)
    if slip_in.slip_in(team, actor=actor_of(request)):
        messages.success(request, f"One was slipped in to {found.name}.")
    else:
        messages.warning(request, "None fits now: see that checks are on, and that the library has one.")
    return redirect("checks:list")


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Into the library."""
    typed = {name: request.POST.get(name, "") for name in _FIELDS}
    agent = Agent.objects.filter(name=typed["agent"]).first()
    try:
        check_plans.add_template(
            name=typed["name"],
            agent=agent,
            kind=typed["kind"],
            why=typed["why"],
            body=typed["body"],
            by=_person(request),
            actor=actor_of(request),
        )
    except Invalid as refusal:
        return _page(request, typed=typed, wrong=_by_field(refusal), status=422)
    messages.success(request, f"“{typed['name'].strip()}” is in the library.")
    return redirect("checks:list")


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def retire(request: HttpRequest, template_id: UUID) -> HttpResponse:
    """Out of the library."""
    template = get_object_or_404(CheckTemplate, pk=template_id)
    try:
        check_plans.retire(template, actor=actor_of(request))
    except AlreadyRetired as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, f"“{template.name}” is not slipped in any more.")
    return redirect("checks:list")


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def settle(request: HttpRequest, review_id: UUID) -> HttpResponse:
    """Somebody has looked at what two people decided differently."""
    review = get_object_or_404(SecondReview, pk=review_id, status=SecondReview.Status.DIFFERED)
    second.settle(review, actor=actor_of(request))
    messages.success(request, "Put away. Both of them still see it.")
    return redirect("checks:list")


_FIELDS = ("name", "agent", "kind", "why", "body")


def _wanted(request: HttpRequest) -> Wanted:
    typed = request.POST
    percent = number(typed.get("percent", ""), least=0, most=100)
    most_per_day, busy_from = (
        whole(typed.get(name, ""), most=10_000) for name in ("most_per_day", "busy_from")
    )
    return Wanted(  # -1: what is no number is said to be out of bounds
        on=bool(typed.get("on")),
        share=-1 if percent is None else percent / 100,
        most_per_day=-1 if most_per_day is None else most_per_day,
        busy_from=-1 if busy_from is None else busy_from,
        from_past=bool(request.POST.get("from_past")),
    )


def _by_field(refusal: Invalid) -> dict[str, str]:
    found: dict[str, str] = {}
    for error in refusal.errors:
        name = error["pointer"].strip("/")
        found[name] = f"{found[name]} {error['detail']}" if name in found else error["detail"]
    return found


def _page(
    request: HttpRequest,
    *,
    typed: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
    wrong_plan: tuple[str, dict[str, str]] = ("", {}),
    status: int = 200,
) -> HttpResponse:
    plans = CheckPlan.objects.in_bulk()
    teams = list(Team.objects.order_by("name")[:MOST_SHOWN])
    figures = check_plans.figures_of([team.pk for team in teams])
    differed = list(second.unsettled()[:MOST_DIFFERED])
    known = visible_among([one.proposal_id for one in differed], _person(request))
    library = CheckTemplate.objects.in_use().select_related("agent", "made_by")[:MOST_SHOWN]
    context = {
        "teams": [_team(team, plans.get(team.pk), figures[team.pk], wrong_plan) for team in teams],
        "library": [{"template": one, "why": pieces(one.why)} for one in library],
        "may_change": request.user.has_perm(CHANGE),
        "kinds": Kind.choices,
        "agents": Agent.objects.order_by("name").values_list("name", flat=True)[:500],
        "typed": typed or {"kind": Kind.BAD.value, "body": check_plans.example()},
        "wrong": wrong or {},
        "writing": typed is not None,
        "fewest_people": FEWEST_PEOPLE,
        "most_percent": f"{MOST_SHARE * 100:g}",
        "days": check_plans.DAYS,
        "differed": [_differed(one, known) for one in differed],
    }
    return render(request, "approvals/vigilance/checks.html", context, status=status)


def _team(
    team: Team, plan: CheckPlan | None, figures: TeamFigures, wrong_plan: tuple[str, dict[str, str]]
) -> dict[str, Any]:
    plan = plan or CheckPlan(team=team)
    wrong = wrong_plan[1] if wrong_plan[0] == team.pk else {}
    return {
        "team": team,
        "plan": plan,
        "percent": f"{plan.share * 100:g}",
        "figures": figures,
        "caught": _share(figures.caught),
        "right": _share(figures.right),
        "wrong": wrong,
    }


def _differed(review: SecondReview, known: Collection[UUID]) -> dict[str, Any]:
    """What two people said of the same, without their names."""
    proposal = review.proposal
    return {
        "id": review.pk,
        "url": reverse("approvals:proposal", args=[proposal.pk]) if proposal.pk in known else "",
        "sentence": shown(proposal.sentence),
        "team": review.team.name,
        "first": shown(proposal.resolution.status),
        "second": {"approve": "approved", "reject": "rejected", "return": "returned"}.get(review.verdict, ""),
        "at": review.ended_at,
    }


def _share(found: Share | None) -> dict[str, Any] | None:
    """For `suggestions/trying/_share.html`."""
    if found is None or found.value is None:
        return None
    return {
        "of": found.of,
        "count": f"{found.count} of {found.of}",
        "percent": f"{found.value:.0%}",
        "interval": f"{found.low:.0%} to {found.high:.0%}",
    }


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)
