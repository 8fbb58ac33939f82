"""The pages of policies: all versions, one of them, the editor, the difference of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.asking.who import actor_of
from audit.ground.refusals import Invalid, Refusal
from governance.agents import next_steps
from governance.expressions import known_facts
from governance.models import PolicyVersion, User
from governance.policies import check_policy, find, lifecycle, words
from governance.policies.diff import difference
from governance.policies.policy import never_asked, parse

STATUS = PolicyVersion.Status
BEGINNING = """\
# What needs whom. The strictest verdict of all rules that apply wins: block, then review, then auto_approve.
version: 1
defaults: {verdict: review, team: operations, approvals: 1, decide_within: 4h}

rules:
  - name: large-refund
    when: action.name == "refund_payment" && args.amount > 500.0
    then: {verdict: review, approvals: 2, decide_within: 30m, priority: 80, reason: "Above 500"}
"""
may_read = permission_required("governance.view_policyversion", raise_exception=True)
may_write = permission_required(lifecycle.PERMISSION, raise_exception=True)


@login_required
@may_read
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Every version, the newest first."""
    before = request.GET.get("before", "")
    found = find.page(before)
    shown = found[: find.PAGE]
    active = PolicyVersion.objects.active().first()
    context = {
        "policies": [_row(version, _person(request)) for version in shown],
        "compare_url": _compare_url(shown, active),
        "active": active and _row(active),
        "may_write": request.user.has_perm(lifecycle.PERMISSION),
        "next_url": f"?{urlencode({'before': shown[-1].pk})}" if len(found) > find.PAGE else "",
        "next_label": "Older",
        "previous_url": "?" if before else "",
        "previous_label": "Newest",
    }
    return render(request, "governance/policies/policies.html", context)


@login_required
@may_read
@require_GET
def one(request: HttpRequest, policy: str) -> HttpResponse:
    """One version: what it says, how far it has come, what can be done with it."""
    version = _version(policy)
    content = parse(version.text)
    active = PolicyVersion.objects.active().first()
    context = {
        "version": version,
        "policy": _row(version),
        "steps": _steps(version),
        "moves": _moves(version, _person(request)),
        "rules": words.sentences(content),
        "defaults": words.defaults(content),
        "may_pass": content.may_pass,
        "never_asked": never_asked(content),
        "lines": list(enumerate(version.text.splitlines(), start=1)),
        "history": [{**told, "at": parse_datetime(told["at"])} for told in find.history(version)],
        "other": _other(version, active),
        "may_write": request.user.has_perm(lifecycle.PERMISSION),
    }
    return render(request, "governance/policies/policy.html", context)


@login_required
@may_write
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Write a policy; what is faulty comes back as it was written, with every mistake at its line."""
    if request.method == "GET":
        return _editor(request, _text_to_begin_with(request), note="")
    text, note = request.POST.get("text", ""), request.POST.get("note", "")
    try:
        version, created = lifecycle.draft(text, author=_person(request), note=note, actor=actor_of(request))
    except Invalid as refusal:
        return _editor(
            request, text, note=note, found=check_policy.Checked(errors=refusal.errors), status=422
        )
    if created:
        messages.success(request, "Kept as a draft. It changes nothing yet.")
    else:
        messages.info(request, "This version was there already; it says the same.")
    return redirect("governance:policy", version.pk)


@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What is wrong with what stands in the editor, while it is being written."""
    if request.headers.get("HX-Request") and not request.user.is_authenticated:
        return HttpResponse(status=401)  # a script can't follow anybody to the log-in page
    return _check(request)


@login_required
@may_write
def _check(request: HttpRequest) -> HttpResponse:
    text = request.POST.get("text", "")
    return render(request, "governance/policies/_policy_check.html", _checked(text, check_policy.check(text)))


