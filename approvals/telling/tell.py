"""From what is owed to a message: once for each person, of all that is due, if it is still news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.models import Claim, Look
from approvals.models.kinds import Kind, Outside
from approvals.models.notices import Delivery, Here, Message, Notice, Target, Wishes
from approvals.telling.due import due
from approvals.telling.outbox import DELIVERIES
from approvals.telling.words import NoticeInWords, message, said
from execution.models import Execution, ManualTask
from governance.models import Incident
from suggestions.models import CallbackEndpoint, Proposal, Sample

AT_ONCE = 200  # people of one turn
_WHILE_OPEN = {Kind.NEW, Kind.ASSIGNED, Kind.REMINDER, Kind.ESCALATED, Kind.SECOND}
Waiting = Notice.Outside.WAITING


def tell_due() -> int:
    """Make the messages that are due; returns of how many people something was looked at."""
    waiting = Notice.objects.filter(outside=Waiting, due_at__lte=Now())
    people = list(waiting.order_by().values_list("user", flat=True).distinct()[:AT_ONCE])
    for user in people:
        tell(user)
    return len(people)


@transaction.atomic
def tell(user: int) -> Message | None:
    """Tell somebody outside what is due and still news; the rest is dropped or put off.

    Safe to call twice, and at the same time: what was told is marked with the message that tells it.
    """
    Wishes.objects.bulk_create([Wishes(user_id=user)], ignore_conflicts=True)
    wishes = Wishes.objects.select_for_update(skip_locked=True).filter(user=user).first()
    if wishes is None:
        return None  # somebody else is at it
    now = _now()
    waiting = Notice.objects.select_for_update(of=("self",)).select_related("team")
    notices = list(waiting.filter(user=user, outside=Waiting, due_at__lte=now).order_by("-risk", "id"))
    targets = list(Target.objects.filter(user=user, disabled_at=None))
    news = still_news(user, notices)
    telling: list[tuple[Notice, NoticeInWords]] = []
    for notice in notices:
        at = due(notice, wishes, now)
        wanted = wishes.wish(notice.kind, urgent=notice.urgent).outside != Outside.OFF
        if not (targets and wanted and news[notice.pk].count):
            _end(notice, Notice.Outside.DROPPED)
        elif at > now:
            _put_off(notice, wishes, at)
        else:
            telling.append((notice, _in_words(notice, news[notice.pk])))
    return _send(wishes, telling, targets) if telling else None


def _send(wishes: Wishes, telling: list[tuple[Notice, NoticeInWords]], targets: list[Target]) -> Message:
    title, body = message([line for _, line in telling])
    sent = Message.objects.create(user_id=wishes.user_id, title=title, body=body)
    for notice, _ in telling:
        notice.message = sent
        _end(notice, Notice.Outside.SENT)
    if any(not notice.in_digest for notice, _ in telling):
        Wishes.objects.filter(pk=wishes.pk).update(sent_at=Now())
    deliver(sent, targets)
    return sent


def deliver(sent: Message, targets: Iterable[Target]) -> None:
    """Owe a message to these addresses, in the transaction that makes it."""
    for target in targets:
        delivery = Delivery.objects.create(message=sent, target=target, queued_at=Now())
        DELIVERIES.tell(delivery.pk)


def _end(notice: Notice, outside: str) -> None:
    notice.outside = outside
    notice.save(update_fields=["outside", "message"])


def _put_off(notice: Notice, wishes: Wishes, at: datetime) -> None:
    notice.due_at = at
    wish = wishes.wish(notice.kind, urgent=notice.urgent)
    notice.in_digest = wish.outside == Outside.DIGEST
    notice.save(update_fields=["due_at", "in_digest"])


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


# --- Is it still news? -----------------------------------------------------------------------


@dataclass(frozen=True)
class News:
    """How many of a line's proposals there is something to say about, and those of them it knows."""

    count: int
    proposals: Sequence[UUID]


