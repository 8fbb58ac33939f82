"""Cycles: a burst of actions, one fault, recovery, check. Then everything rests, and all is checked."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future

import psycopg

from tests.faults import checker
from tests.faults.account import Reader
from tests.faults.checker import Finding
from tests.faults.downstream import Downstream
from tests.faults.load import Case, Load, Operator
from tests.faults.nemesis import Nemesis
from tests.faults.system import LEASE, System, until
from tests.faults.totals import Totals

STUCK_AFTER = 60.0  # seconds after a fault; more than that nobody waits
RESTS_WITHIN = 720.0  # seconds after the last fault: leases, claims, graces, and who waited for a route
LATE_AFTER = 10.0  # seconds after a fault: from then on is written down what is waited for,
AGAIN_AFTER = 2.0  # and every so many seconds again
TAKEN_WITHIN = 2.0  # seconds, of what comes due: two ticks of the clock
HAPPENS_WITHIN = 0.4  # seconds of a burst until the fault

# What was due at a moment, or is due since for longer than a healthy system lets anything wait. Not what had
# waited for a route that works again: it comes back at the pace that is left; the end waits for all of it.
_LATE = f"""
WITH asked (moment) AS (
    SELECT greatest(to_timestamp(%s), statement_timestamp() - make_interval(secs => {TAKEN_WITHIN}))),
late (what, since) AS (
    SELECT status::text,
           CASE status WHEN 'scheduled' THEN due_at WHEN 'running' THEN lease_until ELSE deadline END
      FROM execution_execution, asked
     WHERE status = 'scheduled' AND due_at <= moment AND (waits_for = '' OR EXISTS (
           SELECT FROM execution_breaker b WHERE b.route = waits_for AND b.state <> 'closed'))
        OR status = 'running' AND lease_until <= moment
        OR status = 'handed_back' AND deadline <= moment
    UNION ALL
    SELECT 'callback', due_at FROM suggestions_callback, asked WHERE status = 'waiting' AND due_at <= moment
    UNION ALL
    SELECT 'approved', r.at FROM suggestions_resolution r, asked
     WHERE r.status = 'approved' AND r.at <= moment AND NOT EXISTS (
           SELECT FROM execution_execution e WHERE e.proposal_id = r.proposal_id))
"""
_DUE = f"{_LATE} SELECT count(*) FROM late"
_WHAT_IS_LATE = f"""{_LATE}
SELECT what, count(*), max(extract(epoch FROM statement_timestamp() - since))::float FROM late GROUP BY what
"""
# What nobody has to wait for a person for.
_AT_WORK = """
SELECT (SELECT count(*) FROM execution_execution WHERE status IN ('scheduled', 'running', 'handed_back'))
     + (SELECT count(*) FROM suggestions_callback WHERE status = 'waiting')
     + (SELECT count(*) FROM execution_execution e WHERE status = 'needs_attention' AND NOT EXISTS (
           SELECT FROM audit_event a WHERE a.proposal_id = e.proposal_id AND a.type = 'execution.refused'))
"""
_ASKED = """
SELECT regexp_replace(body::jsonb -> 'data' ->> 'reason', '^Step [a-z]+: |[0-9]+', '', 'g') AS reason,
       count(*)
  FROM audit_event WHERE type IN ('execution.needs_attention', 'execution.refused')
 GROUP BY reason ORDER BY count(*) DESC LIMIT 12
