"""Edit, then approve: the form, what its buttons do, what an edit would come to, and the approval."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from approvals import decide, edit_page, edits
from approvals.decide import Decided
from approvals.desk_list import list_of
from approvals.desk_pages import (
    WAITS,
    check_length,
    decided_on,
    detail_for,
    in_words,
    reason_of,
    suggestion_named,
)
from approvals.doors import Asked, query_of, signed_in, visible, wants
from approvals.edit_page import Typed
from approvals.edits import JudgedAnew, Preview
from audit.asking import actor_of
from audit.record import record_alone
from audit.refusals import Invalid, Refusal
from governance import catalogue, sentences
from suggestions.models import Proposal, Suggestion


@signed_in
@permission_required("approvals.add_decision", raise_exception=True)
@require_http_methods(["GET", "POST"])
def edit(request: Asked, proposal_id: UUID) -> HttpResponse:
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


def _suggestion(request: Asked, proposal: Proposal) -> Suggestion:
    asked = request.GET.get("suggestion", "")
    if not asked:
        return proposal.suggestions.select_related("action_type").get(rank=1)
    return suggestion_named(proposal, asked)


def _begin(request: Asked, proposal: Proposal, suggestion: Suggestion) -> HttpResponse:
    detail = detail_for(request, proposal.pk)
    if not detail.may_decide:  # the page of the proposal says why
        return redirect(detail.url)
    typed = edit_page.begin(suggestion.action_type.schema_as_written, suggestion.arguments)
    return _drawn(request, proposal, suggestion, typed)


def _checked(request: Asked, proposal: Proposal, suggestion: Suggestion, typed: Typed) -> HttpResponse:
    """What it would come to; changes nothing."""
    try:
        found = edits.preview(proposal, suggestion, typed.value or {})
    except Refusal as refusal:
        return _drawn(request, proposal, suggestion, typed, refusal=refusal, status=_status(refusal))
    return _drawn(request, proposal, suggestion, typed, preview=found)


def _approve(
    request: Asked, proposal: Proposal, suggestion: Suggestion, typed: Typed, arguments: dict[str, Any]
) -> HttpResponse:
    """Approve exactly what was shown, asked for exactly as was shown; else show it again."""
    reason = reason_of(request)
    try:
        check_length(reason)
        decided = _decide(request, suggestion, arguments, reason)
    except Refusal as refusal:
        return _refused(request, proposal, suggestion, typed, refusal)
    entry = catalogue.entry(suggestion.action_type)
    said = sentences.sentence(entry.type, arguments, found=entry.marks.of(arguments))
    waits = "" if decided.resolution else WAITS
    return decided_on(request, proposal, decided, f"Approved as edited: {said}.{waits}")


def _decide(request: Asked, suggestion: Suggestion, arguments: dict[str, Any], reason: str) -> Decided:
    with transaction.atomic():
        decided = decide.approve(
            suggestion,
            reviewer=request.user,
            actor=actor_of(request),
            shown_digest=request.POST.get("shown_digest", ""),
            arguments=arguments,
            reason=reason,
        )
        asked = edits.asks(Proposal.objects.get(pk=suggestion.proposal_id))
        if edit_page.checked(decided.decision.action_digest, asked) != request.POST.get("checked", ""):
            raise JudgedAnew(asked=asked)  # takes the decision back
    return decided


def _refused(
    request: Asked, proposal: Proposal, suggestion: Suggestion, typed: Typed, refusal: Refusal
) -> HttpResponse:
    told = {"verdict": "approve", "refusal": type(refusal).__name__}
    record_alone("decision.refused", actor=actor_of(request), proposal=proposal.pk, data=told)
    proposal = visible(request, proposal.pk)
    found = _preview(proposal, suggestion, typed) if isinstance(refusal, JudgedAnew) else None
    said = _news(request, found) if found else []
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


def _news(request: Asked, found: Preview) -> list[str]:
    """What is asked now and was not when the edit was checked."""
    try:
        before = json.loads(request.POST.get("asked", ""))
        return edit_page.more_asked(before, found.asked)
    except (ValueError, KeyError, TypeError):
        return []


def _status(refusal: Refusal) -> int:
    return 422 if isinstance(refusal, Invalid | edits.EditBlocked | edits.EditOutOfBounds) else 409


def _drawn(
    request: Asked,
    proposal: Proposal,
    suggestion: Suggestion,
    typed: Typed,
    *,
    refusal: Refusal | None = None,
    preview: Preview | None = None,
    said: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    detail = detail_for(request, proposal.pk)
    address = reverse("approvals:edit", args=[proposal.pk]) + query_of(request)
    url = address + ("&" if "?" in address else "?") + urlencode({"suggestion": str(suggestion.pk)})
    editing = edit_page.drawn(
        suggestion,
        typed,
        url=url,
        refusal=refusal,
        preview=preview,
        reason=request.POST.get("reason", ""),
        closed=not detail.may_decide,
        in_words=in_words(refusal) if refusal else "",
        said=said or [],
    )
    context = {"detail": detail, "edit": editing}
    if wants(request, "detail"):
        response = render(request, "approvals/_edit.html", context, status=status)
    else:
        page = {**list_of(request), **context, "selected": detail}
        response = render(request, "approvals/edit.html", page, status=status)
    if request.method == "POST":
        response["HX-Push-Url"] = "false"  # it is the address that is open already
    return response