@login_required
@may_read
@require_GET
def diff(request: HttpRequest) -> HttpResponse:
    """What changes from one version to another."""
    choices = [_row(version) for version in find.page()]
    a, b = (find.named(request.GET.get(name, "")) for name in "ab")
    context: dict[str, Any] = {"choices": choices}
    if a and b:
        found = difference(a, b)
        context |= {"a": _row(a), "b": _row(b), "found": found, "sentences": found.sentences}
        listed_already = {choice["digest"] for choice in choices}
        context["choices"] += [
            row for row in (context["a"], context["b"]) if row["digest"] not in listed_already
        ]
    return render(request, "governance/policies/policy_diff.html", context)


@login_required
@may_write
@require_POST
def approve(request: HttpRequest, policy: str) -> HttpResponse:
    return _move(request, _version(policy), lifecycle.approve, "Approved. It can be activated now.")


@login_required
@may_write
@require_POST
def activate(request: HttpRequest, policy: str) -> HttpResponse:
    version = _version(policy)
    said = f"In force: from now on {_rules(version)} on every new proposal."
    return _move(request, version, lifecycle.activate, said)


@login_required
@may_write
@require_POST
def shadow(request: HttpRequest, policy: str) -> HttpResponse:
    """Let it run beside the active one, or stop that."""
    version = _version(policy)
    on = request.POST.get("on") == "yes"
    said = (
        "It runs beside the active version now, without effect." if on else "It no longer runs in the shadow."
    )

    def verb(version: PolicyVersion, **who: Any) -> None:
        if on or version.shadow:
            lifecycle.set_shadow(version if on else None, **who)

    return _move(request, version, verb, said)


@login_required
@may_write
@require_POST
def roll_back(request: HttpRequest) -> HttpResponse:
    """Back to the version before; the reason is kept with the one that is left."""
    left = PolicyVersion.objects.active().first()

    def verb(_: Any, **who: Any) -> None:
        lifecycle.rollback(reason=request.POST.get("reason", ""), **who)

    return _move(request, left, verb, "The version before is in force again.", to_active=True)


def _move(
    request: HttpRequest,
    version: PolicyVersion | None,
    verb: Callable[..., Any],
    said: str,
    *,
    to_active: bool = False,
) -> HttpResponse:
    """Make a move and tell what came of it; a refusal is told on the page that the button was on."""
    try:
        verb(version, by=_person(request), actor=actor_of(request))
    except Invalid as refusal:
        messages.error(request, " ".join(error["detail"] for error in refusal.errors))
    except Refusal as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, said)
        version = PolicyVersion.objects.active().first() if to_active else version
    return redirect("governance:policy", version.pk) if version else redirect("governance:policies")


def _editor(
    request: HttpRequest,
    text: str,
    *,
    note: str,
    found: check_policy.Checked | None = None,
    status: int = 200,
) -> HttpResponse:
    found = found or check_policy.check(text)
    context = {
        **_checked(text, found),
        "text": text,
        "note": note,
        "longest_note": lifecycle.LONGEST_NOTE,
        "refused": status != 200,
        "facts": _facts(),
    }
    return render(request, "governance/policies/policy_edit.html", context, status=status)


def _compare_url(shown: list[PolicyVersion], active: PolicyVersion | None) -> str:
    """The newest version beside the one in force, or beside the one before it."""
    if len(shown) < 2:
        return ""
    before = active if active and active != shown[0] else shown[1]
    return f"{reverse('governance:diff-policies')}?{urlencode({'a': before.pk, 'b': shown[0].pk})}"


def _checked(text: str, found: check_policy.Checked) -> dict[str, Any]:
    lines = text.splitlines()

    def with_line(error: dict[str, Any]) -> dict[str, Any]:
        at = error.get("line", 0)
        return {**error, "source": lines[at - 1].strip()[:120] if 0 < at <= len(lines) else ""}

    return {
        "errors": [with_line(error) for error in found.errors],
        "warnings": [with_line(warning) for warning in found.warnings],
        "rule_count": len(found.policy.rules) if found.policy else 0,
    }


def _text_to_begin_with(request: HttpRequest) -> str:
    version = find.named(request.GET.get("from", "active"))
    if version is None and "from" in request.GET:
        raise Http404
    return version.text if version else BEGINNING


