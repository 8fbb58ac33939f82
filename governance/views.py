"""The operator's page of agents."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit.asking import actor_of
from governance import keys
from governance.models import Agent, AgentKey

PAGE = 50


@login_required
@permission_required("governance.view_agent", raise_exception=True)
@require_safe
def agents(request: HttpRequest) -> HttpResponse:
    """Who may propose, what, and with which keys."""
    newest_keys = Prefetch("keys", AgentKey.objects.order_by("-pk"))
    chosen = Agent.objects.select_related("owner").prefetch_related(newest_keys).order_by("name")
    if after := request.GET.get("after"):
        chosen = chosen.filter(name__gt=after.replace("\0", ""))
    rows = list(chosen[: PAGE + 1])
    may_revoke = request.user.has_perm("governance.change_agent")
    context = {
        "agents": [_row(agent, may_revoke=may_revoke) for agent in rows[:PAGE]],
        "next_url": f"?{urlencode({'after': rows[PAGE - 1].name})}" if len(rows) > PAGE else "",
        "next_label": "More",
        "previous_url": "?" if after else "",
        "previous_label": "First",
    }
    return render(request, "governance/agents.html", context)


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
    return redirect("governance:agents")


def _row(agent: Agent, *, may_revoke: bool) -> dict[str, Any]:
    every = ["every action type"]
    return {
        "name": agent.name,
        "owner": agent.owner.printed_name,
        "enabled": agent.enabled,
        "action_types": every if agent.allowed_actions is None else agent.allowed_actions,
        "keys": [_key(key, may_revoke=may_revoke) for key in agent.keys.all()],
    }


def _key(key: AgentKey, *, may_revoke: bool) -> dict[str, Any]:
    live = key.revoked_at is None
    return {
        "prefix": key.prefix,
        "revoked": not live,
        "last_used": key.last_used_at,
        "revoke_url": reverse("governance:revoke-key", args=[key.pk]) if live and may_revoke else "",
    }
