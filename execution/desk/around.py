"""What happened around an execution that its own events do not tell: its routes were let alone, or asked
again, because of what befell others; and an incident that others share with it was taken on, or closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from audit.ground.unseen import shown
from execution.healing import breakers
from execution.holding.steps import plans_of
from execution.holding.workflow import HandBack, InvalidWorkflow, workflow_of
from execution.models import Breaker, BreakerChange
from execution.running.moves import breaker_of
from governance.models import ActionType, Incident, User
from governance.people.incidents import incidents_seen_by

AT_ONCE = timedelta(seconds=2)  # between an event and the row that it tells of
_TELLS = {
    Breaker.State.OPEN: "breaker.opened",
    Breaker.State.HALF_OPEN: "breaker.half_opened",
    Breaker.State.CLOSED: "breaker.closed",
}


class Event(NamedTuple):
    """One event of the log, as far as it matters here."""

    type: str
    at: datetime
    data: dict[str, Any]


class Aside(NamedTuple):
    """What happened when, as a sentence; `said` is what somebody wrote about it."""

    at: datetime
    text: str
    sub: str = ""
    said: str = ""


def routes_of(action_type: ActionType) -> list[str]:
    """What its workflow calls, as breakers name it."""
    try:
        workflow = workflow_of(action_type)
    except InvalidWorkflow:
        return []
    plans = plans_of(workflow).values() if workflow else []
    return [breaker_of(route) for plan in plans for route in plan.routes if not isinstance(route, HandBack)]


def of_breakers(
    routes: Sequence[str], events: Iterable[Event], *, since: datetime, until: datetime | None
) -> list[Aside]:
    """What became of the breakers of these routes in that time, but for what these events tell. One query."""
    own = [one for one in events if one.type in _TELLS.values()]
    found = breakers.changes(routes, since=since, until=until)
    return [_of_breaker(change, since) for change in found if not _is_told(change, own)]


def _is_told(change: BreakerChange, own: list[Event]) -> bool:
    told = _TELLS.get(Breaker.State(change.state), "")
    return any(
        (one.type, one.data.get("route")) == (told, change.route) and abs(one.at - change.at) < AT_ONCE
        for one in own
    )


def _of_breaker(change: BreakerChange, since: datetime) -> Aside:
    route, by = shown(change.route), shown(change.by)
    reason = change.reason if by else ""
    if change.at < since:
        return Aside(since, f"{route} was being let alone when it began", f"by {by}" if by else "", reason)
    if change.state == Breaker.State.OPEN:
        text = f"{by} let {route} alone" if by else f"{route} failed too often and is let alone for a while"
    elif change.state == Breaker.State.HALF_OPEN:
        text = f"One call tried {route} again"
    else:
        text = f"{by} let workers ask {route} again" if by else f"Workers may ask {route} again"
    return Aside(change.at, text, said=reason)


def of_incidents(events: Iterable[Event], reader: User) -> dict[str, Incident]:
    """The incidents that these events name, as far as this person may see them, by their ids. One query, and
    none where no event names one."""
    ids = {one.data["incident"] for one in events if one.type.startswith("incident.")}
    if not ids:
        return {}
    rows = incidents_seen_by(reader).filter(pk__in=ids).select_related("acknowledged_by", "closed_by")
    return {str(incident.pk): incident for incident in rows}


def of_shared(events: Iterable[Event], incidents: Iterable[Incident]) -> list[Aside]:
    """How people went on with an incident of which the log tells another case."""
    told = {(one.type, one.data.get("incident")) for one in events}
    found = []
    for incident in incidents:
        if (since := _taken_on(incident)) and ("incident.acknowledged", str(incident.pk)) not in told:
            found.append(Aside(since, f"{_name(incident.acknowledged_by)} took the incident on"))
        if incident.closed_at and ("incident.closed", str(incident.pk)) not in told:
            text = f"{_name(incident.closed_by)} closed the incident"
            found.append(Aside(incident.closed_at, text, *came_to(incident)))
    return found


def _taken_on(incident: Incident) -> datetime | None:
    """When it was, before it was closed: who closes one takes it on with that."""
    since, closed = incident.acknowledged_at, incident.closed_at
    return since if since and (closed is None or closed - since > AT_ONCE) else None


def _name(user: User | None) -> str:
    return shown(user.printed_name) if user else "Somebody"


def came_to(incident: Incident) -> tuple[str, str]:
    """What an incident was found to be, and how it was dealt with."""
    return incident.get_found_to_be_display() if incident.found_to_be else "", incident.closing_reason
