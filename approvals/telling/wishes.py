"""How a person wishes to be told: read from a form, and written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import QueryDict

from approvals.models.kinds import TOPICS, Outside
from approvals.models.notices import Wishes
from approvals.telling.due import DAILY
from approvals.telling.tell import look_again
from audit.ground import hours
from audit.ground.actors import Actor
from audit.ground.refusals import Invalid
from audit.log.record import record
from governance.models import User

EVERY = {1: "every hour", 2: "every 2 hours", 4: "every 4 hours", 8: "every 8 hours", DAILY: "once a day, at"}


def of(user: User) -> Wishes:
    """What this person wishes; where they never said anything, what is usual."""
    return Wishes.objects.filter(user=user).first() or Wishes(user=user)


@transaction.atomic
def save(wishes: Wishes, *, actor: Actor) -> None:
    """Keep these wishes; what waits to be sent is looked at anew."""
    wishes.save()
    look_again(wishes.user_id)
    record("notice_wishes.changed", actor=actor, data={"user": str(wishes.user_id)})


def read(form: QueryDict, wishes: Wishes) -> Wishes:
    """The wishes with what a form says. Raises `Invalid`, naming each field that is wrong."""
    errors: dict[str, str] = {}
    wishes.topics = {topic.name: _wish(form, topic.name) for topic in TOPICS}
    wishes.zone = _checked(hours.zone_name, form, "zone", errors)
    wishes.digest_every = _every(form, errors)
    wishes.digest_at = _checked(hours.clock, form, "digest_at", errors, needed=wishes.digest_every == DAILY)
    wishes.critical_breaks_quiet = "critical" in form.getlist("breaks")
    quiet = bool(form.get("quiet"))
    days = [day for day in form.getlist("day") if day in hours.DAYS]
    wishes.quiet_days = hours.in_order(days) if quiet else []
    wishes.quiet_from = _checked(hours.clock, form, "quiet_from", errors, needed=quiet)
    wishes.quiet_to = _checked(hours.clock_or_midnight, form, "quiet_to", errors, needed=quiet)
    if quiet and not days:
        errors["days"] = "Choose a day, or take the quiet hours away."
    if quiet and wishes.quiet_from == wishes.quiet_to:
        errors.setdefault("quiet_to", "They end when they begin: choose another time.")
    if errors:
        raise Invalid([{"pointer": f"/{name}", "detail": said} for name, said in errors.items()])
    return wishes


def _wish(form: QueryDict, topic: str) -> dict[str, Any]:
    outside = form.get(f"{topic}-outside")
    return {
        "page": bool(form.get(f"{topic}-page")),
        "browser": bool(form.get(f"{topic}-browser")),
        "outside": outside if outside in Outside.values else Outside.OFF.value,
    }


def _every(form: QueryDict, errors: dict[str, str]) -> int:
    said = form.get("digest_every", "")
    if said not in map(str, EVERY):
        errors["digest_every"] = "Choose how often."
        return DAILY
    return int(said)


_USUAL: Mapping[str, str] = {"digest_at": "08:00", "quiet_from": "19:00", "quiet_to": "07:00"}


def _checked(check: Any, form: QueryDict, name: str, errors: dict[str, str], *, needed: bool = True) -> str:
    """What stands in a field; what is not needed and makes no sense becomes what is usual."""
    said = str(form.get(name, "")).strip()
    try:
        return str(check(said))
    except ValueError as error:
        if not needed:
            return _USUAL[name]
        errors[name] = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return said[:64]
