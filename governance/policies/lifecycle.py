"""A policy's life: draft → validated → approved by a second person → active → retired.

Each move is one function here, one event in the log, and one at a time in the whole installation.
Processes notice an activation with their next request: they ask which version is active, each time.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Coalesce, Now

from audit.ground.actors import Actor
from audit.ground.canonical import digest as digest_of
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from governance.models import PolicyVersion, User
from governance.policies import check_policy, deciders, policy, policy_yaml

PERMISSION = "governance.change_policyversion"
LONGEST_NOTE, LONGEST_REASON = 300, 500
STATUS = PolicyVersion.Status
COULD_DECIDE = (STATUS.APPROVED, STATUS.RETIRED)  # from where a version may judge what comes in


class MayNotChangePolicies(Refusal):
    detail = "Your role does not allow you to change policies."


class OwnPolicy(Refusal):
    detail = "Somebody other than its author has to approve a policy."


class WrongState(Refusal):
    """The version is not where this move begins."""


class NothingBefore(Refusal):
    detail = "No version was active before this one."


def draft(
    text: str, *, author: User, note: str = "", actor: Actor | None = None
) -> tuple[PolicyVersion, bool]:
    """Keep a policy as a draft; whether it is new. What says the same as a kept version is that version.

    Raises `Invalid` with line and column of everything that is wrong, teams that don't exist or can't
    decide among it; `MayNotChangePolicies`.
    """
    _permit(author)
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise Invalid.field("/note", f"At most {LONGEST_NOTE} characters.")
    text = policy_yaml.tidy(text)
    content, digest = check_policy.checked(text)
    with transaction.atomic():
        version, created = PolicyVersion.objects.get_or_create(
            digest=digest, defaults={"text": text, "author": author, "note": note}
        )
        if created:
            _record("policy.drafted", version, actor or author.as_actor(), rules=len(content.rules))
    return version, created


@transaction.atomic
def mark_validated(version: PolicyVersion, score: dict[str, Any], *, actor: Actor) -> PolicyVersion:
    """Keep what a finished backtest measured; a draft is thereby validated, any other stays what it is."""
    locked = _lock(version, *STATUS)
    if locked.status == STATUS.DRAFT:
        locked.status = STATUS.VALIDATED
    locked.score = score
    locked.validated_at = Now()
    locked.save(update_fields=["status", "score", "validated_at"])
    _record("policy.validated", locked, actor, score=digest_of(score))
    return locked


@transaction.atomic
def approve(version: PolicyVersion, *, by: User, actor: Actor | None = None) -> PolicyVersion:
    """Let a validated version be activated. Raises `MayNotChangePolicies`, `OwnPolicy`, `WrongState`."""
    _permit(by)
    locked = _lock(version, STATUS.VALIDATED)
    if locked.author_id == by.pk:
        raise OwnPolicy
    locked.status = STATUS.APPROVED
    locked.approved_by = by
    locked.approved_at = Now()
    locked.save(update_fields=["status", "approved_by", "approved_at"])
    _record("policy.approved", locked, actor or by.as_actor())
    return locked


@transaction.atomic
def activate(version: PolicyVersion, *, by: User, actor: Actor | None = None) -> PolicyVersion:
    """From now on this version decides, one that was approved or has decided before.

    Raises `MayNotChangePolicies`, `WrongState`, and `Invalid` where a team that it needs can't decide or
    its rules could cost too much.
    """
    _permit(by)
    locked = _lock(version, *COULD_DECIDE)
    _check_again(locked)
    before = _put_in_force(locked)
    facts = {"before": before.pk if before else None, "rules": len(policy.parse(locked.text).rules)}
    _record("policy.activated", locked, actor or by.as_actor(), **facts)
    return locked


@transaction.atomic
def rollback(*, by: User, reason: str, actor: Actor | None = None) -> PolicyVersion:
    """Back to the version that was active before this one, in one step; again: to the one before that.

    Raises `MayNotChangePolicies`, `NothingBefore`, and `Invalid` without a reason.
    """
    _permit(by)
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid.field("/reason", f"Say why, in at most {LONGEST_REASON} characters.")
    _alone()
    target = rollback_target()
    left = _put_in_force(target) if target else None
    if target is None or left is None:
        raise NothingBefore
    PolicyVersion.objects.filter(pk=left.pk).update(rolled_back_because=reason)
    _record("policy.rolled_back", target, actor or by.as_actor(), before=left.pk)
    return target


@transaction.atomic
def set_shadow(version: PolicyVersion | None, *, by: User, actor: Actor | None = None) -> None:
    """Let this version run beside the active one, without effect; None: no version.

    Every submission waits for it, so it needs what an activation needs: a second person's approval too.
    Raises what `activate` raises.
    """
    _permit(by)
    _alone()
    before = PolicyVersion.objects.filter(shadow=True).first()
    if before == version:
        return
    if before is not None:
        PolicyVersion.objects.filter(pk=before.pk).update(shadow=False)
        _record("policy.unshadowed", before, actor or by.as_actor())
    if version is not None:
        locked = _lock(version, *COULD_DECIDE)
        _check_again(locked)
        locked.shadow = True
        locked.save(update_fields=["shadow"])
        _record("policy.shadowed", locked, actor or by.as_actor())


def rollback_target() -> PolicyVersion | None:
    """Where `rollback` would lead: the last one in force before, those apart that were themselves left."""
    if not PolicyVersion.objects.active().exists():
        return None
    been = PolicyVersion.objects.filter(status=STATUS.RETIRED, rolled_back_because="")
    # Older installations did not write down when.
    return been.order_by(Coalesce("activated_at", "created_at").desc()).first()


def _check_again(version: PolicyVersion) -> None:
    """What was no mistake when it was written may be one now. Raises `Invalid`."""
    content = policy.parse(version.text)
    deciders.check(content)
    if costly := policy.too_costly(content):
        raise Invalid(costly)


def _put_in_force(version: PolicyVersion) -> PolicyVersion | None:
    """Make it the active one; returns the one that was."""
    deciders.check(policy.parse(version.text))
    before = PolicyVersion.objects.active().first()
    PolicyVersion.objects.active().update(status=STATUS.RETIRED)
    version.status = STATUS.ACTIVE
    version.activated_at = Now()
    version.shadow = False
    version.rolled_back_because = ""
    version.save(update_fields=["status", "activated_at", "shadow", "rolled_back_because"])
    return before


def _permit(person: User) -> None:
    if not (person.is_active and person.has_perm(PERMISSION)):
        raise MayNotChangePolicies


def _lock(version: PolicyVersion, *allowed: str) -> PolicyVersion:
    _alone()
    fresh = PolicyVersion.objects.get(pk=version.pk)
    if fresh.status not in allowed:
        raise WrongState(
            f"The version is {fresh.get_status_display().lower()}; it has to be {_either(allowed)}.",
            state=fresh.status,
        )
    return fresh


def _alone() -> None:
    # Not a lock on the rows: proposals refer to them, and a submission should never wait for this.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('policy', 0))")


def _either(states: tuple[str, ...]) -> str:
    *others, last = (STATUS(state).label.lower() for state in states)
    return f"{', '.join(others)} or {last}" if others else last


def _record(type: str, version: PolicyVersion, actor: Actor, **facts: Any) -> None:
    record(type, actor=actor, data={"policy": version.pk, **facts})