def _facts() -> list[tuple[str, str]]:
    """Every fact by its whole name, with what it means."""
    told = []
    for name, fact in known_facts.FACTS.items():
        if isinstance(fact, known_facts.Fact):
            told.append((name, fact.says))
        else:
            told += [(f"{name}.{member}", known.says) for member, known in fact.items()]
    return told


def _row(version: PolicyVersion, person: User | None = None) -> dict[str, Any]:
    return {
        "next": next_steps.of_policy(version, person) if person else "",
        "digest": version.pk,
        "short": find.short(version.pk),
        "url": reverse("governance:policy", args=[version.pk]),
        "status": version.status,
        "label": version.get_status_display(),
        "shadow": version.shadow,
        "author": version.author.printed_name if version.author else "Console",
        "note": version.note,
        "score": find.scored(version.score),
        "created": version.created_at,
        "activated": version.activated_at,
    }


def _other(version: PolicyVersion, active: PolicyVersion | None) -> dict[str, Any] | None:
    """What a version is best compared with: the one in force; of that one, the one before it."""
    if active and active != version:
        return {**_row(active), "which": "the one in force"}
    before = lifecycle.rollback_target() if active else None
    return {**_row(before), "which": "the one before"} if before else None


def _steps(version: PolicyVersion) -> list[dict[str, Any]]:
    """The way from draft to active: what is done, when and by whom."""
    author, second = version.author, version.approved_by
    steps = [
        ("Drafted", version.created_at, f"by {author.printed_name}" if author else "on the console"),
        ("Validated", version.validated_at, find.scored(version.score)),
        ("Approved", version.approved_at, f"by {second.printed_name}" if second else ""),
        ("Activated", version.activated_at, "no longer in force" if version.status == STATUS.RETIRED else ""),
    ]
    return [{"label": label, "at": at, "said": said} for label, at, said in steps]


def _moves(version: PolicyVersion, person: User) -> list[dict[str, Any]]:
    """What this person could do next with it, each with what it will do."""
    if not person.has_perm(lifecycle.PERMISSION):
        return []
    moves: list[dict[str, Any]] = []
    if version.status == STATUS.DRAFT:
        moves.append({"says": "Next, a backtest shows what it would have done to recorded proposals."})
    if version.status == STATUS.VALIDATED and version.author_id == person.pk:
        moves.append({"says": "You wrote it, so somebody else has to approve it."})
    elif version.status == STATUS.VALIDATED:
        says = "It can then be activated. Nothing changes yet."
        moves.append(_button("approve-policy", version, "Approve this version", says))
    if version.status in (STATUS.APPROVED, STATUS.RETIRED):
        says = f"From then on {_rules(version)} on every new proposal. What waits keeps the verdict it has."
        moves.append(_button("activate-policy", version, "Activate this version", says))
    if version.status == STATUS.ACTIVE and (target := lifecycle.rollback_target()):
        label = f"Go back to {find.short(target.pk)}"
        says = f"In one step: from then on {_rules(target)} on every new proposal."
        moves.append({**_button("roll-back-policy", None, label, says), "asks_why": True})
    if version.shadow:
        says = "Its differences from the active version are no longer written down."
        moves.append({**_button("shadow-policy", version, "Take it out of the shadow", says), "on": "no"})
    elif version.status in lifecycle.COULD_DECIDE:
        says = "It then judges every new proposal too, without effect; where it differs is written down."
        moves.append({**_button("shadow-policy", version, "Let it run in the shadow", says), "on": "yes"})
    return moves


def _button(name: str, version: PolicyVersion | None, label: str, says: str) -> dict[str, Any]:
    url = reverse(f"governance:{name}", args=[version.pk] if version else [])
    return {"url": url, "label": label, "says": says}


def _rules(version: PolicyVersion) -> str:
    count = len(parse(version.text).rules)
    return (
        "the defaults alone decide"
        if not count
        else f"{count} rule{'s' * (count != 1)} decide{'s' * (count == 1)}"
    )


def _version(name: str) -> PolicyVersion:
    version = find.named(name)
    if version is None:
        raise Http404
    return version


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)  # the decorators let nobody else in
