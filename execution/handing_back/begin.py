"""Granting an action that was handed back, once: to one of however many processes an agent has."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least, Now

from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from execution.holding import news
from execution.holding.steps import ahead
from execution.incidents import attention, failures
from execution.looking import premise, stale
from execution.looking.asking import plan_of
from execution.models import Attempt, Execution, ManualTask, Step
from execution.models.work import work_on
from execution.running.approval import broken
from execution.running.moves import BY_AGENT
from governance.agents.boundaries import AgentDisabled
from governance.models import Agent, Halt
from governance.trust import halts
from suggestions.models import Proposal

STATUS = Execution.Status
LONGEST_LEASE = 3600  # seconds, which an agent may ask for


class NotHandedBack(Refusal):
    detail = "Nothing of this proposal is handed back to the agent, or its result is known already."


class AlreadyBegun(Refusal):
    """Another process, or this one before, was granted it."""


class LeaseOver(Refusal):
    detail = "The lease of this token is over: do not begin anything, and report what was done."


class OnHold(Refusal):
    """A kill switch is on."""


class NotProved(Refusal):
    detail = "What people decided no longer stands behind this action. A person was asked."


class WentStale(Refusal):
    """What was decided rests on what is no longer so."""

    detail = "It is not as it was when people decided: do nothing. They are asked again."


class NotSeen(Refusal):
    """What was decided rests on what can't be seen at the moment."""


@dataclass(frozen=True)
class Grant:
    """The right to carry out one step now; `token` is told to nobody but the one who begins."""

    execution: Execution
    step: Step
    attempt: Attempt
    token: str


def begin(proposal: Proposal, *, agent: Agent, key: str, holder: str = "", lease_seconds: int = 0) -> Grant:
    """Grant what was handed back to the one who asks first.

    `key` and `holder` say who that is, for those who ask later. The lease lasts `lease_seconds`, or as
    settings have it; when it runs out without a report, the outcome is unknown: a person is asked, unless
    the action is idempotent. Raises `Execution.DoesNotExist`, `NotHandedBack`, `AlreadyBegun`, `OnHold`,
    `NotProved`, `WentStale`, `NotSeen`, `AgentDisabled`.
    """
    if not agent.enabled:
        raise AgentDisabled
    _look_first(proposal, agent)
    granted = _begin(proposal, agent, key, holder, lease_seconds or settings.HAND_BACK_LEASE_SECONDS)
    if isinstance(granted, Refusal):
        raise granted
    return granted


def _look_first(proposal: Proposal, agent: Agent) -> None:
    """Where it rests on what is there now, look again before the first attempt, as workers do.

    Outside of any transaction: a service may be slow. Raises `WentStale`, `NotSeen`, and as `begin` does.
    """
    execution = _known(proposal, agent).get()
    plan = plan_of(execution.suggestion.action_type)
    if plan is None or not premise.rests_on_look(plan) or _was_tried(execution):
        return
    _check_free(execution)
    if broken(execution):
        return  # which is told and written down under the lock
    found = premise.check(work_on(execution.pk))
    if found is None or found.holds:
        return
    if found.reason:
        stale.return_to_reviewers(execution, found, hold=lambda: _check_free(lock(proposal, agent)))
        raise WentStale(reason=found.reason, moved=[one.label for one in found.moved])
    if found.waited < plan.steps[0].retry.within:
        raise NotSeen(f"What is there now can't be seen: do nothing yet, and ask again. {found.unanswered}")
    _ask_person(proposal, agent, f"Nothing was done, for what is there now can't be seen. {found.unanswered}")
    raise NotSeen("What is there now can't be seen: do nothing. A person was asked.")


def _was_tried(execution: Execution) -> bool:
    return Attempt.objects.filter(step__execution=execution).exists()


@transaction.atomic
def _begin(proposal: Proposal, agent: Agent, key: str, holder: str, seconds: int) -> Grant | Refusal:
    """The grant, or a refusal that was written down."""
    halts.keep_out()  # before the lock, as it wants it
    execution = lock(proposal, agent)
    _check_free(execution)
    if reason := broken(execution):
        _refuse(execution, agent, reason)
        return NotProved()
    step = ahead(execution).first()
    if step is None:
        raise NotHandedBack
    token = secrets.token_urlsafe(32)
    lease = Now() + timedelta(seconds=seconds)
    Execution.objects.filter(pk=execution.pk).update(
        status=STATUS.RUNNING,
        fence=F("fence") + 1,
        version=F("version") + 1,
        lease_until=lease,
        deadline=Greatest("deadline", lease),
        started_at=Coalesce("started_at", Now()),
        queued_at=None,
        reason="The agent carries it out.",
    )
    execution.refresh_from_db()
    attempt = Attempt.objects.create(
        step=step,
        number=step.attempts.count() + 1,
        route=BY_AGENT,
        fence=execution.fence,
        round=execution.round,
        token_digest=digest_of(token),
        begun_by=", ".join(filter(None, [agent.name, f"key {key}", holder])),
    )
    data = {
        "execution": str(execution.pk),
        "step": step.name,
        "attempt": attempt.number,
        "fence": execution.fence,
        "action_digest": execution.action_digest,
        "key": key,
        "lease_seconds": seconds,
    }
    record("execution.begun", actor=agent.as_actor(), proposal=execution.proposal_id, data=data)
    news.changed(execution)
    attempt.refresh_from_db()
    return Grant(execution, step, attempt, token)


