"""Backtests on pages: asking for one, watching it, reading and comparing what it measured."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_POST

from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.figures import count
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from governance.models import ActionType, Agent, PolicyVersion, User
from governance.policies import lifecycle
from suggestions.models import Backtest, Disagreement
from suggestions.trying import backtest, disagreements
from suggestions.trying.rejudge import DEFAULT_NEWEST, MOST, Chosen
from suggestions.trying.shadow_views import summary
from suggestions.trying.shown import chosen_words, compared, result_shown
from suggestions.trying.tally import name_of, sentences

PAGE = 30
NAMES = 200  # that a form offers; others are typed
SEE, CHANGE = "governance.view_policyversion", lifecycle.PERMISSION


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Every backtest, the newest first."""
    return render(request, "suggestions/trying/backtests.html", _page(request, Backtest.objects.all()))


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def of_policy(request: HttpRequest, policy: str) -> HttpResponse:
    """The backtests of one version, and the form for another."""
    return _of_policy(request, get_object_or_404(PolicyVersion, pk=policy))


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def panel(request: HttpRequest, policy: str) -> HttpResponse:
    """What a version's own page shows: the newest backtest, and the form."""
    version = get_object_or_404(PolicyVersion, pk=policy)
    newest = version.backtests.order_by("-id").first()
    last = version.backtests.done().order_by("-id").first()
    context = {
        **_form(request, version),
        "running": _row(newest) if newest and newest.is_open else None,
        "last": _row(last) if last else None,
        "sentences": sentences(last.result) if last and last.result else [],
        **summary(version),
        "differences_url": reverse("backtests:differences", args=[version.pk]),
    }
    return render(request, "suggestions/trying/_backtest_panel.html", context)


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def ask(request: HttpRequest, policy: str) -> HttpResponse:
    version = get_object_or_404(PolicyVersion, pk=policy)
    typed = {name: request.POST.get(name, "").strip() for name in FIELDS}
    try:
        asked = backtest.ask(version, chosen=_chosen(typed), by=_person(request), actor=actor_of(request))
    except Invalid as refusal:
        return _of_policy(request, version, typed=typed, errors=refusal.errors, status=422)
    except Refusal as refusal:
        messages.warning(request, refusal.detail)
        return redirect("backtests:of-policy", version.pk)
    return redirect("backtests:one", asked.pk)


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def one(request: HttpRequest, backtest_id: UUID) -> HttpResponse:
    found = get_object_or_404(Backtest.objects.select_related("policy", "asked_by"), pk=backtest_id)
    context: dict[str, Any] = {"backtest": _row(found), "may_change": request.user.has_perm(CHANGE)}
    if found.result is not None:
        context |= result_shown(found.result) | _disagreements(request, found)
        others = Backtest.objects.done().exclude(pk=found.pk).select_related("policy", "asked_by")
        context["others"] = _rows(others.order_by("-id")[:PAGE])
    return render(request, "suggestions/trying/backtest.html", context)


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def progress(request: HttpRequest, backtest_id: UUID) -> HttpResponse:
    """What a page asks for every second while it runs; when it is over, the page is drawn anew."""
    found = get_object_or_404(Backtest, pk=backtest_id)
    if not found.is_open:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context = {"backtest": _row(found), "may_change": request.user.has_perm(CHANGE)}
    return render(request, "suggestions/trying/_backtest_progress.html", context)


@login_required
@permission_required(CHANGE, raise_exception=True)
@require_POST
def cancel(request: HttpRequest, backtest_id: UUID) -> HttpResponse:
    get_object_or_404(Backtest, pk=backtest_id)
    try:
        backtest.cancel(backtest_id, actor=actor_of(request))
    except backtest.BacktestOver as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "The backtest is cancelled.")
    return redirect("backtests:one", backtest_id)


@login_required
@permission_required(SEE, raise_exception=True)
@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    """Two finished backtests side by side."""
    done = Backtest.objects.done().select_related("policy", "asked_by")
    ids = [read_uuid(request.GET.get(name, "")) for name in ("a", "b")]
    chosen = [done.filter(pk=pk).first() if pk else None for pk in ids]
    context: dict[str, Any] = {
        "sides": [_row(b) if b else None for b in chosen],
        "offered": _rows(done.order_by("-id")[:PAGE]),
    }
    if all(b is not None and b.result is not None for b in chosen):
        first, second = (cast(Backtest, b) for b in chosen)
        context["lines"] = compared(first.result or {}, second.result or {})
        context["alike"] = first.chosen == second.chosen and first.total == second.total
    return render(request, "suggestions/trying/backtest_compare.html", context)


# --- What the pages are made of -------------------------------------------------------------


def _of_policy(
    request: HttpRequest, version: PolicyVersion, *, status: int = 200, **form: Any
) -> HttpResponse:
    context = _page(request, version.backtests.all()) | _form(request, version, **form)
    return render(request, "suggestions/trying/backtests.html", context, status=status)


def _page(request: HttpRequest, rows: Any) -> dict[str, Any]:
    before = read_uuid(request.GET.get("before", ""))
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows.select_related("policy", "asked_by").order_by("-id")[: PAGE + 1])
    older = urlencode({"before": found[PAGE - 1].pk}) if len(found) > PAGE else ""
    return {
        "rows": _rows(found[:PAGE]),
        "next_url": f"{request.path}?{older}" if older else None,
        "previous_url": request.path if before else None,
    }


def _rows(found: Iterable[Backtest]) -> list[dict[str, Any]]:
    backtests = list(found)
    done = backtest.done_of(backtests)
    return [_row(b, done=done[b.pk]) for b in backtests]


