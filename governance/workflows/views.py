"""The page on which the workflow of an action type is written, checked and saved as a new version."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from audit.asking.who import actor_of
from audit.ground.refusals import Invalid
from governance.actions.action_types import InvalidActionType
from governance.models import ActionType
from governance.policies import policy_yaml
from governance.showing.lines import lines
from governance.workflows import written
from governance.workflows.check import Checked, check
from governance.workflows.save import PERMISSION, ReplacedMeanwhile, save

may_write = permission_required(PERMISSION, raise_exception=True)


@login_required
@may_write
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, action: str) -> HttpResponse:
    """Write it; what is faulty comes back as it was written, with every mistake at its line."""
    current = _current(action)
    if request.method == "GET":
        return _editor(request, current, written.as_written(current) or written.beginning(current))
    text = policy_yaml.tidy(request.POST.get("text", ""))
    found = check(text, current)
    if "check" in request.POST:  # where no script runs
        return _editor(request, current, text, found=found, version=_version(request))
    try:
        content = found.definition()
    except Invalid:
        return _editor(request, current, text, found=found, version=_version(request), status=422)
    return _saved(request, current, text, content)


@require_POST
def checked(request: HttpRequest, action: str) -> HttpResponse:
    """What is wrong with what stands in the editor, while it is being written; and its picture."""
    if request.headers.get("HX-Request") and not request.user.is_authenticated:
        return HttpResponse(status=401)  # a script can't follow anybody to the log-in page
    return _checked(request, action)


@login_required
@may_write
@require_POST
def remove(request: HttpRequest, action: str) -> HttpResponse:
    """From the next version on the agent carries it out itself."""
    return _saved(request, _current(action), "", None)


@login_required
@may_write
def _checked(request: HttpRequest, action: str) -> HttpResponse:
    current = _current(action)
    text = policy_yaml.tidy(request.POST.get("text", ""))
    return render(request, "governance/workflows/_check.html", _told(current, text, check(text, current)))


def _saved(request: HttpRequest, current: ActionType, text: str, content: Any) -> HttpResponse:
    try:
        saved = save(current.name, content, version=_version(request), actor=actor_of(request), text=text)
    except ReplacedMeanwhile as refusal:
        current = _current(current.name)
        text = text or written.as_written(current)
        return _editor(request, current, text, meanwhile=refusal.detail, status=409)
    except InvalidActionType as refusal:  # as of a secret that was taken away this moment
        errors = [{"pointer": "", "detail": one.problem, "line": 1, "column": 1} for one in refusal.problems]
        return _editor(request, current, text, found=Checked(content, errors=errors), status=422)
    version = saved.action_type.version
    if saved.is_new:
        messages.success(request, f"Version {version} is in force. What came in before keeps its version.")
    elif saved.is_reworded:
        messages.success(request, f"Your words are kept. Version {version} stays: they say the same.")
    else:
        messages.info(request, f"Nothing changed: version {version} says the same.")
    return redirect("governance:action-type", current.name)


def _editor(
    request: HttpRequest,
    current: ActionType,
    text: str,
    *,
    found: Checked | None = None,
    version: int | None = None,
    meanwhile: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        **_told(current, text, found or check(text, current)),
        "text": text,
        "version": current.version if version is None else version,
        "is_new": current.workflow is None,
        "refused": status == 422,
        "meanwhile": meanwhile,
    }
    return render(request, "governance/workflows/workflow_edit.html", context, status=status)


def _told(current: ActionType, text: str, found: Checked) -> dict[str, Any]:
    """What is wrong, what it looks like, and what would change."""
    before, after = written.text_of(current.workflow), written.text_of(found.content)
    return {
        "type": current,
        "next_version": current.version + 1,
        "errors": _with_lines(text, found.errors),
        "warnings": _with_lines(text, found.warnings),
        "plan": found.plan,
        "lines": list(lines(before.splitlines(), after.splitlines())) if found.plan and before else [],
        "is_same": bool(found.plan) and found.content == current.workflow,
    }


def _with_lines(text: str, errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with the line that it is about, so that one need not look for it."""
    rows = text.splitlines()
    return [
        {**one, "source": rows[one["line"] - 1].strip()[:120] if 0 < one["line"] <= len(rows) else ""}
        for one in errors
    ]


def _current(action: str) -> ActionType:
    return get_object_or_404(ActionType.objects.current(), name=action)


def _version(request: HttpRequest) -> int:
    """The version that was on the page; 0 where none was told, which there never is."""
    said = request.POST.get("version", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 0
