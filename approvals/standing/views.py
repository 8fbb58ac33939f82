"""The pages of standing approvals: drafting one from a decision, and the list of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals.queue.rows import subject_of
from approvals.showing.arguments import as_text
from approvals.standing import standing as drafting
from approvals.standing.standing import Like, NoDecision, SeveralTeams, optional_of
from audit.asking.bodies import check
from audit.asking.parameters import whole
from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from audit.ground.unseen import Piece, pieces, shown
from governance.door.deciders import DECIDES
from governance.models import StandingApproval, User
from governance.showing.sentences import path_label
from governance.trust import standing
from governance.trust.standing import Bound
from suggestions.models import Proposal, Resolution

PAGE = 30
STATUS = StandingApproval.Status
ENDED = "ended"
WORDS = {
    "equal": "exactly this",
    "at_most": "at most",
    "at_least": "at least",
    "one_of": "one of, a line each",
    "prefix": "begins with",
    "any": "anything",
    "absent": "left out",
}


# --- Drafting one -------------------------------------------------------------------------------------


@dataclass
class Field:
    """One argument in the form: what was approved, and what the like of it may be."""

    name: str
    value: Any
    approved: list[Piece]
    kinds: list[tuple[str, str]]
    kind: str
    text: str
    title: str = ""
    errors: list[str] = field(default_factory=list)


@login_required
@permission_required(DECIDES, raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    """The form, and what becomes of it."""
    visible = Proposal.objects.visible_to(_person(request)).select_related("agent", "team", "resolution")
    proposal = get_object_or_404(visible, pk=proposal_id)
    try:
        resolution = drafting.source_of(proposal)
    except (NoDecision, SeveralTeams) as refusal:
        messages.error(request, refusal.detail)
        return redirect("approvals:proposal", proposal_id=proposal.pk)
    fields = _fields(resolution, request.POST)
    if request.method != "POST":
        return _form(request, proposal, resolution, fields)
    try:
        like = _like(request.POST, fields)
        drafting.draft(proposal, like, reviewer=_person(request), actor=actor_of(request))
    except Invalid as refusal:
        rest = _place(refusal, fields)
        return _form(request, proposal, resolution, fields, errors=rest, status=422)
    except Refusal as refusal:
        return _form(request, proposal, resolution, fields, errors=[refusal.detail], status=409)
    messages.success(
        request, f"Drafted. It counts once somebody else of the team {proposal.team.name} has activated it."
    )
    return redirect("standing:list")


def _form(
    request: HttpRequest,
    proposal: Proposal,
    resolution: Resolution,
    fields: list[Field],
    *,
    errors: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    kind = resolution.suggestion.action_type  # type: ignore[union-attr] # an approval names one
    pretended = StandingApproval(agent=proposal.agent, action=kind.name, version=kind.version)
    context = {
        "proposal": proposal,
        "sentence": shown(resolution.sentence or resolution.suggestion.sentence),  # type: ignore[union-attr]
        "agent": shown(proposal.agent.name),
        "subject": subject_of(proposal),
        "kind": kind,
        "fields": fields,
        "errors": errors or [],
        "typed": request.POST,
        "not_yet": standing.not_yet([pretended])[pretended.pk],
        "days": request.POST.get("days", standing.DAYS),
        "most_days": standing.LONGEST.days,
        "uses": request.POST.get("uses", standing.USES),
        "most_uses": standing.MOST_USES,
    }
    return render(request, "approvals/standing/standing_form.html", context, status=status)


def _fields(resolution: Resolution, typed: Mapping[str, str]) -> list[Field]:
    """What was approved, then what was left out; the form knows them by their places here."""
    kind = resolution.suggestion.action_type  # type: ignore[union-attr] # an approval names one
    approved = resolution.arguments or {}
    required = [name for name in kind.schema.get("required", []) if name in approved]
    names = list(dict.fromkeys([*required, *sorted(approved)]))
    found = [_field(name, approved[name], typed, place) for place, name in enumerate(names)]
    found += [
        _left_out(name, typed, place)
        for place, name in enumerate(optional_of(kind.schema, approved), len(names))
    ]
    for one in found:
        one.title = path_label(kind, approved, (one.name,))
    return found


def _field(name: str, value: Any, typed: Mapping[str, str], place: int) -> Field:
    if isinstance(value, int | float) and not isinstance(value, bool):
        kinds = ["equal", "at_most", "at_least", "one_of", "any"]
    elif isinstance(value, str):
        kinds = ["equal", "prefix", "one_of", "any"]
    else:
        kinds = ["equal", "any"]
    told = pieces(as_text(value))
    # A field for typing can't mark what is not seen: such a value is not put into one.
    text = "" if any(piece.mark for piece in told) else as_text(value)
    return Field(
        name=name,
        value=value,
        approved=told,
        kinds=[(kind, WORDS[kind]) for kind in kinds],
        kind=typed.get(f"kind-{place}", "equal"),
        text=typed.get(f"text-{place}", text),
    )


def _left_out(name: str, typed: Mapping[str, str], place: int) -> Field:
    kinds = [(kind, WORDS[kind]) for kind in ("absent", "any")]
    return Field(name, None, [], kinds, typed.get(f"kind-{place}", "absent"), "")


def _like(typed: Mapping[str, str], fields: list[Field]) -> Like:
    """What the form says. Raises `Invalid`."""
    errors = []
    bounds = {}
    for one in fields:
        try:
            if bound := _bound(one):
                bounds[one.name] = check(Bound, bound)
        except (Invalid, ValueError):
            errors.append({"pointer": f"/arguments/{one.name}", "detail": _wanted(one)})
    if errors:
        raise Invalid(errors)
    return Like(
        arguments=bounds,
        any_subject=typed.get("subject") == "any",
        any_version=typed.get("version") == "any",
        lasts=timedelta(days=_whole(typed, "days")),
        uses=_whole(typed, "uses"),
        note=typed.get("note", "").strip()[:300],
    )


def _bound(one: Field) -> dict[str, Any]:
    """As `Bound` reads it; nothing for what is left out. Raises `ValueError`."""
    if one.kind not in dict(one.kinds):
        raise ValueError
    text = one.text.replace("\r", "")
    number = not isinstance(one.value, str)
    if one.kind == "absent":
        return {}
    if one.kind == "equal":
        return {"equal": one.value}
    if one.kind == "any":
        return {"any": True}
    if one.kind == "one_of":
        lines = [line for line in text.split("\n") if line.strip()]
        return {"one_of": [_number(line) for line in lines] if number else lines}
    return {one.kind: _number(text) if number else text}


def _number(text: str) -> int | float:
    """Raises `ValueError`."""
    value = json.loads(text.strip(), parse_constant=_no_number)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 2**53 - 1:
        raise ValueError
    return value


def _no_number(text: str) -> Any:
    raise ValueError


def _wanted(one: Field) -> str:
    if one.kind == "prefix":
        return "Give at least one character."
    if isinstance(one.value, str):
        return "Give at least one value, and at most 50."
    return "Give a number, or several where it is one of them, a line each."


def _whole(typed: Mapping[str, str], name: str) -> int:
    found = whole(typed.get(name, "").strip(), most=99_999)
    if found is None:
        raise Invalid.field(f"/{name}", "Give whole numbers of days and of uses.")
    return found


def _place(refusal: Invalid, fields: list[Field]) -> list[str]:
    """Put each error beside its field; returns those that belong to none."""
    by_pointer = {f"/arguments/{one.name}": one for one in fields}
    rest = []
    for error in refusal.errors:
        one = by_pointer.get(error["pointer"].replace("~1", "/").replace("~0", "~"))
        if one:
            one.errors.append(error["detail"])
        else:
            rest.append(error["detail"])
    return rest


# --- The list -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """One standing approval, and what the reader may do with it."""

    approval: StandingApproval
    agent: str
    rule: list[Piece]
    note: list[Piece]
    reason: list[Piece]
    not_yet: list[str]
    may_activate: bool
    why_not: str
    may_revoke: bool


@login_required
@permission_required("governance.view_standingapproval", raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Those that wait and count, or those that have ended; the newest first."""
    ended = request.GET.get("state") == ENDED
    waiting = [STATUS.DRAFT, STATUS.ACTIVE]
    rows = StandingApproval.objects.visible_to(_person(request)).order_by("-id")
    rows = rows.exclude(status__in=waiting) if ended else rows.filter(status__in=waiting)
    if after := read_uuid(request.GET.get("after", "")):
        rows = rows.filter(pk__lt=after)
    found = list(rows.select_related("agent", "team", "drafted_by", "activated_by", "ended_by")[: PAGE + 1])
    state = {"state": ENDED} if ended else {}
    here = reverse("standing:list")
    reasons = standing.not_yet(found[:PAGE])
    teams = set(_person(request).teams.values_list("pk", flat=True))
    context = {
        "cards": [_card(one, _person(request), teams, reasons[one.pk]) for one in found[:PAGE]],
        "tabs": [
            {"label": "Waiting and active", "url": here, "current": not ended},
            {"label": "Ended", "url": f"{here}?{urlencode({'state': ENDED})}", "current": ended},
        ],
        "ended": ended,
        "next_url": f"?{urlencode({**state, 'after': found[PAGE - 1].pk})}" if len(found) > PAGE else "",
        "previous_url": f"?{urlencode(state)}" if after else "",
    }
    return render(request, "approvals/standing/standing_list.html", context)


