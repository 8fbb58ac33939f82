"""Put a policy in force."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.actors import Actor
from audit.record import record
from audit.refusals import Invalid
from governance import policy
from governance.models import PolicyVersion, Team, User


@transaction.atomic
def apply(text: str, *, actor: Actor, author: User | None = None) -> PolicyVersion:
    """Make this policy the active one; the one before it is kept.

    Raises `Invalid` where it is not well formed or names a team that does not exist.
    Applying the active one again changes nothing.
    """
    content, digest = policy.read(text)
    _check_teams(policy.teams_named(content))
    version, _ = PolicyVersion.objects.get_or_create(digest=digest, defaults={"text": text, "author": author})
    before = PolicyVersion.objects.select_for_update().active().first()
    if before == version:
        return version
    PolicyVersion.objects.active().update(status=PolicyVersion.Status.RETIRED)
    version.status = PolicyVersion.Status.ACTIVE
    version.activated_at = Now()
    version.save(update_fields=["status", "activated_at"])
    data = {"policy": digest, "before": before.digest if before else None, "rules": len(content.rules)}
    record("policy.activated", actor=actor, data=data)
    return version


def _check_teams(named: set[str]) -> None:
    known = set(Team.objects.filter(slug__in=named).values_list("slug", flat=True))
    missing = sorted(named - known)
    if missing:
        raise Invalid.field("", f"No such team: {', '.join(missing)}. Create it with create_user --team.")
