"""What is asked of an agent before it is trusted further: defaults that can be tightened, never loosened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid
from audit.log.record import record
from governance.models import GateBounds, User
from governance.trust.autonomy import check_action, tidy


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of the gates. `failures` is the most of the last 50 that passed that may fail."""

    decisions: int = 50
    approved_unchanged: float = 0.95
    verified_success: float = 0.99
    calibration_error: float = 0.10
    failures: int = 2

    def stricter(self, other: Bounds) -> Bounds:
        """Of every bound the stricter."""
        return Bounds(
            max(self.decisions, other.decisions),
            max(self.approved_unchanged, other.approved_unchanged),
            max(self.verified_success, other.verified_success),
            min(self.calibration_error, other.calibration_error),
            min(self.failures, other.failures),
        )


DEFAULTS = Bounds()
MOST_DECISIONS = 500  # a gate looks no further back
_UPWARD = ("decisions", "approved_unchanged", "verified_success")
_NAMES = {
    "decisions": "decisions",
    "approved_unchanged": "the share approved unchanged",
    "verified_success": "the share of verified success",
    "calibration_error": "the calibration error",
    "failures": "failures",
}


def bounds_for(actions: Iterable[str]) -> dict[str, Bounds]:
    """The bounds in force for each of these actions, in one query."""
    wanted = set(actions)
    rows = {row.action: _of(row) for row in GateBounds.objects.filter(action__in={"", *wanted})}
    for_all = rows.get("", DEFAULTS)
    return {action: for_all.stricter(rows.get(action, DEFAULTS)) for action in wanted}


def _of(row: GateBounds) -> Bounds:
    return Bounds(**{name: getattr(row, name) for name in _NAMES})


@transaction.atomic
def set_bounds(action: str, bounds: Bounds, *, by: User, actor: Actor, reason: str) -> GateBounds:
    """Ask more of agents, for one action or (empty) for all; never less than the defaults do.

    Raises `Invalid` naming each bound that would be looser, and `UnknownAction`.
    """
    if action:
        check_action(action)
    reason = tidy(reason)
    if errors := [*_looser(bounds)]:
        raise Invalid(errors)
    GateBounds.objects.bulk_create([GateBounds(action=action, by=by, reason=reason)], ignore_conflicts=True)
    row = GateBounds.objects.select_for_update().get(action=action)
    before = _of(row)
    for name, value in asdict(bounds).items():
        setattr(row, name, value)
    row.by, row.reason, row.at = by, reason, Now()
    row.save()
    data = {
        "action": action,
        "before": asdict(before),
        "bounds": asdict(bounds),
        "reason": commitment(bytes(row.salt), reason),
    }
    record("gate_bounds.changed", actor=actor, data=data)
    row.refresh_from_db()
    return row


def _looser(bounds: Bounds) -> Iterable[dict[str, str]]:
    for name, said in _NAMES.items():
        value, default = getattr(bounds, name), getattr(DEFAULTS, name)
        most: Any = {"decisions": MOST_DECISIONS}.get(name, 1)
        if name in _UPWARD and not default <= value <= most:
            yield {"pointer": f"/{name}", "detail": f"For {said} give {default:g} to {most:g}."}
        elif name not in _UPWARD and not 0 <= value <= default:
            yield {"pointer": f"/{name}", "detail": f"For {said} give 0 to {default:g}."}