"""


class Run:
    """One system, broken again and again."""

    def __init__(
        self,
        system: System,
        shop: Downstream,
        inbox: Downstream,
        operator: Operator,
        *,
        seed: str,
        actions: int,
        patience: float = STUCK_AFTER,
        only: list[str] | None = None,
        say: Callable[[str], None],
    ) -> None:
        self.system, self.shop, self.inbox, self.operator = system, shop, inbox, operator
        self.seed, self.actions, self.patience, self.say = seed, actions, patience, say
        self.load, self.nemesis = Load(system, inbox), Nemesis(system, shop, inbox, only)
        self.totals = Totals(seed, cases=self.load.cases)
        self.deck = random.Random(seed)
        self.reader = Reader(system.database)
        self.is_last = False
        self.began = time.monotonic()
        self._connection: psycopg.Connection[tuple[int]] | None = None

    def cycles(self, count: int) -> Totals:
        """So many cycles, or until `stop`; and the end."""
        for number in range(1, count + 1):
            self._cycle(number)
            if self.is_last:
                break
        return self._end()

    def stop(self) -> None:
        """This cycle is the last."""
        self.is_last = True

    def hunt(self, seconds: float, *, kind: str, fault: str) -> Totals:
        """Cycles until something of this kind is found, or for so long; every other one with this fault."""
        number = 0
        while time.monotonic() - self.began < seconds and not self.totals.has(kind):
            number += 1
            self._cycle(number, fault if number % 2 else "")
        return self._count() if self.totals.has(kind) else self._end()

    def _cycle(self, number: int, fault: str = "") -> None:
        rng = random.Random(f"{self.seed}/{number}")
        fault = fault or self.nemesis.next_fault(self.deck)
        cases, answered = self.load.burst(f"c{number}", self.actions, rng)
        seen = list[Finding]()
        happens = time.monotonic() + rng.uniform(0, HAPPENS_WITHIN)
        while time.monotonic() < happens:
            seen += self._glance(cases)
        said = self.nemesis.strike(fault, rng)
        self.totals.faults[fault] += 1
        recovery = self._recover(cases, answered, seen)
        told, found = self._after(recovery, cases, fault, seen)
        self.totals.findings += found
        self.say("\n     ".join([f"{number:4} {self.seed}/{number} {said}; {told}", *map(str, found)]))

    def _glance(self, cases: list[Case]) -> list[Finding]:
        """Where rows and log do not agree now; nothing while the database is away."""
        time.sleep(0.01)
        try:
            return checker.glance(self.reader, cases)
        except psycopg.Error:
            return []

    def _after(
        self, recovery: float | None, cases: list[Case], fault: str, seen: list[Finding]
    ) -> tuple[str, list[Finding]]:
        """What is said of a cycle, and what is wrong with it, beside what was `seen` in the middle of it."""
        if recovery is not None:
            self.totals.recoveries.append(recovery)
            found = list(dict.fromkeys([*seen, *self._check(cases)]))
            return f"moving again after {recovery:.1f} s; {f'{len(found)} FOUND' if found else 'ok'}", found
        self.totals.unfinished += 1
        if self.patience < STUCK_AFTER:
            return "the next comes before it has recovered", seen
        return "STUCK", [*seen, Finding("stuck", cases[0].order, f"what is due does not move after {fault}")]

    def _recover(self, cases: list[Case], answered: Future[None], seen: list[Finding]) -> float | None:
        """Seconds until every client has its answer, what was due has moved, and what comes due moves in
        time; None where that takes longer than our patience. What is `seen` meanwhile is added."""
        began, moment, told_at = time.monotonic(), time.time(), LATE_AFTER

        def moves() -> bool:
            nonlocal told_at
            seen.extend(self._glance(cases))
            passed = time.monotonic() - began
            if passed > told_at:
                told_at += AGAIN_AFTER
                self.say(f"     after {passed:.0f} s {self._awaited(answered, moment)}")
            return answered.done() and self._count_of(_DUE, moment) == 0

        moved = until(moves, seconds=self.patience, every=0.1)
        if answered.done():
            answered.result()
        return time.monotonic() - began if moved else None

    def _awaited(self, answered: Future[None], moment: float) -> str:
        """What a late cycle waits for: answers to clients, and what is due, since when."""
        clients = "" if answered.done() else "clients wait for answers; "
        try:
            with psycopg.connect(self.system.database) as connection:
                rows = connection.execute(_WHAT_IS_LATE, [moment]).fetchall()
        except psycopg.Error as error:
            return f"{clients}the database says {error}"
        return clients + ", ".join(f"{count} {what} due for {since:.1f} s" for what, count, since in rows)

    def _check(self, cases: list[Case], *, is_over: bool = False) -> list[Finding]:
        books = checker.Books(self.shop, self.inbox, LEASE, self.nemesis.still)
        return checker.check(self.reader, cases, books, is_over=is_over)

    def _end(self) -> Totals:
        """Everything comes to rest, is checked as a whole, and counted."""
        began = time.monotonic()
        self.nemesis.wait()
        self.load.wait()
        self.operator.close_breakers()
        until(lambda: self._count_of(_AT_WORK) == 0, seconds=RESTS_WITHIN, every=0.2)
        self.totals.rest = time.monotonic() - began
        self.totals.findings += self._check(self.load.cases, is_over=True)
        self._tell_why_people_were_asked()
        self.totals.executions = self._executions()
        self.totals.findings += checker.check_the_rest(self.system.database, self.load.cases, self.shop)
        self.totals.findings += self._fsck()
        self.totals.findings = list(dict.fromkeys(self.totals.findings))  # some were found before
        return self._count()

    def _fsck(self) -> list[Finding]:
        """Where the product itself finds that rows are not as the log has it: of what was forged, and nowhere
        else."""
        found = self.system.fsck()
        told = "{check}: expected {expected}; found {found} (event {event})"
        tampered = {case.proposal for case in self.load.cases if case.kind == "tamper"}
        named = {one["subject"] for one in found if one["check"] == "arguments"}
        wrong = [one for one in found if one["check"] != "arguments" or one["subject"] not in tampered]
        unseen = [case for case in self.load.cases if case.is_forged and case.proposal not in named]
        return [
            *(Finding("fsck", f"{one['kind']} {one['subject']}", told.format(**one)) for one in wrong),
            *(Finding("fsck", case.order, "it was forged, and fsck does not find it") for case in unseen),
        ]

    def _tell_why_people_were_asked(self) -> None:
        with psycopg.connect(self.system.database) as connection:
            for reason, count in connection.execute(_ASKED):
                self.say(f"{count:5} times a person was asked: {reason}")

    def _executions(self) -> Counter[str]:
        with psycopg.connect(self.system.database) as connection:
            rows = connection.execute("SELECT status, count(*) FROM execution_execution GROUP BY status")
            return Counter(dict(rows.fetchall()))

    def _count(self) -> Totals:
        self.totals.effects = sum(call.acted for call in list(self.shop.calls))
        self.totals.attended = self.operator.attended
        self.totals.deeds = Counter(
            deed if answer.status == 200 else f"{deed} refused"
            for case in self.load.cases
            for deed, answer in list(case.deeds)
        )
        self.totals.seconds = time.monotonic() - self.began
        return self.totals

    def _count_of(self, statement: str, *values: float) -> int:
        """The number that it asks for; 1 while the database is away."""
        try:
            self._connection = self._connection or psycopg.connect(self.system.database, autocommit=True)
            [count] = self._connection.execute(statement, values).fetchone() or [1]
            return int(count)
        except psycopg.Error:
            self._connection = None
            return 1
