"""What people do about a proposal besides deciding: claim, assign, note, escalate, take back, undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.beside import claims, comments
from approvals.deciding import decide
from approvals.deciding import undo as undoing
from approvals.deciding.decide import Decided
from approvals.desk.pages import (
    decide_on,
    deciding_verb,
    looks_of,
    reason_of,
    refused,
    same_again,
    see_other,
    undoables,
)
from approvals.detail.gather import RefusedForm
from approvals.queue.doors import SignedInRequest, query_of, signed_in, visible
from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, Refusal
from governance.models import Team, User
from governance.people import preferences
from suggestions.models import Proposal

# --- Deciding with others -----------------------------------------------------------------------------


@deciding_verb
def escalate(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Ask another team instead of one's own; then the next proposal."""

    def say(proposal: Proposal, reason: str) -> Decided:
        to = Team.objects.filter(pk=request.POST.get("team", "")[:64]).first()
        if to is None:
            raise Invalid.field("/team", "Choose the team that is to decide.")
        return decide.escalate(
            proposal.pk,
            to=to,
            reviewer=request.user,
            actor=actor_of(request),
            reason=reason,
            shown=looks_of(request),
        )

    return decide_on(request, proposal_id, "escalate", say)


@deciding_verb
def take_back(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """What one said stands no longer; say it anew, or leave it to others."""

    def do(proposal: Proposal) -> None:
        decide.take_back(proposal.pk, reviewer=request.user, actor=actor_of(request))

    return _beside(request, proposal_id, "take-back", do, "Taken back. You can decide anew.")


@deciding_verb
def undo(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Let one's approval not have happened; the proposal is open again."""
    proposal = visible(request, proposal_id)
    try:
        undoing.undo(proposal.pk, reviewer=request.user, actor=actor_of(request))
    except Refusal as refusal:
        return refused(request, proposal_id, refusal, RefusedForm("undo"))
    if not request.htmx:
        messages.success(request, "Undone: nothing was carried out, and it waits again.")
    return see_other(reverse("approvals:proposal", args=[proposal_id]) + query_of(request))


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def undoable(request: SignedInRequest) -> HttpResponse:
    """One's approvals that can still be undone: the bar above the list's end."""
    found = undoables(request, undoing.undoable(request.user))
    return render(request, "approvals/beside/_undo.html", {"undoable": found})


# --- Who is on it -------------------------------------------------------------------------------------


@deciding_verb
def claim(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Take the lease, or take it over where that is said aloud."""

    def do(proposal: Proposal) -> None:
        over = request.POST.get("take_over") == "yes"
        claims.claim(proposal.pk, user=request.user, actor=actor_of(request), take_over=over)

    return _beside(request, proposal_id, "claim", do, "It is yours for ten minutes.")


@deciding_verb
def release(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    def do(proposal: Proposal) -> None:
        claims.release(proposal.pk, user=request.user, actor=actor_of(request))

    return _beside(request, proposal_id, "claim", do, "Given up: anybody can take it.")


@deciding_verb
def assign(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Put somebody else on it who could decide."""
    chosen = request.POST.get("to", "")

    def do(proposal: Proposal) -> None:
        to = User.objects.filter(pk=whole(chosen, most=10**9) or 0).first()
        if to is None:
            raise Invalid.field("/to", "Choose who is to look at it.")
        claims.assign(proposal.pk, to=to, by=request.user, actor=actor_of(request))

    return _beside(request, proposal_id, "assign", do, "Assigned.", choice=chosen)


@deciding_verb
def comment(request: SignedInRequest, proposal_id: UUID) -> HttpResponse:
    """Write a note for the others; the agent never sees it."""
    text = reason_of(request)

    def do(proposal: Proposal) -> None:
        comments.comment(proposal.pk, author=request.user, actor=actor_of(request), text=text)

    return _beside(request, proposal_id, "comment", do, "Noted.", reason=text)


def _beside(
    request: SignedInRequest,
    proposal_id: UUID,
    name: str,
    do: Callable[[Proposal], Any],
    done: str,
    **typed: str,
) -> HttpResponse:
    """Call a verb that decides nothing; then the same proposal, as it is now."""
    try:
        do(visible(request, proposal_id))
    except Refusal as refusal:
        return refused(
            request, proposal_id, refusal, RefusedForm(name, typed.get("reason", ""), typed.get("choice", ""))
        )
    return same_again(request, proposal_id, done)


# --- One's own desk -----------------------------------------------------------------------------------


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def help_with_keys(request: SignedInRequest) -> HttpResponse:
    """Which key does what, and whether single ones do anything."""
    return render(request, "approvals/desk/_help.html")


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_POST
def keys(request: SignedInRequest) -> HttpResponse:
    """Single-key shortcuts on or off, for this person wherever they sign in."""
    preferences.set_single_keys(request.user, request.POST.get("on") == "yes", actor=actor_of(request))
    return HttpResponse(status=204) if request.htmx else redirect("approvals:queue")
