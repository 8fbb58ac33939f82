"""The reviewer's desk: the queue, one proposal, and the verdicts on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from approvals.attention.seen import check_shown
from approvals.deciding import decide, second
from approvals.deciding import reopen as reopening
from approvals.deciding.decide import Decided
from approvals.desk import confirm
from approvals.desk.around import around_of
from approvals.desk.pages import (
    check_length,
    decide_on,
    deciding_verb,
    desk,
    detail_for,
    looks_of,
    only_detail,
    or_where_it_went,
    reason_of,
    refused,
    suggestion_named,
)
from approvals.detail.gather import RefusedForm
from approvals.queue import read
from approvals.queue.doors import SignedInRequest, query_of, signed_in, teams_of, visible, wants
from approvals.queue.filters import Filters
from approvals.vigilance import samples
from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Refusal
from audit.ground.unseen import pieces, shown
from governance.door.deciders import DECIDES
from governance.models import Risk
from suggestions.models import Proposal, Sample

# --- Reading --------------------------------------------------------------------------------------


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def queue(request: SignedInRequest) -> HttpResponse:
    """The list; without filters the view that this person wants to open first."""
    if wants(request, "detail"):
        return only_detail(request, None)
    around = around_of(request.user)
    first = next((view for view in around.views if view.opens_first), None)
    if first and not request.GET and not request.htmx:
        return redirect(reverse("approvals:queue") + first.query)
    return desk(request, None, around)


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
@or_where_it_went
def proposal(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    try:
        detail = detail_for(request, proposal_id)
    except Http404:
        asked = second.asked_of(request.user).filter(proposal=proposal_id).first()
        if asked is None:
            raise
        to = reverse("approvals:second-look", args=[asked.pk])
        return HttpResponseClientRedirect(to) if request.htmx else redirect(to)
    return only_detail(request, detail) if wants(request, "detail") else desk(request, detail)


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def version(request: SignedInRequest) -> JsonResponse:
    """Something cheap to ask every few seconds: other than before, the list is read again."""
    return JsonResponse({"version": read.version()})


MOST_MATCHED = 200  # rows that come in one breath


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def matching(request: SignedInRequest) -> JsonResponse:
    """Which of these proposals (`id`, several) belong to the list as its filters stand in the address."""
    ids = [one for text in request.GET.getlist("id")[:MOST_MATCHED] if (one := read_uuid(text))]
    found = read.matching(teams_of(request), Filters.read(request.GET), ids, me=request.user.pk)
    return JsonResponse({"ids": found})


# --- Deciding -------------------------------------------------------------------------------------


@deciding_verb
def approve(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    def verb(proposal: Proposal, reason: str) -> Decided:
        suggestion = suggestion_named(proposal, request.POST.get("suggestion", ""))
        digest = request.POST.get("action_digest", "")
        check_shown(digest, said=request.POST.get("shown", ""))
        return decide.approve(
            suggestion,
            reviewer=request.user,
            actor=actor_of(request),
            shown_digest=digest,
            reason=reason,
            proof=confirm.proof_of(request),
            shown=looks_of(request),
        )

    return decide_on(request, proposal_id, "approve", verb)


@deciding_verb
def reject(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    def verb(proposal: Proposal, reason: str) -> Decided:
        return decide.reject(
            proposal.pk,
            reviewer=request.user,
            actor=actor_of(request),
            reason=reason,
            shown=looks_of(request),
        )

    return decide_on(request, proposal_id, "reject", verb)


@deciding_verb
def give_back(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    def verb(proposal: Proposal, reason: str) -> Decided:
        return decide.give_back(
            proposal.pk,
            reviewer=request.user,
            actor=actor_of(request),
            reason=reason,
            shown=looks_of(request),
        )

    return decide_on(request, proposal_id, "return", verb)


@deciding_verb
def reopen(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """The agent may ask again; then this proposal once more, which says so."""
    try:
        reopening.reopen(visible(request, proposal_id).pk, reviewer=request.user, actor=actor_of(request))
    except Refusal as refusal:
        return refused(request, proposal_id, refusal, RefusedForm("reopen"))
    if request.htmx:
        return only_detail(request, detail_for(request, proposal_id))
    messages.success(request, "The agent may ask for this again, and was told so.")
    return redirect(reverse("approvals:proposal", args=[proposal_id]) + query_of(request))


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def answer(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Was it right that this passed? Then the next that is to be checked."""
    proposal = visible(request, proposal_id)
    sample = get_object_or_404(samples.asked_of(request.user), proposal=proposal)
    right = request.POST.get("answer") == "right"
    reason = reason_of(request)
    try:
        check_length(reason)
        samples.answer(sample, right=right, reviewer=request.user, actor=actor_of(request), reason=reason)
    except Refusal as refusal:
        return refused(request, proposal_id, refusal, RefusedForm("right" if right else "wrong", reason))
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
def check(request: SignedInRequest) -> HttpResponse:
    """What was carried out without a person and is asked about; and what was answered."""
    ended = request.GET.get("show") == "answered"
    rows, following = samples.page(teams_of(request), ended=ended, cursor=request.GET.get("cursor", ""))
    here = reverse("approvals:check")
    kept = {"show": "answered"} if ended else {}
    return render(
        request,
        "approvals/desk/check.html",
        {
            "rows": [_checked(sample) for sample in rows],
            "ended": ended,
            "waiting": samples.how_many_wait(teams_of(request)),
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