@transaction.atomic
def renew(proposal: Proposal, *, agent: Agent, token: str, lease_seconds: int = 0) -> Grant:
    """A full lease from now for the one who holds it, up to the deadline of the execution.

    Also while a kill switch is on: what has begun may end. Raises `LeaseOver` once somebody or something
    else has gone on with it, and `Invalid` for a token that is none of this proposal's.
    """
    execution = lock(proposal, agent)
    attempt = attempt_of(execution, token)
    if execution.status != STATUS.RUNNING or attempt.fence != execution.fence:
        raise LeaseOver
    lease = Now() + timedelta(seconds=lease_seconds or settings.HAND_BACK_LEASE_SECONDS)
    held = Execution.objects.filter(pk=execution.pk, lease_until__gt=Now())
    if not held.update(lease_until=Greatest("lease_until", Least(lease, F("deadline")))):
        raise LeaseOver
    execution.refresh_from_db()
    return Grant(execution, attempt.step, attempt, token)


def lock(proposal: Proposal, agent: Agent) -> Execution:
    """The execution of an agent's own proposal, with all that its approval is checked by."""
    return _known(proposal, agent).select_for_update(of=("self",)).get()


def _known(proposal: Proposal, agent: Agent) -> QuerySet[Execution]:
    found = Execution.objects.filter(proposal=proposal, proposal__agent=agent)
    return found.select_related("proposal__agent", "proposal__resolution", "suggestion__action_type")


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def attempt_of(execution: Execution, token: str) -> Attempt:
    """What was begun with this token. Raises `Invalid`."""
    found = Attempt.objects.filter(step__execution=execution, token_digest=digest_of(token))
    attempt = found.select_related("step").first()
    if attempt is None:
        raise Invalid.field("/token", "Nothing of this proposal was begun with this token.")
    return attempt


def begun(execution: Execution) -> Attempt | None:
    """The attempt that the agent is in the middle of."""
    if execution.status != STATUS.RUNNING:
        return None
    of_it = Attempt.objects.filter(
        step__execution=execution, outcome=Attempt.Outcome.OPEN, fence=execution.fence
    )
    return of_it.exclude(token_digest="").first()


def already_begun(execution: Execution, attempt: Attempt) -> AlreadyBegun:
    return AlreadyBegun(
        f"This was begun by {attempt.begun_by} at {attempt.started_at:%H:%M:%S} UTC. Do not carry it out.",
        begun_by=attempt.begun_by,
        begun_at=attempt.started_at.isoformat(),
        lease_until=execution.lease_until.isoformat() if execution.lease_until else None,
    )


def _check_free(execution: Execution) -> None:
    if (attempt := begun(execution)) is not None:
        raise already_begun(execution, attempt)
    if execution.status != STATUS.HANDED_BACK:
        raise NotHandedBack(
            f"There is nothing to begin: the execution is {execution.get_status_display().lower()}."
        )
    if ManualTask.objects.open().filter(execution=execution).exists():
        raise NotHandedBack("There is nothing to begin: people carry it out by hand.")
    action = execution.suggestion.action_type.name
    halt = Halt.objects.on().covering(execution.proposal.agent_id, [action]).first()
    if halt is not None:
        raise OnHold("A kill switch is on: do nothing yet, and begin when it is lifted.")
    if not Execution.objects.filter(pk=execution.pk, deadline__gt=Now()).exists():
        raise NotHandedBack("The time for carrying it out is over; a person is asked.")


def _refuse(execution: Execution, agent: Agent, reason: str) -> None:
    """As `endings.refuse`, where no worker holds it."""
    _stop(execution, agent, reason, "execution.refused")
    failures.open_incident(execution, reason)


@transaction.atomic
def _ask_person(proposal: Proposal, agent: Agent, reason: str) -> None:
    """As `endings.ask_person`, where no worker holds it."""
    execution = lock(proposal, agent)
    _check_free(execution)
    _stop(execution, agent, reason, "execution.needs_attention")
    failures.count_against(execution)


def _stop(execution: Execution, agent: Agent, reason: str, event: str) -> None:
    Execution.objects.filter(pk=execution.pk).update(
        status=STATUS.NEEDS_ATTENTION, version=F("version") + 1, reason=Value(reason[:500])
    )
    data = {"execution": str(execution.pk), "reason": reason[:500]}
    record(event, actor=agent.as_actor(), proposal=execution.proposal_id, data=data)
    news.changed(execution)
    news.owe_agent(execution, STATUS.NEEDS_ATTENTION, reason)
    attention.ask_team(execution)
