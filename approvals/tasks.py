from uuid import UUID

from celery import shared_task

from approvals.beside import standing_in
from approvals.deciding import checks, deadlines, second
from approvals.deciding.expire import expire_overdue
from approvals.telling import deliver
from approvals.telling.follow import follow
from approvals.telling.outbox import DELIVERIES
from approvals.telling.tell import tell_due
from approvals.vigilance import forget, samples
from approvals.vigilance import slip_in as slipping
from governance.trust import standing


@shared_task
def expire() -> None:
    """Expire what nobody decided in time."""
    expire_overdue()
    checks.expire_overdue()


@shared_task
def deadline() -> None:
    """Remind people of what ends soon; ask the next team in the place of a silent one."""
    deadlines.remind_due()
    deadlines.escalate_silent()


@shared_task
def stand_in() -> None:
    """Hand on what absent people had claimed or were assigned."""
    standing_in.begin_due()


@shared_task
def sample() -> None:
    """Ask about what passed by itself and was carried out; end what nobody answered."""
    samples.open_carried_out()
    samples.expire_unanswered()
    second.expire_unanswered()


@shared_task
def end_standing() -> None:
    """Write down which standing approvals' time is over."""
    standing.expire()


@shared_task
def throw_dice_for_checks() -> None:
    """Which teams get a check now, and each a little later. A message that is lost costs one check."""
    for team, seconds in slipping.due():
        slip_in.apply_async((team,), countdown=seconds, retry=False)


@shared_task
def forget_figures() -> None:
    """Let go of what is kept about people only for a while."""
    forget.forget_figures()


@shared_task
def slip_in(team: str) -> None:
    """Put a check before this team."""
    slipping.slip_in(team)


@shared_task
def follow_log() -> None:
    """Find in the log what people are to be told."""
    follow()


@shared_task
def tell() -> None:
    """Tell outside what is due, and go on with what did not arrive."""
    tell_due()
    DELIVERIES.tell_due()


@shared_task
def send_notice(delivery_id: str) -> None:
    deliver.attempt(UUID(delivery_id))


@shared_task
def forget_notices() -> None:
    """Let go of notices that are a month old."""
    deliver.forget_old()
