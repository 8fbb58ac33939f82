"""The pages of agents and of their keys; a page on one agent is `suggestions.allowance.views`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.refusals import Refusal
from governance.agents import callback_secret
from governance.agents.agents import AgentRefused, create_agent
from governance.door import keys
from governance.door.secret_forms import asked_key, asked_overlap, shown_once
from governance.models import ActionType, Agent, AgentKey, User

PAGE = 50


@login_required
@permission_required("governance.view_agent", raise_exception=True)
@require_safe
def agents(request: HttpRequest) -> HttpResponse:
    """Who may propose, what, and with which keys."""
    asked = request.GET.get("q", "").strip()[:100]
    after = request.GET.get("after", "")
    live = Prefetch("keys", keys.newest_first(AgentKey.objects.all()), to_attr="newest_keys")
    chosen = Agent.objects.select_related("owner").prefetch_related(live).order_by("name")
    if asked:
        whose = Q(owner__username__icontains=asked) | Q(owner__first_name__icontains=asked)
        chosen = chosen.filter(Q(name__icontains=asked) | whose | Q(allowed_actions__contains=[asked]))
    if after:
        chosen = chosen.filter(name__gt=after)
    rows = list(chosen[: PAGE + 1])
    kept = {"q": asked} if asked else {}
    context = {
        "agents": [_row(agent) for agent in rows[:PAGE]],
        "q": asked,
        "may_change": request.user.has_perm("governance.change_agent"),
        "next_url": f"?{urlencode({**kept, 'after': rows[PAGE - 1].name})}" if len(rows) > PAGE else "",
        "next_label": "More",
        "previous_url": f"?{urlencode(kept)}" if after else "",
        "previous_label": "First",
    }
    return render(request, "governance/agents/agents.html", context)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def new_agent(request: HttpRequest) -> HttpResponse:
    """Let an agent in; its first key is on the page that answers, and nowhere else."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        owner = User.objects.filter(username=request.POST.get("owner", ""), is_active=True).first()
        scope = request.POST.get("scope", "")
        some = scope == "some"
        if owner is None:
            errors["owner"] = "Choose who answers for it."
        elif scope not in ("some", "every"):
            errors["actions"] = "Choose which actions it may propose: only some, or every one."
        elif some and not request.POST.getlist("action"):
            errors["actions"] = "Choose at least one action, or every one."
        else:
            try:
                agent, key = create_agent(
                    request.POST.get("name", "").strip(),
                    owner=owner,
                    allowed_actions=request.POST.getlist("action") if some else None,
                    actor=actor_of(request),
                )
            except AgentRefused as refusal:
                errors["name"] = refusal.detail
            else:
                return shown_once(
                    request,
                    key,
                    of=f"the agent {agent.name}",
                    back=reverse("agents:agent", args=[agent.name]),
                )
    names = ActionType.objects.current().order_by("name").values_list("name", flat=True)
    chosen = set(request.POST.getlist("action"))
    context = {
        "name": request.POST.get("name", ""),
        "owner": request.POST.get("owner", ""),
        "people": User.objects.filter(is_active=True).order_by("username"),
        "every": request.POST.get("scope") == "every",
        "undecided": request.POST.get("scope") not in ("some", "every"),
        "actions": [{"name": name, "chosen": name in chosen} for name in names],
        "errors": errors,
    }
    return render(request, "governance/agents/new_agent.html", context, status=422 if errors else 200)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
def issue_key(request: HttpRequest, name: str) -> HttpResponse:
    """One more key for an agent, shown on the page that answers, and nowhere else."""
    agent = get_object_or_404(Agent, name=name)
    back = reverse("agents:agent", args=[agent.name])
    try:
        key = keys.issue_key(agent, actor=actor_of(request), **asked_key(request))
    except keys.SecretRefused as refusal:
        messages.error(request, refusal.detail)
        return redirect(f"{back}#keys")
    return shown_once(request, key, of=f"the agent {agent.name}", back=back)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
def rotate_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """A new key in place of this one, which works for a while longer."""
    key = get_object_or_404(AgentKey.objects.select_related("agent"), pk=key_id)
    back = reverse("agents:agent", args=[key.agent.name])
    try:
        new = keys.rotate(key, actor=actor_of(request), overlap=asked_overlap(request))
    except keys.SecretRefused as refusal:
        messages.error(request, refusal.detail)
        return redirect(f"{back}#keys")
    key.refresh_from_db()
    return shown_once(request, new, of=f"the agent {key.agent.name}", back=back, old=key)


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """From now on this key opens nothing."""
    key = get_object_or_404(AgentKey.objects.select_related("agent"), pk=key_id)
    if keys.revoke(key, actor=actor_of(request)):
        messages.success(request, f"The key {key.prefix}… of {key.agent.name} is revoked.")
    else:
        messages.info(request, f"The key {key.prefix}… had been revoked before.")
    return redirect(f"{reverse('agents:agent', args=[key.agent.name])}#keys")


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
@sensitive_variables("secret")
def rotate_callback_secret(request: HttpRequest, name: str) -> HttpResponse:
    """A new secret that signs what an agent is told, shown on the page that answers, and nowhere else."""
    agent = get_object_or_404(Agent, name=name)
    try:
        secret = callback_secret.rotate(agent, actor=actor_of(request), overlap=asked_overlap(request))
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect(_callbacks_of(agent))
    before = callback_secret.in_force(agent)[1:2]
    context = {"secret": secret, "agent": agent, "old": before[0] if before else None}
    response = render(request, "governance/agents/callback_secret.html", context)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@permission_required("governance.change_agent", raise_exception=True)
@require_POST
def end_callback_secrets(request: HttpRequest, name: str) -> HttpResponse:
    """From now on the newest secret alone signs what an agent is told."""
    agent = get_object_or_404(Agent, name=name)
    try:
        callback_secret.end_earlier(agent, actor=actor_of(request))
    except callback_secret.NothingOverlaps as refusal:
        messages.info(request, refusal.detail)
    else:
        messages.success(request, "The newest secret alone signs from now on.")
    return redirect(_callbacks_of(agent))


def _callbacks_of(agent: Agent) -> str:
    return f"{reverse('agents:agent', args=[agent.name])}#callbacks"


def _row(agent: Agent) -> dict[str, Any]:
    live = [key for key in agent.newest_keys if key.state == "live"]  # type: ignore[attr-defined]
    used = [key.last_used_at for key in agent.newest_keys if key.last_used_at]  # type: ignore[attr-defined]
    every = ["every action type"]
    actions = every if agent.allowed_actions is None else agent.allowed_actions
    return {
        "name": agent.name,
        "url": reverse("agents:agent", args=[agent.name]),
        "owner": agent.owner.printed_name,
        "enabled": agent.enabled,
        "action_types": actions[:6],
        "more_action_types": len(actions[6:]),
        "live_keys": len(live),
        "ending_keys": sum(key.ends_soon for key in live),
        "forgotten_keys": sum(key.forgotten for key in live),
        "last_used": max(used, default=None),
    }
