"""What goes wrong with a workflow as a whole and with no execution alone: success falls, or nothing comes.

Both are measured against the same hours of the last four weeks, for most work has a week's rhythm. What an
installation does not know yet it raises no alarm about: without a past nothing has fallen or stopped.

*Success fell.* Of n that were begun in the last 4 hours (or 24, where those are too few), k did not fail or
need a person so far; of the same hours of the weeks before, K of N. It fell where Wilson's upper bound of k/n
is below the lower bound of K/N, both at z = 3.29 (1 in 2,000 on each side: a chance of about one in a million
for both, so that a look every five minutes at a hundred workflows errs less than once in a month), and by at
least ten points, for a small difference of big numbers is no incident. What has not ended counts as good, for
what is quick to fail would else outweigh what is slow to succeed.

*Volume stopped.* Since the last hour in which anything was begun, whole hours went by in which nothing was.
Let λ be the mean of what was begun in those hours of the weeks before. By Poisson, the chance of nothing is
exp(−λ): below one in 100,000 (λ ≥ 11.5) it has stopped. Arrivals come in heaps more than Poisson says, so
something has to have come in these hours of at least three of the four weeks: a shop that was closed at this
time once is not missed.

What a person closed is left alone for a day, whatever the figures say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import exp
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Q
from django.db.models.functions import Now

from audit.ground.ids import first_id
from audit.ground.wilson import share
from audit.statements.prepared import execute
from execution.incidents.incidents import cause_of, open_incident
from execution.models import Execution, Hour
from governance.models import ActionType, Incident, Team
from governance.trust.incidents import moment

WEEKS = 4
YOUNG = timedelta(hours=6)  # so long an hour is added up anew
SPANS = (4, 24)  # hours
LEAST_NOW, LEAST_BEFORE = 20, 50  # that were begun
LEAST_DROP = 0.10
Z = 3.29
SURELY_NOT_CHANCE = 1e-5
WEEKS_WITH_ANY = 3
QUIET_AFTER_CLOSING = timedelta(days=1)
LOOKED_BACK = timedelta(days=9)  # for what stopped: longer than `_QUIET` looks
Kind = Incident.Kind


class Success(NamedTuple):
    """How many of those that were begun did not fail or need a person, now and before."""

    good: int
    of: int
    good_before: int
    of_before: int

    @property
    def fell(self) -> bool:
        if self.of < LEAST_NOW or self.of_before < LEAST_BEFORE:
            return False
        now, before = share(self.good, self.of, z=Z), share(self.good_before, self.of_before, z=Z)
        drop = self.good_before / self.of_before - self.good / self.of
        return now.high < before.low and drop >= LEAST_DROP


def has_stopped(before: Sequence[int]) -> bool:
    """Whether nothing, where so many came in each of the weeks before, is no chance."""
    if sum(1 for count in before if count) < WEEKS_WITH_ANY:
        return False
    return exp(-sum(before) / WEEKS) < SURELY_NOT_CHANCE


def look() -> int:
    """Add up the young hours, and open an incident for each workflow that fell or stopped: how many."""
    _add_up()
    current = set(ActionType.objects.current().values_list("name", flat=True))
    found = [*_fallen(), *_silent()]
    return sum(_say(one) for one in found if one.action in current)


class _Finding(NamedTuple):
    kind: Incident.Kind
    action: str
    detail: str


def _fallen() -> Iterator[_Finding]:
    """Each workflow at most once: the short span says it sooner, and the long one what the short can't."""
    told: set[str] = set()
    for hours in SPANS:
        for action, *counts in execute(_SUCCESS, {"hours": hours, "weeks": WEEKS}):
            found = Success(*counts)
            if action in told or not found.fell:
                continue
            told.add(action)
            detail = (
                f"{found.of - found.good} of {found.of} that were begun in the last {hours} hours failed or "
                f"needed a person. At these hours of the {WEEKS} weeks before it was "
                f"{found.of_before - found.good_before} of {found.of_before}."
            )
            yield _Finding(Kind.SUCCESS_FELL, action, detail)


