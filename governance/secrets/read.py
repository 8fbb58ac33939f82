"""What may be known of secrets: everything but their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from governance.models import ActionType, Secret
from governance.secrets.keep import users_of

SOON = timedelta(days=14)
MOST_USES = 50


class User(NamedTuple):
    """An action type whose current workflow names the secret, and whether it may use it."""

    action: str
    version: int
    is_granted: bool


class Use(NamedTuple):
    place: str
    at: datetime


@dataclass(frozen=True)
class Known:
    """A secret, with the action types that it is granted to and those whose workflows name it."""

    secret: Secret
    last_used_at: datetime | None
    used_by: list[User]

    @property
    def is_refused_somewhere(self) -> bool:
        return any(not user.is_granted for user in self.used_by)

    @property
    def ends_soon(self) -> bool:
        """Its client certificate does, or has."""
        until = self.secret.certificate_until
        return until is not None and until <= datetime.now(UTC) + SOON


def page(*, asked: str = "", after: str = "", size: int) -> tuple[list[Known], bool]:
    """Secrets by name, those that come after one, and whether there are more. Three queries."""
    rows = Secret.objects.with_last_use().order_by("name")
    if asked:
        rows = rows.filter(name__icontains=asked)
    if after:
        rows = rows.filter(name__gt=after)
    found = list(rows[: size + 1])
    return _known(found[:size]), len(found) > size


def one(name: str) -> Known | None:
    found = list(Secret.objects.with_last_use().select_related("written_by").filter(name=name))
    return _known(found)[0] if found else None


def uses(secret: Secret) -> list[Use]:
    """Where it was used last, the newest first."""
    rows = secret.uses.order_by("-at").values_list("place", "at")
    return [Use(*row) for row in rows[:MOST_USES]]


def not_there_yet(names: Sequence[str]) -> set[str]:
    """Which of these are not names of action types; they may come to be."""
    return set(names).difference(
        ActionType.objects.current().filter(name__in=names).values_list("name", flat=True)
    )


def _known(found: list[Secret]) -> list[Known]:
    users = users_of([secret.name for secret in found])
    return [
        Known(
            secret,
            secret.last_used_at,  # type: ignore[attr-defined]
            [
                User(user.name, user.version, user.name in secret.granted_to)
                for user in users
                if secret.name in user.secrets
            ],
        )
        for secret in found
    ]
