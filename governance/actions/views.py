"""The pages of action types: all of them, one with its versions, and taking in new ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit.asking.who import actor_of
from governance.actions import action_types, words
from governance.actions.action_types import InvalidActionType, Problem
from governance.actions.changes import Change, NeedsConsent, Registered
from governance.models import ActionType, Agent
from governance.schemas.data_classes import Marks
from governance.showing.lines import lines

PAGE = 50
MOST_VERSIONS = 50
MOST_AGENTS = 50
MOST_NAMED = 5
MOST_BYTES = 1024 * 1024


@login_required
@permission_required("governance.view_actiontype", raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """What agents may propose at all."""
    asked, after = _clean(request.GET.get("q", "")), _clean(request.GET.get("after", ""))
    chosen = ActionType.objects.current().order_by("name")
    if asked:
        chosen = chosen.filter(Q(name__icontains=asked) | Q(description__icontains=asked))
    rows = list((chosen.filter(name__gt=after) if after else chosen)[: PAGE + 1])
    here, given = reverse("governance:action-types"), {"q": asked} if asked else {}
    more = {**given, "after": rows[PAGE - 1].name} if len(rows) > PAGE else None
    context = {
        "types": [_row(action_type) for action_type in rows[:PAGE]],
        "asked": asked,
        "next_url": f"{here}?{urlencode(more)}" if more else "",
        "next_label": "More",
        "previous_url": (f"{here}?{urlencode(given)}" if given else here) if after else "",
        "previous_label": "First",
    }
    return render(request, "governance/actions/action_types.html", context)


@login_required
@permission_required("governance.view_actiontype", raise_exception=True)
@require_safe
def one(request: HttpRequest, action: str) -> HttpResponse:
    """One version, the newest unless another is asked for, and how it differs from the one before."""
    versions = list(ActionType.objects.filter(name=action).order_by("-version")[:MOST_VERSIONS])
    if not versions:
        raise Http404
    chosen = _version(versions, request.GET.get("version", "")) or versions[0]
    before = _version(versions, request.GET.get("before", ""))
    if before is None:
        before = _version(versions, str(chosen.version - 1))
    return render(request, "governance/actions/action_type.html", _told(chosen, before, versions))


@login_required
@permission_required("governance.change_actiontype", raise_exception=True)
@require_safe
def asked(request: HttpRequest) -> HttpResponse:
    """Where definitions are pasted or uploaded."""
    return _form(request)


@login_required
@permission_required("governance.change_actiontype", raise_exception=True)
@require_POST
def take(request: HttpRequest) -> HttpResponse:
    """Show what would change; or register what was shown."""
    text = request.POST.get("text", "")
    try:
        uploaded = request.FILES.get("file")
        if uploaded is not None and not text.strip():
            text = _decoded(uploaded)
        return _taken(request, text)
    except InvalidActionType as refusal:
        return _form(request, text=text, problems=refusal.problems)


def _taken(request: HttpRequest, text: str) -> HttpResponse:
    source = action_types.clean_source(request.POST.get("source", ""))
    found = action_types.read(text)
    tools, problems = action_types.sifted(found.tools)
    if problems and not _ticked(request, "skip_wrong"):
        return _form(request, text=text, problems=problems, right=len(tools))
    if "register" not in request.POST:
        return _previewed(request, text, found.notes, action_types.preview(tools, source=source), problems)
    try:
        done = action_types.register_all(
            tools,
            actor=actor_of(request),
            source=source,
            accept_milder=_ticked(request, "accept_milder"),
            take_over=_ticked(request, "take_over"),
        )
    except NeedsConsent as refusal:
        changes = action_types.preview(tools, source=source)
        return _previewed(request, text, found.notes, changes, problems, unsaid=refusal)
    return _registered(request, done)


def _previewed(
    request: HttpRequest,
    text: str,
    notes: list[str],
    changes: list[Change],
    problems: list[Problem],
    *,
    unsaid: NeedsConsent | None = None,
) -> HttpResponse:
    """What would change, the gravest first, and a tick for each thing that has to be meant."""
    preview = sorted((_change(change) for change in changes), key=lambda change: change["order"])
    kinds = [change.kind for change in changes]
    context = {
        **_typed(request, text),
        "preview": preview,
        "notes": notes,
        "problems": problems,
        "counted": {
            "new": kinds.count("new"),
            "replaced": kinds.count("replaces"),
            "unchanged": kinds.count("unchanged"),
            "changing": len(kinds) - kinds.count("unchanged"),
            "all": len(kinds),
        },
        "asks_milder": any(change.milder for change in changes),
        "asks_take_over": any(change.taken_from for change in changes),
        "unsaid": unsaid.flag if unsaid else "",
    }
    return render(
        request, "governance/actions/take_action_types.html", context, status=409 if unsaid else 200
    )


def _registered(request: HttpRequest, done: list[Registered]) -> HttpResponse:
    new = [one for one in done if one.new and one.change.before is None]
    replaced = [one for one in done if one.new and one.change.before is not None]
    told = [
        f"{word}: {', '.join(str(one.action_type) for one in found[:MOST_NAMED])}"
        + (f" and {len(found) - MOST_NAMED} more." if found[MOST_NAMED:] else ".")
        for word, found in (("Registered", new), ("Replaced", replaced))
        if found
    ]
    messages.success(request, " ".join(told) or "Nothing changed: all of them were registered before.")
    return redirect("governance:action-types")


def _form(
    request: HttpRequest, *, text: str = "", problems: list[Problem] | None = None, right: int = 0
) -> HttpResponse:
    context = {**_typed(request, text), "problems": problems, "right": right, "refused": bool(problems)}
    return render(
        request, "governance/actions/take_action_types.html", context, status=422 if problems else 200
    )


def _typed(request: HttpRequest, text: str) -> dict[str, Any]:
    return {
        "text": text,
        "source": request.POST.get("source", "")[:200],
        "skip_wrong": _ticked(request, "skip_wrong"),
        "accept_milder": _ticked(request, "accept_milder"),
        "take_over": _ticked(request, "take_over"),
    }


def _ticked(request: HttpRequest, name: str) -> bool:
    return request.POST.get(name) == "yes"


def _decoded(file: Any) -> str:
    if file.size > MOST_BYTES:
        raise InvalidActionType("file", "", f"is larger than {MOST_BYTES // 1024} KiB")
    try:
        return str(file.read().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidActionType("file", "", "is not text in UTF-8") from error


def _change(change: Change) -> dict[str, Any]:
    before = words.written(action_types.definition_of(change.before)) if change.before else []
    return {
        "name": change.name,
        "kind": change.kind,
        "said": change.in_words,
        "milder": change.milder,
        "taken_from": change.taken_from,
        "order": (not (change.milder or change.taken_from), change.kind != "replaces", change.kind != "new"),
        "version": (change.before.version if change.before else 0) + change.changes,
        "lines": list(lines(before, words.written(change.complete))) if change.changes else [],
    }


def _row(action_type: ActionType) -> dict[str, Any]:
    return {
        "name": action_type.name,
        "version": action_type.version,
        "url": reverse("governance:action-type", args=[action_type.name]),
        "description": action_type.description,
        "reversibility": action_type.get_reversibility_display(),
        "irreversible": action_type.reversibility == ActionType.Reversibility.IRREVERSIBLE,
        "classes": sorted({*action_type.data_classes, *Marks(action_type.schema).classes}),
        "runs": "by a worker" if action_type.workflow else "by the agent",
    }


def _told(chosen: ActionType, before: ActionType | None, versions: list[ActionType]) -> dict[str, Any]:
    here = reverse("governance:action-type", args=[chosen.name])
    may = Agent.objects.filter(Q(allowed_actions=None) | Q(allowed_actions__contains=[chosen.name]))
    names = list(may.order_by("name").values_list("name", "enabled")[: MOST_AGENTS + 1])
    after = words.written(action_types.definition_of(chosen))
    return {
        "type": chosen,
        "hazards": words.hazards(chosen),
        "marked": words.marked(chosen),
        "example": words.example(chosen),
        "schema": "\n".join(words.written(chosen.schema)),
        "agents": [{"name": name, "enabled": enabled} for name, enabled in names[:MOST_AGENTS]],
        "more_agents": len(names) > MOST_AGENTS,
        "before": before,
        "lines": list(lines(words.written(action_types.definition_of(before)), after)) if before else [],
        "versions": [
            {
                "version": v.version,
                "current": v.current,
                "at": v.created_at,
                "digest": v.definition_digest,
                "url": f"{here}?version={v.version}",
                "shown": v == chosen,
            }
            for v in versions
        ],
        "stop_url": f"{reverse('halts:asked')}?{urlencode({'scope': 'action', 'action': chosen.name})}",
    }


def _version(versions: list[ActionType], asked: str) -> ActionType | None:
    return next((v for v in versions if str(v.version) == asked), None)


def _clean(text: str) -> str:
    return text.strip()[:100]