def _silent() -> Iterator[_Finding]:
    for action, since, before in execute(_QUIET, {"weeks": WEEKS}):
        if has_stopped(before):
            usual = ", ".join(map(str, before))
            detail = (
                f"Nothing was approved since {since:%-d %b %H:%M} UTC. At these hours of the weeks before, "
                f"the latest first, it was {usual}."
            )
            yield _Finding(Kind.VOLUME_STOPPED, action, detail)


@transaction.atomic
def _say(found: _Finding) -> bool:
    """Open its incident, unless one is open or was closed a short while ago."""
    of_it = Incident.objects.filter(cause=cause_of(found.kind, found.action))
    lately = Q(closed_at=None) | Q(closed_at__gt=Now() - QUIET_AFTER_CLOSING)
    if of_it.filter(lately).exists():
        return False
    open_incident(
        found.kind, found.action, action=found.action, team=_team_of(found.action), detail=found.detail
    )
    return True


def _team_of(action: str) -> Team | None:
    """The team that was asked about it last."""
    lately = Execution.objects.filter(action=action, pk__gte=first_id(moment() - LOOKED_BACK))
    newest = lately.select_related("proposal__team").order_by("-pk").first()
    return newest.proposal.team if newest else None


def _add_up() -> None:
    """Bring the rollup up to now; let go of what no week is compared with any more."""
    now = moment()
    oldest = now - timedelta(weeks=WEEKS, hours=max(SPANS) + 1)
    newest = Hour.objects.aggregate(at=Max("at"))["at"]
    since = max(newest - YOUNG, oldest) if newest else oldest
    hour = since.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_ADD_UP, {"first": first_id(hour), "since": hour})
    Hour.objects.filter(at__lt=oldest).delete()


_ADD_UP = """
INSERT INTO execution_hour AS h (action, at, begun, ended, by_itself)
SELECT action, date_trunc('hour', created_at, 'UTC'), count(*),
       count(*) FILTER (WHERE status IN ('succeeded', 'failed', 'needs_attention')),
       count(*) FILTER (WHERE status = 'succeeded' AND round = 1 AND reason = '')
  FROM execution_execution
 WHERE id >= %(first)s AND created_at >= %(since)s AND action <> ''
 GROUP BY 1, 2
    ON CONFLICT (at, action) DO UPDATE
   SET begun = excluded.begun, ended = excluded.ended, by_itself = excluded.by_itself
 WHERE (h.begun, h.ended, h.by_itself) <> (excluded.begun, excluded.ended, excluded.by_itself)
"""
# The same hours of now and of each week before: 0 is this week.
_SUCCESS = """
SELECT h.action,
       coalesce(sum(h.begun - h.ended + h.by_itself) FILTER (WHERE week = 0), 0)::int,
       coalesce(sum(h.begun) FILTER (WHERE week = 0), 0)::int,
       coalesce(sum(h.begun - h.ended + h.by_itself) FILTER (WHERE week > 0), 0)::int,
       coalesce(sum(h.begun) FILTER (WHERE week > 0), 0)::int
  FROM (SELECT week, date_trunc('hour', statement_timestamp(), 'UTC')
                     - make_interval(hours => ago, days => 7 * week) AS at
          FROM generate_series(0, %(weeks)s) week, generate_series(0, %(hours)s - 1) ago) same
  JOIN execution_hour h ON h.at = same.at
 GROUP BY h.action
 ORDER BY h.action
"""
# Of what was quiet for whole hours, a day of them at most: since when, and what came then in past weeks.
_QUIET = """
WITH t AS (SELECT date_trunc('hour', statement_timestamp(), 'UTC') AS hour), quiet AS (
    SELECT action, hour, greatest(max(at) + interval '1 hour', hour - interval '24 hours') AS since
      FROM execution_hour, t
     WHERE at >= hour - interval '8 days'
     GROUP BY action, hour
)
SELECT quiet.action, quiet.since, array_agg(coalesce(past.begun, 0)::int ORDER BY week)
  FROM quiet CROSS JOIN generate_series(1, %(weeks)s) week
 CROSS JOIN LATERAL (
    SELECT sum(h.begun) AS begun FROM execution_hour h
     WHERE h.action = quiet.action AND h.at >= quiet.since - make_interval(days => 7 * week)
       AND h.at < quiet.hour - make_interval(days => 7 * week)) past
 WHERE quiet.since < quiet.hour
 GROUP BY quiet.action, quiet.since
 ORDER BY quiet.action
"""
