"""The first-run page: what this is, a sample by one button, and how to send one oneself."""

from __future__ import annotations

import json

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from approvals.desk import first as verbs
from approvals.desk.pages import in_words
from approvals.desk.today import decided_today
from approvals.queue.doors import SignedInRequest, signed_in
from audit.asking.who import actor_of
from audit.ground.refusals import Refusal
from audit.log.record import record_alone
from governance.door.deciders import DECIDES
from suggestions.models import Proposal


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_GET
def first(request: SignedInRequest) -> HttpResponse:
    """How a proposal comes here, and what becomes of it."""
    waiting = verbs.waiting()
    sees_it = waiting and Proposal.objects.visible_to(request.user).filter(pk=waiting.pk).exists()
    return render(
        request,
        "approvals/desk/first.html",
        {
            "is_empty": verbs.is_empty(),
            "may_send": verbs.may_send(request.user),
            "waiting": waiting if sees_it else None,
            "address": verbs.address(),
            "body": json.dumps(verbs.body(1), indent=2, ensure_ascii=False),
        },
    )


@signed_in
@permission_required("suggestions.view_proposal", raise_exception=True)
@require_POST
def send_sample(request: SignedInRequest) -> HttpResponse:
    """Hand in a sample; then its page."""
    if not verbs.may_send(request.user):
        raise PermissionDenied
    try:
        proposal = verbs.send_sample(person=request.user, actor=actor_of(request))
    except Refusal as refusal:
        record_alone("sample.refused", actor=actor_of(request), data={"refusal": type(refusal).__name__})
        messages.warning(request, in_words(refusal))
        return _see_other("approvals:first")
    if not Proposal.objects.visible_to(request.user).filter(pk=proposal.pk).exists():
        messages.info(request, f"The sample waits for {proposal.team.name}, and you are not in that team.")
        return _see_other("approvals:first")
    return _see_other("approvals:proposal", proposal.pk)


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_GET
def today(request: SignedInRequest) -> HttpResponse:
    """How many one has decided today, for a page that stays open."""
    return render(request, "approvals/desk/_today.html", {"decided_today": decided_today(request.user)})


def _see_other(name: str, *where: object) -> HttpResponse:
    response = redirect(name, *where)
    response.status_code = 303
    return response
