from celery import shared_task

from approvals import checks, deadlines, samples, standing_in
from approvals import slip_in as slipping
from approvals.expire import expire_overdue
from governance import standing


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
def slip_in(team: str) -> None:
    """Put a check before this team."""
    slipping.slip_in(team)