def _row(found: Backtest, *, done: int | None = None) -> dict[str, Any]:
    done = backtest.done(found) if done is None else done
    passed = (found.result or {}).get("passed")
    return {
        "id": found.pk,
        "url": reverse("backtests:one", args=[found.pk]),
        "policy": found.policy,
        "policy_name": found.policy_id.removeprefix("sha256:")[:12],
        "policy_url": f"/governance/policies/{found.policy_id}/",
        "backtests_url": reverse("backtests:of-policy", args=[found.policy_id]),
        "status": found.status,
        "status_label": found.get_status_display(),
        "open": found.is_open,
        "chosen": chosen_words(Chosen.from_json(found.chosen)),
        "asked_by": found.asked_by.printed_name if found.asked_by else "the console",
        "created": found.created_at,
        "finished": found.finished_at,
        "seconds": _seconds(found),
        "error": found.error,
        "value": done,
        "max": found.total,
        "done": count(done),
        "total": None if found.total is None else count(found.total),
        "left": _left(found, done),
        "passed": count(passed["share"]["count"]) if passed else "",
        "rejected": count(passed["rejected"]["count"]) if passed else "",
        "progress_url": reverse("backtests:progress", args=[found.pk]),
        "cancel_url": reverse("backtests:cancel", args=[found.pk]),
    }


def _seconds(found: Backtest) -> float | None:
    if not (found.started_at and found.finished_at):
        return None
    return (found.finished_at - found.started_at).total_seconds()


def _left(found: Backtest, done: int) -> str:
    """About how long it will take still, once there is something to judge by."""
    if not (found.started_at and found.total and done):
        return ""
    passed = (datetime.now(UTC) - found.started_at).total_seconds()
    seconds = passed / done * (found.total - done)
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {max(seconds, 1):.0f} s left"


FIELDS = ("since", "until", "agent", "action", "newest")


def _form(
    request: HttpRequest,
    version: PolicyVersion,
    *,
    typed: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    may_change = request.user.has_perm(CHANGE)
    return {
        "version": version,
        "version_name": version.pk.removeprefix("sha256:")[:12],
        "version_url": f"/governance/policies/{version.pk}/",
        "backtests_url": reverse("backtests:of-policy", args=[version.pk]),
        "ask_url": reverse("backtests:ask", args=[version.pk]) if may_change else "",
        "typed": typed or {"newest": str(DEFAULT_NEWEST)},
        "errors": {error["pointer"].lstrip("/"): error["detail"] for error in errors or []},
        "agents": Agent.objects.order_by("name").values_list("name", flat=True)[:NAMES] if may_change else [],
        "actions": ActionType.objects.current().order_by("name").values_list("name", flat=True)[:NAMES]
        if may_change
        else [],
        "most": MOST,
    }


def _chosen(typed: dict[str, str]) -> Chosen:
    """Raises `Invalid`, naming each field."""
    errors = []
    times = {}
    for name in ("since", "until"):
        try:
            day = parse_date(typed[name]) if typed[name] else None
        except ValueError:
            day = None
        if typed[name] and day is None:
            errors.append({"pointer": f"/{name}", "detail": "Write a day like 2026-11-22."})
        times[name] = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
    newest = whole(typed["newest"].replace(",", "") or str(DEFAULT_NEWEST), least=1, most=MOST)
    if newest is None:
        errors.append({"pointer": "/newest", "detail": f"A whole number from 1 to {MOST:,}."})
    if errors or newest is None:
        raise Invalid(errors)
    return Chosen(**times, agent=typed["agent"][:100], action=typed["action"][:100], newest=newest)


def _disagreements(request: HttpRequest, found: Backtest) -> dict[str, Any]:
    counts = (found.result or {})["disagreements"]
    asked = request.GET.get("kind", "")
    kind = next((kind for kind in Disagreement.Kind if name_of(kind) == asked), None)
    try:
        rows, following = disagreements.page(
            found, user=_person(request), kind=kind, after=request.GET.get("after", "")
        )
    except Invalid:
        rows, following = disagreements.page(found, user=_person(request), kind=kind)
    here = reverse("backtests:one", args=[found.pk])
    base = {"kind": asked} if kind else {}
    first = f"{here}?{urlencode(base)}" if base else here
    return {
        "disagreements": [_disagreement(row) for row in rows],
        "kinds": [
            {"label": "All", "url": here, "count": count(sum(counts.values())), "current": kind is None},
            *(
                {
                    "label": k.label.capitalize(),
                    "url": f"{here}?{urlencode({'kind': name_of(k)})}#disagreements",
                    "count": count(counts[name_of(k)]),
                    "current": k is kind,
                }
                for k in Disagreement.Kind
                if counts[name_of(k)] or k is kind
            ),
        ],
        "any": any(counts.values()),
        "kept": backtest.KEPT,
        "more_than_kept": any(count > backtest.KEPT for count in counts.values()),
        "next_url": f"{here}?{urlencode({**base, 'after': following})}#disagreements" if following else None,
        "previous_url": f"{first}#disagreements" if request.GET.get("after") else None,
        "next_label": "More",
        "previous_label": "First",
    }


def _disagreement(row: Disagreement) -> dict[str, Any]:
    proposal = row.proposal
    resolution = getattr(proposal, "resolution", None)
    return {
        "url": f"/queue/{row.proposal_id}/",
        "sentence": proposal.sentence,
        "kind": Disagreement.Kind(row.kind).label,
        "agent": proposal.agent.name,
        "rules": row.rules,
        "created": proposal.created_at,
        "reason": resolution.reason if resolution else "",
        "decided_by": resolution.actor_name if resolution else "",
    }


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # the decorators let nobody else in
