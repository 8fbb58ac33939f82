"""The reviewer's desk: the queue, one proposal, and the three things to say about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST
from django_htmx.middleware import HtmxDetails

from approvals import decide, queries, samples
from approvals import reopen as reopening
from approvals.decide import Decided
from approvals.detail import Detail, Typed, detail_of
from approvals.pieces import pieces, shown
from approvals.queries import Filters, Page, Position, Waiting
from approvals.rows import rows_of
from audit.asking import actor_of
from audit.record import record_alone
from audit.refusals import Invalid, Refusal
from governance.models import Risk, Team, User
from suggestions.models import Proposal, Sample, Suggestion
from suggestions.resolve import AlreadyResolved

View = Callable[..., HttpResponse]


class Asked(HttpRequest):
    """A request that came through the doors below."""

    user: User
    htmx: HtmxDetails


DONE = {"approve": "Approved", "reject": "Rejected", "return": "Returned to the agent"}


def signed_in(view: View) -> View:
    """Part of a page is asked for by a script, which can't follow anybody to the log-in page."""
    to_login = login_required(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=401)
        return to_login(request, *args, **kwargs)

    return guarded


# --- Reading --------------------------------------------------------------------------------------


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def queue(request: Asked) -> HttpResponse:
    if _wants(request, "detail"):
        return _only_detail(request, None)
    return _desk(request, None)


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def proposal(request: Asked, proposal_id: UUID) -> HttpResponse:
    detail = _detail(request, proposal_id)
    return _only_detail(request, detail) if _wants(request, "detail") else _desk(request, detail)


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def version(request: Asked) -> JsonResponse:
    """Something cheap to ask every few seconds: other than before, the list is read again."""
    return JsonResponse({"version": queries.version()})


# --- Deciding -------------------------------------------------------------------------------------


@signed_in
@permission_required("approvals.add_decision", raise_exception=True)
@require_POST
def approve(request: Asked, proposal_id: UUID) -> HttpResponse:
    def verb(proposal: Proposal, reason: str) -> Decided:
        return decide.approve(
            _suggestion(proposal, request.POST.get("suggestion", "")),
            reviewer=request.user,
            actor=actor_of(request),
            shown_digest=request.POST.get("action_digest", ""),
            reason=reason,
        )

    return _decide(request, proposal_id, "approve", verb)


@signed_in
@permission_required("approvals.add_decision", raise_exception=True)
@require_POST
def reject(request: Asked, proposal_id: UUID) -> HttpResponse:
    def verb(proposal: Proposal, reason: str) -> Decided:
        return decide.reject(proposal.pk, reviewer=request.user, actor=actor_of(request), reason=reason)

    return _decide(request, proposal_id, "reject", verb)


@signed_in
@permission_required("approvals.add_decision", raise_exception=True)
@require_POST
def give_back(request: Asked, proposal_id: UUID) -> HttpResponse:
    def verb(proposal: Proposal, reason: str) -> Decided:
        return decide.give_back(proposal.pk, reviewer=request.user, actor=actor_of(request), reason=reason)

    return _decide(request, proposal_id, "return", verb)


@signed_in
@permission_required("approvals.add_decision", raise_exception=True)
@require_POST
def reopen(request: Asked, proposal_id: UUID) -> HttpResponse:
    """The agent may ask again; then this proposal once more, which says so."""
    try:
        reopening.reopen(_visible(request, proposal_id).pk, reviewer=request.user, actor=actor_of(request))
    except Refusal as refusal:
        return _refused(request, proposal_id, refusal, Typed("reopen"))
    if request.htmx:
        return _only_detail(request, _detail(request, proposal_id))
    messages.success(request, "The agent may ask for this again, and was told so.")
    return redirect(reverse("approvals:proposal", args=[proposal_id]) + _query(request))


