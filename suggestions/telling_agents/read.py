"""Reading what agents were told: the list of an agent's messages, one of them, and where it is called."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from governance.models import Agent, User
from suggestions.models import Callback, CallbackAttempt, CallbackEndpoint

PAGE = 50
MOST_COUNTED = 99
MOST_ENDPOINTS = 100
MOST_ATTEMPTS = 50  # that are shown of one message, the newest
UNSENT = "unsent"  # waiting or paused, in one
STATES = {UNSENT: "Not sent yet", "given_up": "Given up", "sent": "Arrived"}


@dataclass(frozen=True)
class Tried:
    """An attempt by its number; without a row nobody knows what came of it."""

    number: int
    row: CallbackAttempt | None


def of_agent(user: User, agent: Agent, *, state: str = "") -> QuerySet[Any]:
    """An agent's messages that this person may know of, with what was answered last."""
    rows = Callback.objects.visible_to(user).filter(agent=agent).with_endpoint().select_related("agent")
    last = CallbackAttempt.objects.filter(callback=OuterRef("pk"), number=OuterRef("attempts"))
    status = Subquery(last.values("http_status"))
    rows = rows.annotate(last_status=status, sentence=F("proposal__sentence")).defer("data")
    if state == UNSENT:
        return rows.unsent()
    return rows.filter(status=state) if state else rows


def page(user: User, agent: Agent, *, state: str = "", before: UUID | None = None) -> list[Any]:
    """The newest of them, one more than a page has."""
    rows = of_agent(user, agent, state=state).order_by("-pk")
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows[: PAGE + 1])


def counts(user: User, agent: Agent) -> dict[str, str]:
    """How many are not sent yet, and were given up: "7", "99+"; counted up to a limit, in one query."""
    known = Callback.objects.visible_to(user).filter(agent=agent).order_by()
    unsent = known.unsent().values_list("status")[: MOST_COUNTED + 1]
    given_up = known.filter(status=Callback.Status.GIVEN_UP).values_list("status")[: MOST_COUNTED + 1]
    found = Counter(status for (status,) in unsent.union(given_up, all=True))
    numbers = {"given_up": found.pop(Callback.Status.GIVEN_UP, 0), UNSENT: found.total()}
    return {state: _bounded(number) for state, number in numbers.items()}


def _bounded(number: int) -> str:
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else str(number)


def one(user: User, callback_id: UUID) -> Any:
    """A message that this person may know of; None where there is none."""
    known = Callback.objects.visible_to(user).with_endpoint().select_related("agent")
    return known.annotate(sentence=F("proposal__sentence")).filter(pk=callback_id).first()


def attempts(callback: Callback) -> list[Tried]:
    """Each attempt to send it, the newest first, `MOST_ATTEMPTS` of them."""
    rows = {row.number: row for row in callback.tries.order_by("-number")[:MOST_ATTEMPTS]}
    oldest = max(callback.attempts - MOST_ATTEMPTS, 0)
    return [Tried(number, rows.get(number)) for number in range(callback.attempts, oldest, -1)]


def endpoints(
    *, agent: Agent | None = None, owner: User | None = None, origin: str | None = None
) -> list[Any]:
    """Those that are paused or failing, so narrowed down; paused ones first, `MOST_ENDPOINTS` of them.

    With `owed`: how many messages wait for each; None where none does.
    """
    rows = CallbackEndpoint.objects.filter(Q(paused_at__isnull=False) | Q(failures__gt=0))
    rows = rows.select_related("agent__owner")
    if agent is not None:
        rows = rows.filter(agent=agent)
    if owner is not None:
        rows = rows.filter(agent__owner=owner)
    if origin is not None:
        rows = rows.filter(origin=origin)
    rows = rows.annotate(owed=Subquery(_owed())).order_by("paused_at", "agent__name", "origin")
    return list(rows[:MOST_ENDPOINTS])


def _owed() -> QuerySet[Any]:
    unsent = Callback.objects.unsent().filter(agent=OuterRef("agent"), origin=OuterRef("origin"))
    return unsent.order_by().values("origin").annotate(n=Count("pk")).values("n")
