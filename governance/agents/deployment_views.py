"""The pages of deployments: what each agent runs with, what changed, and who said yes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from audit.asking.who import actor_of
from audit.ground.ids import read_uuid
from audit.ground.refusals import Refusal
from governance.agents import deployments, next_steps
from governance.agents.deployment_diff import difference
from governance.models import Deployment, PromptTemplate, User

PAGE = 50
STATUS = Deployment.Status


@login_required
@permission_required("governance.view_deployment", raise_exception=True)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """What agents run and ran with, the newest first."""
    name = request.GET.get("agent", "").strip()
    rows = _all().order_by("-pk")
    if name:
        rows = rows.filter(agent__name=name)
    if (after := request.GET.get("after", "")) and (cursor := read_uuid(after)):
        rows = rows.filter(pk__lt=cursor)
    found = list(rows[: PAGE + 1])
    for deployment in found:
        deployment.next = next_steps.of_deployment(deployment, cast(User, request.user))
    more = {"agent": name, "after": found[PAGE - 1].pk} if len(found) > PAGE else {}
    context = {
        "deployments": found[:PAGE],
        "agent_name": name,
        "next_url": f"?{urlencode(more)}" if more else "",
        "next_label": "Older",
        "previous_url": "?" if after else "",
        "previous_label": "Newest",
    }
    return render(request, "governance/agents/deployments.html", context)


@login_required
@permission_required("governance.view_deployment", raise_exception=True)
@require_safe
def one(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
    """One deployment: its prompts, what changed against another, what may be done with it."""
    deployment = get_object_or_404(_all(), pk=deployment_id)
    others = list(_all().filter(agent=deployment.agent).exclude(pk=deployment.pk).order_by("-pk")[:PAGE])
    against = _against(request.GET.get("against", ""), deployment, others)
    texts = dict(PromptTemplate.objects.filter(pk__in=deployment.prompts.values()).values_list("pk", "text"))
    context = {
        "deployment": deployment,
        "prompts": [(name, digest, texts.get(digest, "")) for name, digest in deployment.prompts.items()],
        "others": others,
        "against": against,
        "changes": difference(against, deployment),
        **_moves(request, deployment),
    }
    return render(request, "governance/agents/deployment.html", context)


def _against(asked: str, deployment: Deployment, others: list[Deployment]) -> Deployment | None:
    """What to compare with: the one that is asked for, else the active one, else the one before."""
    chosen = next((d for d in others if str(d.pk) == asked), None)
    active = next((d for d in others if d.status == STATUS.ACTIVE), None)
    earlier = next((d for d in others if d.pk < deployment.pk), None)
    return chosen or active or earlier


def _moves(request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
    """What this person may do with it now, and why not where they might expect to."""
    may = request.user.has_perm(deployments.PERMISSION)
    own = deployment.registered_by_id == request.user.pk
    target = deployments.rollback_target(deployment.agent) if deployment.status == STATUS.ACTIVE else None
    return {
        "may_approve": may and not own and deployment.status == STATUS.REGISTERED,
        "waits_for_another": may and own and deployment.status == STATUS.REGISTERED,
        "may_activate": may
        and deployment.approved_by_id is not None
        and deployment.status in (STATUS.APPROVED, STATUS.RETIRED),
        "rollback_to": target if may else None,
    }


@login_required
@permission_required(deployments.PERMISSION, raise_exception=True)
@require_POST
def approve(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
    return _move(
        request, deployment_id, deployments.approve, "{} is approved. It counts once it is activated."
    )


@login_required
@permission_required(deployments.PERMISSION, raise_exception=True)
@require_POST
def activate(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
    return _move(request, deployment_id, deployments.activate, "{} is what the agent runs with from now on.")


@login_required
@permission_required(deployments.PERMISSION, raise_exception=True)
@require_POST
def roll_back(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
    def back(deployment: Deployment, *, by: User, actor: Any) -> Deployment:
        reason = request.POST.get("reason", "")
        return deployments.roll_back(deployment.agent, by=by, reason=reason, actor=actor)

    return _move(request, deployment_id, back, "Rolled back: {} is active again.")


def _move(
    request: HttpRequest, deployment_id: UUID, verb: Callable[..., Deployment], done: str
) -> HttpResponse:
    deployment = get_object_or_404(_all(), pk=deployment_id)
    try:
        moved = verb(deployment, by=request.user, actor=actor_of(request))
    except Refusal as refusal:
        errors = getattr(refusal, "errors", [])
        messages.error(request, errors[0]["detail"] if errors else refusal.detail)
        moved = deployment
    else:
        messages.success(request, done.format(moved.label))
    return redirect(reverse("governance:deployment", args=[moved.pk]))


def _all() -> Any:
    return Deployment.objects.select_related("agent", "registered_by", "approved_by", "policy")
