"""What an agent runs with, from registration to retirement, each move one event in the log.

registered → approved by somebody other than who registered it → active → retired. A proposal that
names its agent's active deployment is known by what produced it; any other is reviewed and flagged.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from django.db import transaction
from django.db.models.functions import Now
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal, pointer_of
from audit.log.record import record
from governance.models import ActionType, Agent, Deployment, PolicyVersion, PromptTemplate, User

PERMISSION = "governance.change_deployment"
LONGEST_REASON = 500
STATUS = Deployment.Status

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Score = Annotated[float, Field(allow_inf_nan=False)]


class LabelTaken(Refusal):
    """The label was registered before, with something else behind it."""


class NotYourAgent(Refusal):
    detail = "Deployments of an agent are registered by its owner or by an operator."


class MayNotApprove(Refusal):
    detail = "Your role does not allow you to approve, activate or roll back deployments."


class OwnDeployment(Refusal):
    detail = "Somebody other than who registered a deployment has to approve it."


class WrongStatus(Refusal):
    """The deployment is not where this move begins."""


class NoEarlierDeployment(Refusal):
    detail = "No deployment of this agent was active before this one."


class DeploymentText(BaseModel):
    """A deployment as a team's CI sends it. `prompts` hold the texts of the templates themselves."""

    model_config = ConfigDict(extra="forbid")
    label: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,120}@[A-Za-z0-9][A-Za-z0-9_.+-]{0,70}$")
    model: str = Field(min_length=1, max_length=200)
    prompts: dict[Name, Annotated[str, Field(min_length=1, max_length=200_000)]] = Field(
        default={}, max_length=50
    )
    policy: Digest | None = None
    workflows: dict[Name, Annotated[int, Field(ge=1)]] = Field(default={}, max_length=500)
    scores: dict[Name, Score] = Field(default={}, max_length=100)
    note: str = Field("", max_length=500)


def read(value: Any) -> DeploymentText:
    """A checked deployment. Raises `Invalid`, naming each field that is wrong."""
    try:
        return DeploymentText.model_validate(value)
    except ValidationError as error:
        raise Invalid(
            [{"pointer": pointer_of(e["loc"]), "detail": e["msg"]} for e in error.errors(include_url=False)]
        ) from error


@transaction.atomic
def register(
    agent: Agent, text: DeploymentText, *, by: User, actor: Actor | None = None
) -> tuple[Deployment, bool]:
    """Keep what an agent is to run with; whether it is new. The same again is what was kept.

    Raises `NotYourAgent`, `LabelTaken`, and `Invalid` for a policy or workflow that does not exist.
    """
    if agent.owner_id != by.pk and not by.has_perm(PERMISSION):
        raise NotYourAgent
    _check_references(text)
    prompts = {name: _keep(template) for name, template in sorted(text.prompts.items())}
    content = {
        "model": text.model,
        "prompts": prompts,
        "policy_id": text.policy,
        "workflows": text.workflows,
        "scores": text.scores,
    }
    kept, created = Deployment.objects.get_or_create(
        agent=agent, label=text.label, defaults={**content, "note": text.note, "registered_by": by}
    )
    if not created and any(getattr(kept, name) != value for name, value in content.items()):
        raise LabelTaken(
            f"{text.label} is registered already with something else behind it; give a new version."
        )
    if created:
        _record("deployment.registered", kept, actor or by.as_actor(), model=text.model, prompts=prompts)
    return kept, created


@transaction.atomic
def approve(deployment: Deployment, *, by: User, actor: Actor | None = None) -> Deployment:
    """Let it be activated. Raises `MayNotApprove`, `OwnDeployment`, `WrongStatus`."""
    locked = _lock(deployment, by, STATUS.REGISTERED)
    if locked.registered_by_id == by.pk:
        raise OwnDeployment
    locked.status = STATUS.APPROVED
    locked.approved_by = by
    locked.approved_at = Now()
    locked.save(update_fields=["status", "approved_by", "approved_at"])
    _record("deployment.approved", locked, actor or by.as_actor())
    return locked