@signed_in
@permission_required("approvals.add_decision", raise_exception=True)
@require_POST
def answer(request: Asked, proposal_id: UUID) -> HttpResponse:
    """Was it right that this passed? Then the next that is to be checked."""
    proposal = _visible(request, proposal_id)
    sample = get_object_or_404(samples.asked_of(request.user), proposal=proposal)
    right = request.POST.get("answer") == "right"
    reason = request.POST.get("reason", "").replace("\0", "").strip()
    try:
        _check_length(reason)
        samples.answer(sample, right=right, reviewer=request.user, actor=actor_of(request), reason=reason)
    except Refusal as refusal:
        return _refused(request, proposal_id, refusal, Typed("right" if right else "wrong", reason))
    if not request.htmx:
        said = "right" if right else "wrong. The agent is back at stage 2"
        messages.success(request, f"Thank you: it was {said}.")
    following = samples.first_for(request.user)
    to = reverse("approvals:proposal", args=[following.proposal_id]) if following else ""
    response = redirect(to or reverse("approvals:check" if not request.htmx else "approvals:queue"))
    response.status_code = 303
    return response


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def check(request: Asked) -> HttpResponse:
    """What was carried out without a person and is asked about; and what was answered."""
    ended = request.GET.get("show") == "answered"
    rows, following = samples.page(_teams(request), ended=ended, cursor=request.GET.get("cursor", ""))
    here = reverse("approvals:check")
    kept = {"show": "answered"} if ended else {}
    return render(
        request,
        "approvals/check.html",
        {
            "rows": [_checked(sample) for sample in rows],
            "ended": ended,
            "waiting": samples.how_many_wait(_teams(request)),
            "next_url": f"{here}?{urlencode({**kept, 'cursor': following})}" if following else "",
            "next_label": "More",
            "previous_url": f"{here}?{urlencode(kept)}" if request.GET.get("cursor") else "",
            "previous_label": "First",
        },
    )


def _checked(sample: Sample) -> dict[str, Any]:
    return {
        "sample": sample,
        "url": reverse("approvals:proposal", args=[sample.proposal_id]),
        "sentence": shown(sample.proposal.sentence),
        "agent": shown(sample.agent.name),
        "risk": Risk(sample.proposal.risk).label,
        "reason": pieces(sample.reason[:160]),
    }


def _check_length(reason: str) -> None:
    if len(reason) > LONGEST_REASON:
        raise Invalid.field("/reason", f"Say it in at most {LONGEST_REASON:,} characters.")


def _decide(
    request: Asked, proposal_id: UUID, name: str, verb: Callable[[Proposal, str], Decided]
) -> HttpResponse:
    """Call the verb; then the next proposal, or this one again with what was refused and why."""
    proposal = _visible(request, proposal_id)
    reason = request.POST.get("reason", "").replace("\0", "").strip()
    try:
        _check_length(reason)
        decided = verb(proposal, reason)
    except Refusal as refusal:
        return _refused(request, proposal_id, refusal, Typed(name, reason))
    if not request.htmx:
        waits = "" if decided.resolution else " It waits for somebody else to agree."
        messages.success(request, f"{DONE[name]}: {rows_of([proposal.pk])[0].sentence}.{waits}")
    return _go_on(request, proposal)


LONGEST_REASON = 2_000


def _refused(request: Asked, proposal_id: UUID, refusal: Refusal, typed: Typed) -> HttpResponse:
    """No error page for losing a race: the proposal as it is now says who won."""
    told = {"verdict": typed.verb, "refusal": type(refusal).__name__}
    record_alone("decision.refused", actor=actor_of(request), proposal=proposal_id, data=told)
    detail = detail_of(
        _visible(request, proposal_id),
        reader=request.user,
        query=_query(request),
        chosen=request.POST.get("suggestion", ""),
        refusal=_in_words(refusal),
        typed=typed,
    )
    status = 422 if isinstance(refusal, Invalid) else 409
    if request.htmx:
        return _only_detail(request, detail, status=status)
    return _desk(request, detail, status=status)


def _in_words(refusal: Refusal) -> str:
    if isinstance(refusal, AlreadyResolved):
        return f"{refusal.detail} Your decision was not counted."
    if isinstance(refusal, Invalid):
        return " ".join(error["detail"] for error in refusal.errors)
    return refusal.detail


def _go_on(request: Asked, proposal: Proposal) -> HttpResponse:
    """See other: the next proposal that waits for this person, or the empty queue."""
    filters = Filters.read(request.GET)
    next_id = queries.following(proposal, _teams(request), filters, reviewer=request.user)
    address = reverse("approvals:proposal", args=[next_id]) if next_id else reverse("approvals:queue")
    response = redirect(address + filters.query())
    response.status_code = 303
    return response


# --- What is asked for ----------------------------------------------------------------------------


def _visible(request: Asked, proposal_id: UUID) -> Proposal:
    visible = Proposal.objects.visible_to(request.user)
    return get_object_or_404(visible.select_related("agent", "team", "resolution"), pk=proposal_id)


def _detail(request: Asked, proposal_id: UUID) -> Detail:
    visible = _visible(request, proposal_id)
    chosen = request.GET.get("suggestion", "")
    return detail_of(visible, reader=request.user, query=_query(request), chosen=chosen)


