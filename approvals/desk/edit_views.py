"""Edit, then approve: the form, what its buttons do, what an edit would come to, and the approval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from approvals.deciding import decide, edits
from approvals.deciding.decide import Decided
from approvals.deciding.edits import JudgedAnew, Preview
from approvals.deciding.step_up import StepUpNeeded
from approvals.desk import confirm
from approvals.desk.around import around_of
from approvals.desk.listing import list_of
from approvals.desk.pages import (
    WAITS,
    check_length,
    decided_on,
    detail_for,
    in_words,
    looks_of,
    or_where_it_went,
    reason_of,
    suggestion_named,
)
from approvals.detail.gather import Detail
from approvals.editing import page as edit_page
from approvals.editing.page import Typed
from approvals.queue.doors import SignedInRequest, query_of, signed_in, visible, wants
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import shown
from audit.log.record import record_alone
from governance.actions import catalogue
from governance.door.deciders import DECIDES
from governance.showing.sentences import sentence
from suggestions.models import Proposal, Suggestion


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_http_methods(["GET", "POST"])
@or_where_it_went
def edit(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """A suggestion's arguments in a form. Every button of it sends all of it; one of them approves."""
    proposal = visible(request, proposal_id)
    try:
        suggestion = _suggestion(request, proposal)
        if request.method == "GET":
            return _begin(request, proposal, suggestion)
        do = request.POST.get("do", "check")
        typed = edit_page.take(suggestion.action_type.schema_as_written, request.POST, do)
    except Invalid:
        return redirect(reverse("approvals:proposal", args=[proposal_id]) + query_of(request))
    if do not in ("check", "approve"):
        return _drawn(request, proposal, suggestion, typed)
    if not edit_page.check(catalogue.entry(suggestion.action_type), typed) or typed.value is None:
        return _drawn(request, proposal, suggestion, typed, status=422)
    if do == "check":
        return _checked(request, proposal, suggestion, typed)
    return _approve(request, proposal, suggestion, typed, typed.value)


def _suggestion(request: SignedInRequest, proposal: Proposal) -> Suggestion:
    asked = request.GET.get("suggestion", "")
    if not asked:
        return proposal.suggestions.select_related("action_type").get(rank=1)
    return suggestion_named(proposal, asked)


def _begin(request: SignedInRequest, proposal: Proposal, suggestion: Suggestion) -> HttpResponse:
    detail = detail_for(request, proposal.pk)
    if not detail.may_decide:  # the page of the proposal says why
        return redirect(detail.url)
    schema, kept = suggestion.action_type.schema_as_written, detail.typed.kept
    if "mode" not in kept:
        typed = edit_page.begin(schema, suggestion.arguments)
        return _drawn(request, proposal, suggestion, typed, detail=detail)
    typed = edit_page.take(schema, kept, "check")  # back from confirming who they are
    found = _preview(proposal, suggestion, typed) if typed.value is not None else None
    return _drawn(request, proposal, suggestion, typed, preview=found, detail=detail)


def _checked(
    request: SignedInRequest, proposal: Proposal, suggestion: Suggestion, typed: Typed
) -> HttpResponse:
    """What it would come to; changes nothing."""
    try:
        found = edits.preview(proposal, suggestion, typed.value or {})
    except Refusal as refusal:
        return _drawn(request, proposal, suggestion, typed, refusal=refusal, status=_status(refusal))
    return _drawn(request, proposal, suggestion, typed, preview=found)


def _approve(
    request: SignedInRequest,
    proposal: Proposal,
    suggestion: Suggestion,
    typed: Typed,
    arguments: dict[str, Any],
) -> HttpResponse:
    """Approve exactly what was shown, asked for exactly as was shown; else show it again."""
    reason = reason_of(request)
    try:
        check_length(reason)
        decided = _decide(request, suggestion, arguments, reason)
    except Refusal as refusal:
        return _refused(request, proposal, suggestion, typed, refusal)
    entry = catalogue.entry(suggestion.action_type)
    said = shown(sentence(entry.type, arguments, found=entry.marks.of(arguments)))
    waits = "" if decided.resolution else WAITS
    return decided_on(request, proposal, decided, f"Approved as edited: {said}.{waits}")


