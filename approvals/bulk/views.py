"""Several proposals at once: looking at them side by side, one answer, and what became of each."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.bulk import answer as verbs
from approvals.bulk import table as bulk_table
from approvals.bulk.answer import BatchOver, Shown
from approvals.deciding.together import MOST, alike, candidates
from approvals.desk.pages import check_length, in_words, reason_of
from approvals.models import Batch, BatchItem
from approvals.queue.doors import SignedInRequest, signed_in, visible
from approvals.showing.statuses import status_label
from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Refusal
from audit.ground.unseen import pieces, shown
from audit.log.record import record_alone
from governance.door.deciders import DECIDES
from governance.models import User

_SALT = "approvals.bulk"
_TICKET_LASTS = 8 * 3600  # seconds; a table that somebody left open overnight is looked at again
SAID = {"approve": "Approve", "reject": "Reject", "return": "Return"}
DONE = {"approve": "approved", "reject": "rejected", "return": "returned"}


class StaleTable(Refusal):
    detail = "This table is too old, or not yours. Look at it again."


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_http_methods(["GET", "POST"])
def bulk(request: SignedInRequest) -> HttpResponse:
    """What is chosen side by side (`?id=` each, or `?like=` one); by POST the answer to all of it."""
    if request.method == "POST":
        return _answer(request)
    ids, more = _chosen(request)
    return _table(request, ids, more=more)


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_GET
def batch(request: SignedInRequest, batch_id: UUID) -> HttpResponse:
    """What became of each."""
    return render(request, "approvals/bulk/batch.html", {"batch": _shown(_own(request, batch_id))})


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def go_on(request: SignedInRequest, batch_id: UUID) -> HttpResponse:
    """Decide on what is left, for a while."""
    found = _own(request, batch_id)
    try:
        verbs.go_on(found, actor=actor_of(request))
    except BatchOver as refusal:
        messages.warning(request, refusal.detail)
    return _again(request, found)


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def undo_batch(request: SignedInRequest, batch_id: UUID) -> HttpResponse:
    """Take back all approvals of it that nothing has come of yet."""
    found = _own(request, batch_id)
    undone, late = verbs.undo_all(found, actor=actor_of(request))
    if not undone and not late:
        messages.warning(request, "There was nothing to undo.")
    elif late:
        messages.warning(request, f"{undone} undone; {late} could not be any more.")
    else:
        messages.success(request, f"{undone} undone: {'it waits' if undone == 1 else 'they wait'} again.")
    return _again(request, found)


# --- The table ----------------------------------------------------------------------------------------


def _chosen(request: SignedInRequest) -> tuple[list[UUID], bool]:
    """What is asked for, each once; and whether there is more than one table takes."""
    like = read_uuid(request.GET.get("like", ""))
    if like:
        ids = alike(visible(request, like), request.user)
    else:
        ids = list(dict.fromkeys(filter(None, map(read_uuid, request.GET.getlist("id")))))
    without = {read_uuid(text) for text in request.GET.getlist("without")}
    return [one for one in ids if one not in without][:MOST], len(ids) > MOST


def _table(
    request: SignedInRequest,
    ids: list[UUID],
    *,
    more: bool = False,
    refusal: str = "",
    typed: tuple[str, str] = ("", ""),
    status: int = 200,
) -> HttpResponse:
    together = bulk_table.side_by_side(candidates(ids, request.user))
    lines = [line for table in together.tables for line in table.lines]
    context = {
        "t": together,
        "ids": [line.id for line in lines],
        "items": "\n".join(line.shown for line in lines),
        "ticket": ticket_for(request.user),
        "more": more,
        "most": MOST,
        "refusal": refusal,
        "typed_verdict": typed[0],
        "typed_reason": typed[1],
    }
    return render(request, "approvals/bulk/bulk.html", context, status=status)


def ticket_for(reader: User) -> str:
    """What a form brings back: the batch that it would be, for whom, and when it was drawn."""
    said = {"batch": str(uuid4()), "for": reader.pk, "at": int(time.time())}
    return signing.dumps(said, salt=_SALT)


def _read_ticket(request: SignedInRequest) -> tuple[UUID, int]:
    """The batch, and for how many seconds its table can have been looked at. Raises `StaleTable`."""
    try:
        said = signing.loads(request.POST.get("ticket", ""), salt=_SALT, max_age=_TICKET_LASTS)
    except signing.BadSignature as error:
        raise StaleTable from error
    if said["for"] != request.user.pk:
        raise StaleTable
    return UUID(said["batch"]), max(0, int(time.time()) - said["at"] + 1)


# --- The answer ---------------------------------------------------------------------------------------


def _answer(request: SignedInRequest) -> HttpResponse:
    items = _items(request)
    found = candidates([one.proposal for one in items], request.user)
    known = {one.proposal.pk for one in found}
    items = [one for one in items if one.proposal in known]
    if not items:
        raise Http404
    verdict, reason = request.POST.get("verdict", ""), reason_of(request)
    try:
        check_length(reason)
        batch_id, age = _read_ticket(request)
        submitted = verbs.submit(
            batch_id,
            items,
            verdict=verdict,
            said=f"{SAID.get(verdict, '')} {bulk_table.in_words(found)}",
            reviewer=request.user,
            actor=actor_of(request),
            reason=reason,
            looked_seconds=_looked(request, age),
        )
        verbs.go_on(submitted, actor=actor_of(request))
    except verbs.OtherBatch as refusal:
        _note(request, verdict, refusal)
        messages.warning(request, refusal.detail)
        return redirect("approvals:batch", batch_id=batch_id)
    except Refusal as refusal:
        _note(request, verdict, refusal)
        ids = [one.proposal for one in items]
        return _table(request, ids, refusal=in_words(refusal), typed=(verdict, reason), status=422)
    return _see_other(submitted)


def _note(request: SignedInRequest, verdict: str, refusal: Refusal) -> None:
    told = {"verdict": verdict[:20], "refusal": type(refusal).__name__}
    record_alone("batch.refused", actor=actor_of(request), data=told)


def _items(request: SignedInRequest) -> list[Shown]:
    """What the form says was shown: "id:digest" or "id:digest,look", a line each."""
    found = []
    for line in request.POST.get("items", "").split()[: MOST + 1]:
        text, _, rest = line.partition(":")
        digest, _, look = rest.partition(",")
        if proposal := read_uuid(text):
            found.append(Shown(proposal, digest[:71], read_uuid(look)))
    return found


def _looked(request: SignedInRequest, at_most: int) -> int | None:
    """For how long the table was in the foreground, as the browser told."""
    seconds = whole(request.POST.get("seconds", ""), most=10**8)
    return None if seconds is None else min(seconds, at_most)


# --- What became of it --------------------------------------------------------------------------------


def _own(request: SignedInRequest, batch_id: UUID) -> Batch:
    return get_object_or_404(Batch.objects.select_related("reviewer"), pk=batch_id, reviewer=request.user)


def _again(request: SignedInRequest, found: Batch) -> HttpResponse:
    if request.htmx:
        return render(request, "approvals/bulk/_batch.html", {"batch": _shown(found)})
    return _see_other(found)


def _see_other(found: Batch) -> HttpResponse:
    response = redirect("approvals:batch", batch_id=found.pk)
    response.status_code = 303
    return response


def _shown(found: Batch) -> dict[str, Any]:
    items = list(found.items.select_related("proposal__resolution", "proposal__agent"))
    left = [item for item in items if item.outcome == BatchItem.Outcome.WAITING]
    undoable = verbs.undoable(found)
    address = reverse("approvals:batch", args=[found.pk])
    return {
        "said": shown(found.said),
        "reason": pieces(found.reason),
        "at": found.at,
        "items": [_item(item, found) for item in items],
        "number": len(items),
        "ended": len(items) - len(left),
        "left": len(left),
        "is_over": bool(left) and verbs.is_over(found),
        "summary": _summary(items, found),
        "go_url": f"{address}go/",
        "undo_url": f"{address}undo/",
        "undoable": undoable,
    }


def _item(item: BatchItem, found: Batch) -> dict[str, Any]:
    done, is_check = item.outcome == BatchItem.Outcome.DONE, item.outcome == BatchItem.Outcome.CHECK
    return {
        "url": reverse("approvals:proposal", args=[item.proposal_id]),
        "sentence": pieces(item.proposal.sentence),
        "agent": shown(item.proposal.agent.name),
        "status": DONE[found.verdict] if done else item.outcome,
        "label": DONE[found.verdict] if done else item.get_outcome_display(),
        "detail": shown(item.detail),
        "now": "over" if is_check else status_label(item.proposal) or "waiting",
    }


def _summary(items: list[BatchItem], found: Batch) -> str:
    """How many of each: "11 approved, 1 not decided"."""
    numbers = {
        outcome: sum(item.outcome == outcome for item in items) for outcome in BatchItem.Outcome.values
    }
    words = {
        "done": DONE[found.verdict],
        "waits": "waiting for somebody else",
        "undone": "undone",
        "check": "a check" if numbers["check"] == 1 else "checks",
        "refused": "not decided",
        "waiting": "still to come",
    }
    return ", ".join(f"{numbers[name]} {word}" for name, word in words.items() if numbers[name])