def _suggestion(proposal: Proposal, id: str) -> Suggestion:
    """The suggestion that the form names. Raises `Invalid`."""
    for suggestion in proposal.suggestions.select_related("action_type"):
        if str(suggestion.pk) == id:
            return suggestion
    raise Invalid.field("/suggestion", "Choose one of the suggestions to approve.")


def _teams(request: Asked) -> list[str]:
    return [team.slug for team in queries.teams_of(request.user)]


def _wants(request: Asked, target: str) -> bool:
    """Is only this part of the page asked for?"""
    htmx = request.htmx
    return bool(htmx) and not htmx.history_restore_request and htmx.target == target


def _query(request: Asked) -> str:
    return Filters.read(request.GET).query()


# --- Pages ------------------------------------------------------------------------------------------


def _only_detail(request: Asked, detail: Detail | None, *, status: int = 200) -> HttpResponse:
    context = {"detail": detail, "queue_url": reverse("approvals:queue") + _query(request)}
    return render(request, "approvals/_detail.html", context, status=status)


def _desk(request: Asked, detail: Detail | None, *, status: int = 200) -> HttpResponse:
    """List and detail; or the list alone where a script asked for it."""
    context = _list(request)
    if _wants(request, "queue"):
        return render(request, "approvals/_list.html", context)
    return render(
        request, "approvals/queue.html", {**context, "selected": detail, "detail": detail}, status=status
    )


def _list(request: Asked) -> dict[str, Any]:
    # Asked first: a change that happens meanwhile makes the page look again, never miss it.
    version = queries.version()
    filters = Filters.read(request.GET)
    teams = queries.teams_of(request.user)
    slugs = [team.slug for team in teams]
    page, trouble = _page(request, slugs, filters)
    waiting = queries.waiting(slugs)
    here = reverse("approvals:queue")
    cursor = request.GET.get("cursor", "")
    return {
        "rows": rows_of(page.ids),
        "filters": _choices(teams, filters, waiting),
        "counts": _count(page, waiting, slugs, filters),
        "trouble": trouble,
        "list_url": _with_cursor(here, filters, cursor),
        "queue_url": here + filters.query(),
        "next_url": _with_cursor(here, filters, page.next.as_cursor()) if page.next else None,
        "queue_version": version,
        "to_check": samples.how_many_wait(slugs),
    }


def _page(request: Asked, teams: list[str], filters: Filters) -> tuple[Page, str]:
    """The rows asked for; and in words why there can't be any, where a value means nothing."""
    try:
        cursor = request.GET.get("cursor", "")
        after = Position.read(cursor) if cursor else None
    except Invalid as refusal:
        return Page([]), refusal.errors[0]["detail"]
    if filters.team and filters.team not in teams:
        return Page([]), f"There is no team “{filters.team}” that you could see the proposals of."
    if filters.risk and filters.risk not in Risk.labels:
        return Page([]), f"“{filters.risk}” is no risk; there are {', '.join(Risk.labels)}."
    return queries.page(teams, filters, after=after), ""


def _count(page: Page, waiting: Waiting, teams: list[str], filters: Filters) -> str:
    """How many wait: what a narrow filter lets through is counted on this page alone."""
    if filters.narrow:
        return f"{len(page.ids)}{'+' if page.next else ''}"
    return waiting.count_of([team for team in teams if filters.team in ("", team)])


def _with_cursor(address: str, filters: Filters, cursor: str) -> str:
    query = QueryDict(filters.query().lstrip("?"), mutable=True)
    if cursor:
        query["cursor"] = cursor
    return f"{address}?{query.urlencode()}" if query else address


def _choices(teams: list[Team], filters: Filters, waiting: Waiting) -> dict[str, Any]:
    """The filters as links: each leads to the list with it, the current one to the list without."""
    here = reverse("approvals:queue")

    def toggle(name: str, value: str) -> dict[str, Any]:
        current = getattr(filters, name) == value
        return {
            "value": value,
            "label": value,
            "current": current,
            "url": here + filters.query(**{name: "" if current else value}),
        }

    return {
        "query": filters.q,
        "action": here,
        "active_count": filters.active,
        "clear_url": here,
        "teams": [
            {
                **toggle("team", team.slug),
                "slug": team.slug,
                "name": team.name,
                "count": waiting.count_of([team.slug]),
            }
            for team in teams
            if len(teams) > 1
        ],
        "risks": [{**toggle("risk", label), "label": label.capitalize()} for label in reversed(Risk.labels)],
        "agents": [toggle("agent", name) for name in _with(waiting.agents, filters.agent)],
        "actions": [toggle("action", name) for name in _with(waiting.actions, filters.action)],
    }


def _with(values: list[str], current: str) -> list[str]:
    return sorted({*values, current} - {""})