def still_news(user: int, notices: Sequence[Notice]) -> dict[int, News]:
    """What of each of these was neither decided nor read, nor on the person's screen since."""
    ids = {proposal for notice in notices for proposal in notice.proposals}
    by_hand = ManualTask.objects.open().filter(execution__proposal__in=ids)
    failing = Execution.objects.filter(status=Execution.Status.NEEDS_ATTENTION)
    world = _World(
        here=Here.objects.filter(user=user).first(),
        proposals=Proposal.objects.only("id", "status", "created_at").in_bulk(ids),
        looked=dict(Look.objects.filter(user=user, proposal__in=ids).values_list("proposal", "until")),
        claimed=set(Claim.objects.live().filter(user=user, proposal__in=ids).values_list("pk", flat=True)),
        failing=set(failing.filter(proposal__in=ids).values_list("proposal", flat=True)),
        by_hand=set(by_hand.values_list("execution__proposal", flat=True)),
        untaken=_untaken(notices),
        unchecked=set(Sample.objects.open().filter(proposal__in=ids).values_list("proposal", flat=True)),
        paused=CallbackEndpoint.objects.paused().filter(agent__owner=user).exists(),
    )
    return {notice.pk: _news(notice, world) for notice in notices}


def _untaken(notices: Sequence[Notice]) -> set[UUID]:
    """Of the incidents that these tell of, those that nobody has taken on."""
    named = {notice.incident_id for notice in notices if notice.incident_id}
    return (
        set(Incident.objects.untaken().filter(pk__in=named).values_list("pk", flat=True)) if named else set()
    )


@dataclass(frozen=True)
class _World:
    here: Here | None
    proposals: dict[UUID, Proposal]
    looked: dict[UUID, datetime]
    claimed: set[UUID]
    failing: set[UUID]
    untaken: set[UUID]
    unchecked: set[UUID]
    by_hand: set[UUID]
    paused: bool  # some address of an agent of theirs


def _news(notice: Notice, world: _World) -> News:
    if notice.kind in (Kind.FAILED_TRIES, Kind.NEW_DEVICE):
        # Whoever looks at our pages as this person may be just who they are to be warned of.
        return News(notice.count, ())
    if notice.read_at or (world.here and world.here.at >= notice.at):
        return News(0, ())
    if notice.kind == Kind.TARGET:
        return News(notice.count, ())
    if notice.kind == Kind.INCIDENT:
        return News(int(notice.incident_id in world.untaken), ())
    if notice.kind == Kind.PAUSED:
        return News(notice.count if world.paused else 0, ())
    left = [one for one in notice.proposals if _concerns(one, notice, world)]
    unnamed = notice.count - len(notice.proposals)  # of a flood only the first are known one by one
    return News(len(left) + unnamed, left)


def _concerns(proposal_id: UUID, notice: Notice, world: _World) -> bool:
    proposal = world.proposals.get(proposal_id)
    if proposal is None:
        return False
    looked = world.looked.get(proposal_id)
    if notice.kind == Kind.NEW:
        seen = looked is not None or _was_on_the_desk(proposal, world)
    else:
        seen = looked is not None and looked > notice.at
    if seen:
        return False
    if notice.kind in _WHILE_OPEN and proposal.status != Proposal.Status.PENDING:
        return False
    if notice.kind == Kind.ASSIGNED:
        return proposal_id in world.claimed
    if notice.kind in (Kind.ATTENTION, Kind.STUCK):
        return proposal_id in world.failing
    if notice.kind == Kind.BY_HAND:
        return proposal_id in world.by_hand
    if notice.kind == Kind.CHECK:
        return proposal_id in world.unchecked
    return True


def _was_on_the_desk(proposal: Proposal, world: _World) -> bool:
    return bool(world.here and world.here.desk_at and world.here.desk_at >= proposal.created_at)


def _in_words(notice: Notice, news: News) -> NoticeInWords:
    return said(
        notice.kind,
        team=notice.team.name if notice.team else "",
        team_slug=notice.team_id or "",
        risk=notice.risk,
        urgent=notice.urgent,
        count=news.count,
        proposals=news.proposals,
        incident=notice.incident_id,
    )


def in_words(notice: Notice) -> NoticeInWords:
    """A notice as its person reads it in the list."""
    return _in_words(notice, News(notice.count, notice.proposals))


def look_again(user: int) -> None:
    """The person's wishes changed: see anew when what waits is due."""
    waiting = Notice.objects.filter(user=user, outside=Waiting, in_digest=True) | Notice.objects.filter(
        user=user, outside=Waiting, due_at__gt=F("at")
    )
    waiting.update(in_digest=False, due_at=Now())
