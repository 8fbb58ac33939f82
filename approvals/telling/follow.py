"""Finding in the log what people are to be told, each event once and none left out.

The log is where the causes stand, in the transactions of what they tell of: nothing that is decided or
handed in waits for this.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from approvals.models import Claim, Decision
from approvals.models.kinds import Kind, is_urgent
from approvals.models.notices import Follower, Here
from approvals.telling.owe import Line, add
from audit.log.event_types import EVENT_TYPES, Tells
from audit.sealing import stored
from execution.models import Attention
from governance.door.deciders import who_may_decide
from governance.door.teams import teams_of_each
from governance.models import Incident, Risk, User
from governance.people.incidents import Attending, attending
from suggestions.models import Proposal

NAME = "notices"
AT_ONCE = 2_000  # events of one turn
HERE_SECONDS = 45  # so long after a beat of a browser its page counts as on the screen


@dataclass(frozen=True)
class LogEvent:
    """An event of the log, as far as notices need it."""

    id: int
    type: str
    proposal: UUID | None  # None: of an incident or an agent's address that is about none
    actor: str
    data: dict[str, Any]


@transaction.atomic
def follow() -> int:
    """Owe what the next events ask for; returns how many of them ask for something. One at a time does it."""
    follower = _mine()
    if follower is None:
        return 0
    read_to = min(stored.tree_size(), follower.position + AT_ONCE)
    events = _read(follower.position, read_to)
    add(_lines(events))
    follower.position = read_to
    follower.save()
    return len(events)


# --- Reading the log -------------------------------------------------------------------------


def _mine() -> Follower | None:
    """The place in the log, locked; None while somebody else reads."""
    Follower.objects.bulk_create([Follower(name=NAME, position=0)], ignore_conflicts=True)
    return Follower.objects.select_for_update(skip_locked=True).filter(name=NAME).first()


def _read(begin: int, end: int) -> list[LogEvent]:
    """The events between two places of the sealed order that ask for something."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, e.type, e.proposal_id, e.body
              FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id
             WHERE l.leaf_index >= %s AND l.leaf_index < %s AND e.type = ANY(%s) ORDER BY l.leaf_index""",
            [begin, end, _TYPES],
        )
        rows = cursor.fetchall()
    return [_told(*row) for row in rows]


def _told(number: int, type: str, proposal: UUID | None, body: str) -> LogEvent:
    content = json.loads(body)
    return LogEvent(number, type, proposal, str(content["actor"]["id"]), content["data"])


# --- What an event asks for ------------------------------------------------------------------


@dataclass
class _Gathered:
    """Lines for single people, and bundles: of each person, kind, team and urgency one."""

    single: list[Line] = field(default_factory=list)
    bundles: dict[tuple[int, str, str, bool], dict[UUID, int]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def lines(self) -> list[Line]:
        found = list(self.single)
        for (user, kind, team, _urgent), risks in self.bundles.items():
            found.append(Line(user, kind, team, max(risks.values()), tuple(risks)))
        return found


@dataclass
class _World:
    """What the events of a turn are about, read together."""

    proposals: dict[UUID, Proposal]
    members: dict[str, list[int]]  # of each team, who may decide and has no desk before them
    decisions: dict[UUID, list[Decision]]  # that stand
    claimed: dict[UUID, int]
    incidents: dict[UUID, Incident]
    seen_to_by: dict[UUID, str]  # of what failed, the team

    @classmethod
    def of(cls, events: Iterable[LogEvent]) -> _World:
        events = list(events)
        ids = {event.proposal for event in events if event.proposal}
        decided = {
            event.proposal for event in events if event.proposal and event.type != "proposal.submitted"
        }
        incidents = {event.data["incident"] for event in events if _TELLS[event.type] == Tells.PAGED}
        proposals = Proposal.objects.only(
            "id", "status", "risk", "team_id", "also_teams", "approvals_needed"
        ).in_bulk(ids)
        decisions = defaultdict(list)
        for decision in Decision.objects.filter(proposal__in=decided, standing=True):
            decisions[decision.proposal_id].append(decision)
        claims = Claim.objects.live().filter(proposal__in=decided)
        claimed = dict(claims.values_list("proposal", "user"))
        paged = Incident.objects.in_bulk(incidents) if incidents else {}
        failed = {event.proposal for event in events if _TELLS[event.type] == Tells.FAILED}
        asked = Attention.objects.filter(execution__proposal__in=failed)
        seen_to_by = dict(asked.values_list("execution__proposal", "team")) if failed else {}
        return cls(proposals, members_elsewhere(), decisions, claimed, paged, seen_to_by)

    @cached_property
    def attending(self) -> Attending:
        """Asked for where somebody is paged, which is seldom."""
        return attending()


def members_elsewhere() -> dict[str, list[int]]:
    """Of each team those who may decide, deputies too, without those who have the desk on their screen."""
    deciders = who_may_decide()
    elsewhere = set(deciders.values_list("pk", flat=True)) - set(_at_desk())
    members: dict[str, list[int]] = defaultdict(list)
    for user, teams in sorted(teams_of_each(elsewhere).items()):
        for team in teams:
            members[team].append(user)
    return members


def _at_desk() -> list[int]:
    with connection.cursor() as cursor:
        table = Here._meta.db_table
        cursor.execute(
            f"SELECT user_id FROM {table} WHERE desk_at > statement_timestamp() - make_interval(secs => %s)",
            [HERE_SECONDS],
        )
        return [user for (user,) in cursor.fetchall()]


def _lines(events: list[LogEvent]) -> list[Line]:
    if not events:
        return []
    world, gathered = _World.of(events), _Gathered()
    for event in events:
        tells = _TELLS[event.type]
        if tells == Tells.OWNER:
            gathered.single += _to_owner(event)
        elif tells == Tells.PAGED:
            _paged(event, world, gathered)
        elif event.proposal and (proposal := world.proposals.get(event.proposal)):
            _ASKS[tells](event, proposal, world, gathered)
    return gathered.lines()


def _to_teams(
    gathered: _Gathered, world: _World, kind: Kind, proposal: Proposal, teams: Iterable[str], but: set[str]
) -> None:
    if proposal.status != Proposal.Status.PENDING:
        return
    told: set[int] = set()
    for team in teams:
        for user in world.members.get(team, ()):
            if user in told or str(user) in but:
                continue
            told.add(user)
            gathered.bundles[user, kind, team, is_urgent(proposal.risk)][proposal.pk] = proposal.risk


def _to_people(
    gathered: _Gathered, kind: Kind, event: LogEvent, proposal: Proposal, people: Iterable[int]
) -> None:
    for user in people:
        if str(user) != event.actor:
            key = f"{proposal.pk}:{event.id}"
            gathered.single.append(Line(user, kind, proposal.team_id, proposal.risk, (proposal.pk,), key))


def _to_owner(event: LogEvent) -> list[Line]:
    """To who answers for the agent that the event is about."""
    owners = User.objects.filter(agents=event.data["agent"], is_active=True).values_list("pk", flat=True)
    return [Line(owner, Kind.PAUSED, None, Risk.LOW, (), f"event:{event.id}") for owner in owners]


def _submitted(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    _to_teams(gathered, world, Kind.NEW, proposal, proposal.teams, set())


def _reminded(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    """Whoever is on it; where nobody is, everybody who is asked."""
    if on_it := world.claimed.get(proposal.pk):
        _to_people(gathered, Kind.REMINDER, event, proposal, [on_it])
    else:
        _to_teams(gathered, world, Kind.REMINDER, proposal, proposal.teams, set())


def _to_be_checked(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    for user in world.members.get(proposal.team_id, ()):
        gathered.bundles[user, Kind.CHECK, proposal.team_id, is_urgent(proposal.risk)][proposal.pk] = (
            proposal.risk
        )


def _by_hand(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    """Also those who have the desk before them: what is done by hand does not stand in its list."""
    team = event.data["team"]
    for user, teams in teams_of_each(set(who_may_decide().values_list("pk", flat=True))).items():
        if team in teams:
            urgent = is_urgent(proposal.risk)
            gathered.bundles[user, Kind.BY_HAND, team, urgent][proposal.pk] = proposal.risk


def _escalated(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    _to_teams(gathered, world, Kind.ESCALATED, proposal, [event.data["to"]], {event.actor})


def _decided(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    if event.data.get("verdict") != Decision.Verdict.APPROVE:
        return
    decided = {str(decision.reviewer_id) for decision in world.decisions[proposal.pk]}
    _to_teams(gathered, world, Kind.SECOND, proposal, proposal.teams, decided | {event.actor})


def _assigned(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    _to_people(gathered, Kind.ASSIGNED, event, proposal, [int(event.data["to"])])


def _taken(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    if before := event.data.get("taken_over_from"):
        _to_people(gathered, Kind.TAKEN_OVER, event, proposal, [int(before)])


def _ended(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    """Those who had said something else, whose word counts no more."""
    said = {
        "proposal.approved": (Decision.Verdict.APPROVE, event.data.get("action_digest")),
        "proposal.rejected": (Decision.Verdict.REJECT, ""),
    }.get(event.type)
    otherwise = [
        decision.reviewer_id
        for decision in world.decisions[proposal.pk]
        if decision.verdict in (Decision.Verdict.APPROVE, Decision.Verdict.REJECT)
        and (decision.verdict, decision.action_digest) != said
    ]
    _to_people(gathered, Kind.OVERTAKEN, event, proposal, otherwise)


def _to_approvers(kind: Kind) -> Callable[[LogEvent, Proposal, _World, _Gathered], None]:
    def ask(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
        approved = [
            decision.reviewer_id
            for decision in world.decisions[proposal.pk]
            if decision.verdict == Decision.Verdict.APPROVE
        ]
        _to_people(gathered, kind, event, proposal, approved)

    return ask


def _failed(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    """Those who approved it, each by themselves, and the team that sees to it."""
    _to_approvers(Kind.ATTENTION)(event, proposal, world, gathered)
    approved = {decision.reviewer_id for decision in world.decisions[proposal.pk]}
    team = world.seen_to_by.get(proposal.pk, proposal.team_id)
    _stuck(proposal, _who_attends(team, proposal, world) - approved, gathered)


def _attended(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    _stuck(proposal, _who_attends(event.data["team"], proposal, world), gathered)


def _who_attends(team: str, proposal: Proposal, world: _World) -> set[int]:
    """Of a team that the proposal is not for, those alone who may see it: its operators, else all of them."""
    people = world.attending.to(team)
    return people if team in proposal.teams else people & world.attending.operators


def _to_operators(event: LogEvent, proposal: Proposal, world: _World, gathered: _Gathered) -> None:
    _stuck(proposal, world.attending.operators, gathered)


def _stuck(proposal: Proposal, people: Iterable[int], gathered: _Gathered) -> None:
    for user in people:
        urgent = is_urgent(proposal.risk)
        gathered.bundles[user, Kind.STUCK, proposal.team_id, urgent][proposal.pk] = proposal.risk


def _paged(event: LogEvent, world: _World, gathered: _Gathered) -> None:
    """The team of an incident, and those who are asked besides where nobody took it on."""
    incident = world.incidents.get(UUID(event.data["incident"]))
    if incident is None or incident.team_id is None or incident.acknowledged_at:
        return
    people = world.attending.to(incident.team_id, acts=False)
    if incident.escalated_at:
        to = incident.escalated_to_id
        people |= world.attending.to(to, acts=False) if to else world.attending.operators
    proposal = event.proposal and world.proposals.get(event.proposal)
    risk = max(proposal.risk if proposal else Risk.LOW, Risk.HIGH)
    about = (proposal.pk,) if proposal else ()
    for user in people:
        if str(user) != event.actor:
            key = f"{incident.pk}:{event.id}"
            gathered.single.append(Line(user, Kind.INCIDENT, incident.team_id, risk, about, key, incident.pk))


_ASKS: dict[Tells, Callable[[LogEvent, Proposal, _World, _Gathered], None]] = {
    Tells.TEAMS: _submitted,
    Tells.NEXT_TEAM: _escalated,
    Tells.ON_IT: _reminded,
    Tells.CHECKERS: _to_be_checked,
    Tells.BY_HAND: _by_hand,
    Tells.UNDONE: _to_approvers(Kind.UNDONE),
    Tells.ASKED_NEXT: _decided,
    Tells.ASSIGNED: _assigned,
    Tells.TAKEN_OVER: _taken,
    Tells.OVERRULED: _ended,
    Tells.FAILED: _failed,
    Tells.ATTENDED: _attended,
    Tells.OPERATORS: _to_operators,
}
_TELLS = {name: event.tells for name, event in EVENT_TYPES.items() if event.tells}
_TYPES = sorted(_TELLS)