@transaction.atomic
def activate(deployment: Deployment, *, by: User, actor: Actor | None = None) -> Deployment:
    """From now on this is what the agent is known to run with. Raises `MayNotApprove`, `WrongStatus`."""
    locked = _lock(deployment, by, STATUS.APPROVED, STATUS.RETIRED)
    if locked.approved_by_id is None:
        raise WrongStatus("It was never approved.", state=locked.status)
    before = _put_in_place(locked)
    _record("deployment.activated", locked, actor or by.as_actor(), before=before.label if before else None)
    return locked


@transaction.atomic
def roll_back(agent: Agent, *, by: User, reason: str, actor: Actor | None = None) -> Deployment:
    """Back to what the agent ran with before, in one step.

    Raises `MayNotApprove`, `NoEarlierDeployment`, and `Invalid` without a reason.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid.field("/reason", f"Say why, in at most {LONGEST_REASON} characters.")
    _permit(by)
    Agent.objects.select_for_update().get(pk=agent.pk)
    target = rollback_target(agent)
    left = _put_in_place(target) if target else None
    if target is None or left is None:
        raise NoEarlierDeployment
    _record("deployment.rolled_back", target, actor or by.as_actor(), before=left.label)
    return target


def rollback_target(agent: Agent) -> Deployment | None:
    """Where `roll_back` would lead: what was active last, before the present one."""
    present = agent.deployments.active().first()
    if present is None or present.activated_at is None:
        return None
    been = agent.deployments.filter(status=STATUS.RETIRED, activated_at__lt=present.activated_at)
    return been.order_by("-activated_at").first()


def _check_references(text: DeploymentText) -> None:
    errors = []
    if text.policy and not PolicyVersion.objects.filter(pk=text.policy).exists():
        errors.append({"pointer": "/policy", "detail": "There is no such version of the policy."})
    for action, version in text.workflows.items():
        if not ActionType.objects.filter(name=action, version=version).exists():
            detail = f"There is no version {version} of an action type {action}."
            errors.append({"pointer": pointer_of(["workflows", action]), "detail": detail})
    if errors:
        raise Invalid(errors)


def _keep(template: str) -> str:
    """Store a prompt's text under the SHA-256 of its bytes; returns that name."""
    digest = f"sha256:{hashlib.sha256(template.encode()).hexdigest()}"
    PromptTemplate.objects.get_or_create(digest=digest, defaults={"text": template})
    return digest


def _put_in_place(deployment: Deployment) -> Deployment | None:
    """Make it its agent's active one; returns the one that was."""
    others = deployment.agent.deployments.active().exclude(pk=deployment.pk)
    before = others.first()
    others.update(status=STATUS.RETIRED)
    deployment.status = STATUS.ACTIVE
    deployment.activated_at = Now()
    deployment.save(update_fields=["status", "activated_at"])
    return before


def _permit(person: User) -> None:
    if not (person.is_active and person.has_perm(PERMISSION)):
        raise MayNotApprove


def _lock(deployment: Deployment, by: User, *allowed: str) -> Deployment:
    """The deployment as it is now, no other of its agent moving meanwhile."""
    _permit(by)
    Agent.objects.select_for_update().get(pk=deployment.agent_id)
    fresh = Deployment.objects.select_related("agent").get(pk=deployment.pk)
    if fresh.status not in allowed:
        wanted = " or ".join(STATUS(status).label.lower() for status in allowed)
        raise WrongStatus(
            f"{fresh.label} is {fresh.get_status_display().lower()}; it has to be {wanted}.",
            state=fresh.status,
        )
    return fresh


def _record(type: str, deployment: Deployment, actor: Actor, **facts: Any) -> None:
    data = {"agent": str(deployment.agent_id), "deployment": str(deployment.pk), "label": deployment.label}
    record(type, actor=actor, data={**data, **facts})