def _card(approval: StandingApproval, reader: User, teams: set[str], not_yet: list[str]) -> Card:
    member = reader.has_perm(DECIDES) and approval.team_id in teams
    draft = approval.status == STATUS.DRAFT
    why_not = _why_not(approval, reader) if member and draft else ""
    may_revoke = member or reader.has_perm("governance.change_standingapproval")
    return Card(
        approval=approval,
        agent=shown(approval.agent.name),
        rule=pieces(approval.rule),
        note=pieces(approval.note),
        reason=pieces(approval.ending_reason),
        not_yet=not_yet if approval.is_open else [],
        may_activate=member and draft and not why_not,
        why_not=why_not,
        may_revoke=approval.is_open and may_revoke,
    )


def _why_not(approval: StandingApproval, reader: User) -> str:
    if approval.drafted_by_id == reader.pk:
        return standing.YourOwnDraft.detail
    return standing.YourOwnAgent.detail if approval.agent.owner_id == reader.pk else ""


@login_required
@permission_required(DECIDES, raise_exception=True)
@require_POST
def activate(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    return _move(request, approval_id, standing.activate, "It counts from now on.")


@login_required
@permission_required("governance.view_standingapproval", raise_exception=True)
@require_POST
def revoke(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Whether this person may is for the verb to say: members of the team, and operators."""
    return _move(request, approval_id, standing.revoke, "Revoked: it lets nothing pass any more.")


def _move(request: HttpRequest, approval_id: UUID, verb: Callable[..., Any], done: str) -> HttpResponse:
    visible = StandingApproval.objects.visible_to(_person(request))
    approval = get_object_or_404(visible, pk=approval_id)
    try:
        verb(approval.pk, by=_person(request), actor=actor_of(request))
    except standing.NotYourTeam as refusal:
        raise PermissionDenied from refusal
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, done)
    return redirect("standing:list")


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