def _decide(
    request: SignedInRequest, suggestion: Suggestion, arguments: dict[str, Any], reason: str
) -> Decided:
    with transaction.atomic():
        decided = decide.approve(
            suggestion,
            reviewer=request.user,
            actor=actor_of(request),
            shown_digest=request.POST.get("shown_digest", ""),
            arguments=arguments,
            reason=reason,
            proof=confirm.proof_of(request),
            shown=looks_of(request),
        )
        asked = edits.asks(Proposal.objects.get(pk=suggestion.proposal_id))
        if edit_page.checked(decided.decision.action_digest, asked) != request.POST.get("checked", ""):
            raise JudgedAnew(asked=asked)  # takes the decision back
    return decided


def _refused(
    request: SignedInRequest, proposal: Proposal, suggestion: Suggestion, typed: Typed, refusal: Refusal
) -> HttpResponse:
    told = {"verdict": "approve", "refusal": type(refusal).__name__}
    record_alone("decision.refused", actor=actor_of(request), proposal=proposal.pk, data=told)
    if confirm.is_needed(refusal):
        return confirm.go(request, proposal.pk, back=_url(request, proposal, suggestion))
    proposal = visible(request, proposal.pk)
    found = _preview(proposal, suggestion, typed) if isinstance(refusal, JudgedAnew | StepUpNeeded) else None
    said = _news(request.POST, found) if found else []
    return _drawn(
        request,
        proposal,
        suggestion,
        typed,
        refusal=refusal,
        preview=found,
        said=said,
        status=_status(refusal),
    )


def _preview(proposal: Proposal, suggestion: Suggestion, typed: Typed) -> Preview | None:
    try:
        return edits.preview(proposal, suggestion, typed.value or {})
    except Refusal:
        return None


def _news(sent: Mapping[str, str], found: Preview) -> list[str]:
    """What is asked now and was not when the edit was checked."""
    try:
        before = json.loads(sent.get("asked", ""))
        return edit_page.more_asked(before, found.asked)
    except (ValueError, KeyError, TypeError):
        return []


def _url(request: SignedInRequest, proposal: Proposal, suggestion: Suggestion) -> str:
    address = reverse("approvals:edit", args=[proposal.pk]) + query_of(request)
    return address + ("&" if "?" in address else "?") + urlencode({"suggestion": str(suggestion.pk)})


def _status(refusal: Refusal) -> int:
    return 422 if isinstance(refusal, Invalid | edits.EditBlocked | edits.EditOutOfBounds) else 409


def _drawn(
    request: SignedInRequest,
    proposal: Proposal,
    suggestion: Suggestion,
    typed: Typed,
    *,
    refusal: Refusal | None = None,
    preview: Preview | None = None,
    said: list[str] | None = None,
    detail: Detail | None = None,
    status: int = 200,
) -> HttpResponse:
    detail = detail or detail_for(request, proposal.pk)
    kept = detail.typed.kept
    editing = edit_page.drawn(
        suggestion,
        typed,
        url=_url(request, proposal, suggestion),
        refusal=refusal,
        preview=preview,
        reason=request.POST.get("reason", kept.get("reason", "")),
        closed=detail.why_not or detail.bar.why_not_approve,
        in_words=in_words(refusal) if refusal else "",
        said=said or [],
        key_figure=request.POST.get("key_figure", kept.get("key_figure", "")),
    )
    context = {"detail": detail, "edit": editing, "confirmed": confirm.confirmed(request)}
    if wants(request, "detail"):
        response = render(request, "approvals/editing/_edit.html", context, status=status)
    else:
        page = {**list_of(request, around_of(request.user)), **context, "selected": detail}
        response = render(request, "approvals/editing/edit.html", page, status=status)
    if request.method == "POST":
        response["HX-Push-Url"] = "false"  # it is the address that is open already
    return response
