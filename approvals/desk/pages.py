"""Drawing the desk: list and detail, one proposal alone, and what follows a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from approvals.attention import pace
from approvals.deciding.decide import Decided
from approvals.deciding.undo import Undoable
from approvals.desk import confirm
from approvals.desk.around import Around, around_of
from approvals.desk.listing import list_of
from approvals.detail.bar import in_short
from approvals.detail.gather import Detail, RefusedForm, detail_of
from approvals.looking.kept import MOST
from approvals.queue import read
from approvals.queue.doors import SignedInRequest, View, query_of, signed_in, teams_of, visible, wants
from approvals.queue.moved import Moved, moved_from
from approvals.queue.read import Filters
from approvals.queue.rows import rows_of
from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import shown
from audit.log.record import record_alone
from governance.door.deciders import DECIDES
from suggestions.answering.resolve import AlreadyResolved
from suggestions.models import Proposal, Suggestion

LONGEST_REASON = 2_000
WAITS = " It waits for somebody else to agree."
DONE = {
    "approve": "Approved",
    "reject": "Rejected",
    "return": "Returned to the agent",
    "escalate": "Escalated",
}


def detail_for(request: SignedInRequest, proposal_id: UUID) -> Detail:
    """The proposal as this person may see it; 404 where they may not."""
    kept = confirm.kept(request, proposal_id)
    chosen = request.GET.get("suggestion", "") or kept.get("suggestion", "")
    typed = RefusedForm(reason=kept.get("reason", ""), kept=kept)
    return _seen(proposal_id, reader=request.user, query=query_of(request), chosen=chosen, typed=typed)


def _seen(proposal_id: UUID, **how: Any) -> Detail:
    try:
        return detail_of(proposal_id, **how)
    except Proposal.DoesNotExist as error:
        raise Http404 from error


def only_detail(request: SignedInRequest, detail: Detail | None, *, status: int = 200) -> HttpResponse:
    """The part of the page that a script puts in the place of what was there."""
    context = {
        "detail": detail,
        "queue_url": reverse("approvals:queue") + query_of(request),
        "pace": pace.word_for(pace.latest(request.user), request.session),
    }
    return render(request, "approvals/detail/_detail.html", context, status=status)


def desk(
    request: SignedInRequest, detail: Detail | None, around: Around | None = None, *, status: int = 200
) -> HttpResponse:
    """List and detail; or the list alone where a script asked for it."""
    around = around or around_of(request.user)
    context = list_of(request, around)
    if wants(request, "queue"):
        return _list_alone(request, context)
    context |= {"selected": detail, "detail": detail, "undoable": undoables(request, around.undoable)}
    context["pace"] = pace.word_for(around.decisions, request.session)
    return render(request, "approvals/queue/queue.html", context, status=status)


def undoables(request: SignedInRequest, found: Iterable[Undoable]) -> list[dict[str, Any]]:
    """What this person approved and can undo, for the bar that counts down."""
    query = query_of(request)
    return [
        {
            "id": str(one.proposal),
            "sentence": shown(one.sentence),
            "short": shown(in_short(one.sentence, 48)),
            "left": one.left,
            "until": one.until,
            "url": reverse("approvals:undo", args=[one.proposal]) + query,
        }
        for one in found
    ]


def or_where_it_went(view: View) -> View:
    """For a proposal that is another team's now: where it went, to those who had it before."""

    @wraps(view)
    def shown(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
        try:
            return view(request, proposal_id)
        except Http404:
            moved = moved_from(proposal_id, request.user)
            if moved is None:
                raise
            return _elsewhere(request, moved, status=200 if request.method == "GET" else 409)

    return shown


def deciding_verb(view: View) -> View:
    """Asked by POST, by those who may decide; who lost the proposal to another team is told where it went."""
    guarded = require_POST(or_where_it_went(view))
    return signed_in(permission_required(DECIDES, raise_exception=True)(guarded))


def _elsewhere(request: SignedInRequest, moved: Moved, *, status: int) -> HttpResponse:
    context = {
        "moved": moved,
        "moved_url": reverse("approvals:proposal", args=[moved.proposal]) + query_of(request),
        "queue_url": reverse("approvals:queue") + query_of(request),
    }
    if request.htmx:
        return render(request, "approvals/detail/_detail.html", context, status=status)
    page = {**list_of(request, around_of(request.user)), **context}
    return render(request, "approvals/queue/queue.html", page, status=status)


def same_again(request: SignedInRequest, proposal_id: UUID, said: str) -> HttpResponse:
    """After what decides nothing: the same proposal as it is now."""
    if request.htmx:
        return only_detail(request, detail_for(request, proposal_id))
    messages.success(request, said)
    return see_other(reverse("approvals:proposal", args=[proposal_id]) + query_of(request))


def see_other(address: str) -> HttpResponse:
    response = redirect(address)
    response.status_code = 303
    return response


def _list_alone(request: SignedInRequest, context: dict[str, Any]) -> HttpResponse:
    """The list with its filters, and the address of a page that shows them beside what is open."""
    response = render(request, "approvals/queue/_list_alone.html", context)
    here = urlsplit(request.htmx.current_url_abs_path or "").path
    if here.startswith(reverse("approvals:queue")):
        query = Filters.read(request.GET).query()
        kind = "HX-Replace-Url" if request.htmx.trigger == "q" else "HX-Push-Url"
        response[kind] = here + query
    return response


def suggestion_named(proposal: Proposal, id: str) -> Suggestion:
    """The suggestion that the form names. Raises `Invalid`."""
    for suggestion in proposal.suggestions.select_related("action_type"):
        if str(suggestion.pk) == id:
            return suggestion
    raise Invalid.field("/suggestion", "Choose one of the suggestions to approve.")


def reason_of(request: SignedInRequest) -> str:
    """What was written into the form, however long."""
    return request.POST.get("reason", "").strip()


def looks_of(request: SignedInRequest) -> list[UUID]:
    """What services said is there now, as the form says that it was shown."""
    return [one for text in request.POST.getlist("look")[:MOST] if (one := read_uuid(text))]


def check_length(reason: str) -> None:
    """Raises `Invalid` where nobody would read it to the end."""
    if len(reason) > LONGEST_REASON:
        raise Invalid.field("/reason", f"Say it in at most {LONGEST_REASON:,} characters.")


def refused(
    request: SignedInRequest, proposal_id: UUID, refusal: Refusal, typed: RefusedForm
) -> HttpResponse:
    """No error page for losing a race: the proposal as it is now says who won."""
    told = {"verdict": typed.verb, "refusal": type(refusal).__name__}
    record_alone("decision.refused", actor=actor_of(request), proposal=proposal_id, data=told)
    if confirm.is_needed(refusal):
        return confirm.go(request, proposal_id)
    detail = _seen(
        proposal_id,
        reader=request.user,
        query=query_of(request),
        chosen=request.POST.get("suggestion", ""),
        refusal=in_words(refusal, typed.verb),
        typed=replace(typed, kept=confirm.fields_of(request)),
    )
    status = 422 if isinstance(refusal, Invalid) else 409
    if request.htmx:
        return only_detail(request, detail, status=status)
    return desk(request, detail, status=status)


def in_words(refusal: Refusal, verb: str = "approve") -> str:
    """What the person is told who was refused."""
    if isinstance(refusal, AlreadyResolved) and verb in DONE:
        return f"{refusal.detail} Your decision was not counted."
    if isinstance(refusal, Invalid):
        return " ".join(error["detail"] for error in refusal.errors)
    return refusal.detail


def go_on(request: SignedInRequest, proposal: Proposal) -> HttpResponse:
    """See other: the next proposal that waits for this person, or the empty queue."""
    filters = Filters.read(request.GET)
    next_id = read.following(proposal, teams_of(request), filters, reviewer=request.user)
    address = reverse("approvals:proposal", args=[next_id]) if next_id else reverse("approvals:queue")
    return see_other(address + filters.query())


def decide_on(
    request: SignedInRequest, proposal_id: UUID, name: str, verb: Callable[[Proposal, str], Decided]
) -> HttpResponse:
    """Call the verb; then the next proposal, or this one again with what was refused and why."""
    proposal = visible(request, proposal_id)
    reason = reason_of(request)
    try:
        check_length(reason)
        decided = verb(proposal, reason)
    except Refusal as refusal:
        return refused(request, proposal_id, refusal, RefusedForm(name, reason, request.POST.get("team", "")))
    waits = "" if decided.resolution or name == "escalate" else WAITS
    said = f"{DONE[name]}: {rows_of([proposal.pk])[0].sentence}.{waits}" if not request.htmx else ""
    return decided_on(request, proposal, decided, said)


def decided_on(request: SignedInRequest, proposal: Proposal, decided: Decided, said: str) -> HttpResponse:
    """After a decision: what a check was, else the next proposal; without scripts it is said on top."""
    if wants(request, "settled"):
        return _settled(request, proposal, decided)
    if decided.check:
        return see_other(reverse("approvals:proposal", args=[proposal.pk]) + query_of(request))
    if not request.htmx:
        messages.success(request, said)
    return go_on(request, proposal)


def _settled(request: SignedInRequest, proposal: Proposal, decided: Decided) -> HttpResponse:
    """To a page that went on already: where to see what a check was, a word about pace, mostly nothing."""
    if decided.check:
        check = reverse("approvals:proposal", args=[proposal.pk]) + query_of(request)
        return HttpResponse(status=204, headers={"HX-Location": check})
    word = pace.word_for(pace.latest(request.user), request.session)
    if word is None:
        return HttpResponse(status=204)
    return render(request, "approvals/detail/_pace.html", {"pace": word})
