"""The pages of what teams carry out by hand: the list, and one task with its form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.desk.pages import in_words
from approvals.editing import page as form_page
from approvals.editing.form import Drawing
from approvals.editing.nodes import blank
from approvals.editing.page import Typed
from approvals.manual import read
from approvals.queue.doors import SignedInRequest, signed_in
from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from execution.manual import tasks
from execution.manual.forms import form_of
from execution.models import ManualTask
from governance.door.deciders import DECIDES

SEES = "suggestions.view_proposal"
_TOLD = {
    "done": "It is done. What comes next goes on.",
    "give_up": "Somebody else is asked to go on with it.",
}


@signed_in
@permission_required(SEES, raise_exception=True)
@require_GET
def listed(request: SignedInRequest) -> HttpResponse:
    """What is open, by its deadline; or what has ended, the newest first."""
    ended = request.GET.get("show") == "ended"
    team = request.GET.get("team", "")
    before = read_uuid(request.GET.get("before", "")) if ended else None
    found = read.page_of(request.user, ended=ended, team=team, before=before)
    has_more = len(found) > read.PAGE
    context = {
        "rows": [read.row_of(task) for task in found[: read.PAGE]],
        "ended": ended,
        "open": read.how_many_open(request.user),
        "team": team,
        "earlier": _earlier(team, found[read.PAGE - 1]) if has_more and ended else "",
        "too_many": has_more and not ended,
    }
    return render(request, "approvals/manual/list.html", context)


def _earlier(team: str, last: ManualTask) -> str:
    asked = {"show": "ended", **({"team": team} if team else {}), "before": str(last.pk)}
    return f"{reverse('approvals:by-hand')}?{urlencode(asked)}"


@signed_in
@permission_required(SEES, raise_exception=True)
@require_http_methods(["GET", "POST"])
def one(request: SignedInRequest, task_id: UUID) -> HttpResponse:
    """One task. Every button of its form sends all of it; two of them end the task."""
    task = _task(request, task_id)
    if request.method == "GET":
        return _page(request, task, _blank(task))
    if not request.user.has_perm(DECIDES):
        raise PermissionDenied
    typed, do = _typed(request, task), request.POST.get("do", "")
    if do not in ("done", "give_up"):
        return _page(request, task, typed)
    try:
        if do == "done":
            _done(request, task, typed)
        else:
            reason = request.POST.get("comment", "")
            tasks.give_up(task, by=request.user, reason=reason, actor=actor_of(request))
    except Refusal as refusal:
        return _page(request, task, typed, refusal=refusal)
    messages.success(request, _TOLD[do])
    return redirect("approvals:task", task_id)


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def claim(request: SignedInRequest, task_id: UUID) -> HttpResponse:
    return _changed(request, task_id, tasks.claim)


@signed_in
@permission_required(DECIDES, raise_exception=True)
@require_POST
def release(request: SignedInRequest, task_id: UUID) -> HttpResponse:
    return _changed(request, task_id, tasks.release)


def _changed(request: SignedInRequest, task_id: UUID, verb: Any) -> HttpResponse:
    task = _task(request, task_id)
    try:
        verb(task, by=request.user, actor=actor_of(request))
    except Refusal as refusal:
        messages.warning(request, in_words(refusal))
    return redirect("approvals:task", task_id)


def _task(request: SignedInRequest, task_id: UUID) -> ManualTask:
    task = read.task_for(request.user, task_id)
    if task is None:
        raise Http404
    return task


# --- The form ---------------------------------------------------------------------------------------


def _schema(task: ManualTask) -> Any:
    form = form_of(task)
    return form.type.schema if form else None


def _blank(task: ManualTask) -> Typed | None:
    schema = _schema(task)
    return Typed(blank(schema, schema)) if schema is not None else None


def _typed(request: SignedInRequest, task: ManualTask) -> Typed | None:
    """What was filled in so far, after what the button does."""
    schema = _schema(task)
    if schema is None:
        return None
    try:
        return form_page.take(schema, request.POST, request.POST.get("do", ""))
    except Invalid:  # no form came back: begin anew
        return _blank(task)


def _done(request: SignedInRequest, task: ManualTask, typed: Typed | None) -> None:
    form = form_of(task)
    if form and typed and not form_page.check(form, typed):
        raise Invalid.field("", "Put right what is marked below.")
    answer = typed.value if typed else None
    comment = request.POST.get("comment", "")
    tasks.report_done(task, by=request.user, answer=answer, comment=comment, actor=actor_of(request))


def _page(
    request: SignedInRequest, task: ManualTask, typed: Typed | None, *, refusal: Refusal | None = None
) -> HttpResponse:
    schema = _schema(task)
    field = None
    if typed and typed.tree:
        field = Drawing(schema, None, typed.tree, errors=typed.errors, sent=typed.sent).field()
    context = {
        "shown": read.shown_to(request.user, task),
        "field": field,
        "typed": typed,
        "focus": typed.focus if typed else "",
        "comment": request.POST.get("comment", ""),
        "refusal": in_words(refusal) if refusal else "",
    }
    status = 200 if refusal is None else 422 if isinstance(refusal, Invalid | tasks.SaysNothing) else 409
    return render(request, "approvals/manual/task.html", context, status=status)
