"""Edit and retry, on a page: other arguments for what could not be carried out, in the form of an edit."""

from __future__ import annotations

from copy import copy
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.deciding import edits
from approvals.deciding.edits import Preview
from approvals.editing import page as edit_page
from approvals.editing.page import Typed
from approvals.queue.doors import SignedInRequest, signed_in, visible
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import pieces, shown
from execution.board import edit
from execution.desk.attend import NotWaiting
from execution.models import Execution
from governance.actions import catalogue
from suggestions.models import Proposal, Suggestion

ATTENDS = "execution.attend_execution"
DONE = "It waits for its reviewers, with other arguments. Nothing runs before they approve."
AS_IT_WAS = "Nothing was changed, so it is tried again as it was approved."


@signed_in
@permission_required(ATTENDS, raise_exception=True)
@require_http_methods(["GET", "POST"])
def edit_execution(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """The approved arguments in a form. Every button of it sends all of it; one sends it to the reviewers."""
    proposal = visible(request, proposal_id)
    execution = _of(proposal)
    refusal = edit.why_not(execution) if execution else NotWaiting()
    if execution is None or refusal:
        return _closed(request, proposal_id, refusal or NotWaiting())
    if request.method == "GET":
        return _drawn(request, execution, edit_page.begin(_schema(execution), _approved(execution).arguments))
    do = request.POST.get("do", "check")
    try:
        typed = edit_page.take(_schema(execution), request.POST, do)
    except Invalid:
        return redirect("approvals:edit-execution", proposal_id)
    if do not in ("check", "send"):
        return _drawn(request, execution, typed)
    entry = catalogue.entry(execution.suggestion.action_type)
    if not edit_page.check(entry, typed) or typed.value is None:
        return _drawn(request, execution, typed, status=422)
    if do == "check":
        return _checked(request, execution, typed, typed.value)
    return _sent(request, execution, typed, typed.value)


def _closed(request: SignedInRequest, proposal_id: UUID, refusal: Refusal) -> HttpResponse:
    """It can't be edited, or not any more: the case says how it stands."""
    messages.warning(request, refusal.detail)
    return redirect("approvals:proposal", proposal_id)


def _of(proposal: Proposal) -> Execution | None:
    found = Execution.objects.filter(proposal=proposal).with_doubt()
    return found.select_related("proposal__resolution", "suggestion__action_type").first()


def _schema(execution: Execution) -> Any:
    return execution.suggestion.action_type.schema_as_written


def _approved(execution: Execution) -> Suggestion:
    """The suggestion as it was approved, which is what an edit starts from."""
    approved, resolution = copy(execution.suggestion), execution.proposal.resolution
    approved.arguments, approved.sentence = resolution.arguments or {}, resolution.sentence
    approved.action_digest = resolution.action_digest
    return approved


def _checked(
    request: SignedInRequest, execution: Execution, typed: Typed, arguments: dict[str, Any]
) -> HttpResponse:
    """What reviewers would be asked; changes nothing."""
    try:
        found = edits.preview(execution.proposal, _approved(execution), arguments)
    except Refusal as refusal:
        return _drawn(request, execution, typed, refusal=refusal, status=422)
    return _drawn(request, execution, typed, preview=found)


def _sent(
    request: SignedInRequest, execution: Execution, typed: Typed, arguments: dict[str, Any]
) -> HttpResponse:
    seen = request.POST.get("round", "")
    try:
        former = edit.edit_and_retry(
            execution,
            by=request.user,
            arguments=arguments,
            reason=request.POST.get("reason", ""),
            checked=bool(request.POST.get("checked")),
            seen=int(seen) if seen.isdecimal() and len(seen) < 6 else None,
            actor=actor_of(request),
        )
    except Refusal as refusal:
        return _refused(request, execution, typed, refusal)
    messages.success(request, DONE if former else AS_IT_WAS)
    return redirect("approvals:proposal", execution.proposal_id)


def _refused(request: SignedInRequest, execution: Execution, typed: Typed, refusal: Refusal) -> HttpResponse:
    """What was typed, with why it was not taken; where it changed meanwhile, how it stands now."""
    still = _of(execution.proposal)
    if still is None or edit.why_not(still):
        return _closed(request, execution.proposal_id, refusal)
    try:
        found = edits.preview(still.proposal, _approved(still), typed.value or {})
    except Refusal as stops:
        return _drawn(request, still, typed, refusal=stops, status=422)
    status = 422 if isinstance(refusal, Invalid) else 409
    return _drawn(request, still, typed, refusal=refusal, preview=found, status=status)


def _drawn(
    request: SignedInRequest,
    execution: Execution,
    typed: Typed,
    *,
    refusal: Refusal | None = None,
    preview: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    address = reverse("approvals:edit-execution", args=[execution.proposal_id])
    said = " ".join(one["detail"] for one in refusal.errors) if isinstance(refusal, Invalid) else ""
    context = {
        "edit": edit_page.drawn(
            _approved(execution),
            typed,
            url=address,
            refusal=refusal,
            preview=preview,
            reason=request.POST.get("reason", ""),
            in_words=said or (refusal.detail if refusal else ""),
        ),
        "execution": execution,
        "agent": shown(execution.proposal.agent.name),
        "why": pieces(execution.reason),
        "in_doubt": edit.is_in_doubt(execution),
        "looked": bool(request.POST.get("checked")),
    }
    return render(request, "approvals/editing/execution.html", context, status=status)
