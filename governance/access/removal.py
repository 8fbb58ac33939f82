"""Taking a reviewed grant away by the verb that it has, and giving back what can be given back."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from audit.ground.actors import Actor
from governance.access.grants import Kind
from governance.door import keys
from governance.models import AgentKey, ApiToken, ReviewedGrant, StandingApproval, User
from governance.people import giving
from governance.trust import standing

REASON = "Removed in a review of access."
# What is a person's; what an agent or a program shows was seen once, and is never given back.
RETURNED: dict[str, Callable[[User, str, Actor], None]] = {
    Kind.ACCOUNT: lambda user, _, actor: giving.activate(user, actor=actor),
    Kind.ROLE: lambda user, role, actor: giving.give_role(user, role, actor=actor),
    Kind.TEAM: lambda user, team, actor: giving.join_team(user, team, actor=actor),
}


def remove(grant: ReviewedGrant, *, by: User, actor: Actor) -> bool:
    """Take it away, in the transaction of whoever calls; False where it had ended already.

    Raises `giving.LastOperator` and what `standing.revoke` raises.
    """
    return _REMOVED[grant.kind](grant, by, actor)


def can_return(grant: ReviewedGrant) -> bool:
    """Whether what was removed could be given back with a click."""
    return grant.kind in RETURNED and not grant.had_ended


def give_back(grant: ReviewedGrant, *, actor: Actor) -> None:
    """Give back what was removed, in the transaction of whoever calls."""
    RETURNED[grant.kind](_person(grant), grant.target, actor)


def _revoke(kind: type[AgentKey] | type[ApiToken], grant: ReviewedGrant, actor: Actor) -> bool:
    secret = kind._default_manager.filter(pk=int(grant.target)).first()
    return secret is not None and keys.revoke(secret, actor=actor)


def _revoke_standing(grant: ReviewedGrant, by: User, actor: Actor) -> bool:
    if not StandingApproval.objects.active().filter(pk=UUID(grant.target)).exists():
        return False
    try:
        standing.revoke(UUID(grant.target), by=by, actor=actor, reason=REASON)
    except standing.NotOpen:  # it ended just now
        return False
    return True


def _person(grant: ReviewedGrant) -> User:
    if grant.user is None:
        raise TypeError(f"{grant} is no person's.")
    return grant.user


_REMOVED: dict[str, Callable[[ReviewedGrant, User, Actor], bool]] = {
    Kind.ACCOUNT: lambda grant, _, actor: giving.deactivate(_person(grant), actor=actor),
    Kind.ROLE: lambda grant, _, actor: giving.take_role(_person(grant), grant.target, actor=actor),
    Kind.TEAM: lambda grant, _, actor: giving.leave_team(_person(grant), grant.target, actor=actor),
    Kind.PERMISSION: lambda grant, _, actor: giving.take_permission(
        _person(grant), grant.target, actor=actor
    ),
    Kind.KEY: lambda grant, _, actor: _revoke(AgentKey, grant, actor),
    Kind.TOKEN: lambda grant, _, actor: _revoke(ApiToken, grant, actor),
    Kind.STANDING: _revoke_standing,
}
