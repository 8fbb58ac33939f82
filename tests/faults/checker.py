"""Holds three accounts against each other: what clients were told, the books of the service, the database.

Shares no code with the product: its statements and what it makes of them are its own. Of the database it
reads rows and log in one snapshot, in which nothing may be half done however much is going on.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import psycopg

from tests.faults.account import Account, Reader
from tests.faults.told import TAKES, beside_rows, completed

AT_ONCE = 1_000  # proposals
UNDO = "undo."  # begins the name of what undoes a step
HAIR = 1.5  # seconds by which a moment in the log may be later than that in a row, on a busy machine


@dataclass(frozen=True)
class Finding:
    """One promise that was not kept. `kind` is one of `KINDS`."""

    kind: str
    order: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.order}: {self.what}"


KINDS = ("lost", "doubled", "unapproved", "stuck", "untold", "log", "lease", "client", "fsck")


@dataclass(frozen=True)
class Books:
    """What the database is held against besides the cases: the service's calls and what agents were told,
    how long a lease is, and the times in which something stood still."""

    shop: Any
    inbox: Any
    lease: float
    still: list[tuple[float, float]]


def check(reader: Reader, cases: Sequence[Any], books: Books, *, is_over: bool = False) -> list[Finding]:
    """Everything that is wrong with these cases; once it `is_over` also what did not come to its end."""
    found: list[Finding] = []
    for start in range(0, len(cases), AT_ONCE):
        some = cases[start : start + AT_ONCE]
        before, deeds = time.time(), {case.order: list(case.deeds) for case in some}
        accounts, strangers = reader.read([case.order for case in some])
        found += [Finding("log", order, "there are two proposals") for order in strangers]
        calls = _by_order(books.shop)  # after the rows: what counts as done has acted by now
        for case in some:
            trial = _Trial(case, calls[case.order], deeds[case.order], before, books, is_over)
            found += trial.findings(accounts.get(case.order))
    return found


def glance(reader: Reader, cases: Sequence[Any]) -> list[Finding]:
    """Where rows and log of these cases do not agree at this moment, in the middle of whatever goes on."""
    accounts, _ = reader.read([case.order for case in cases])
    nothing = Books(None, None, 0, [])
    trials = [(_Trial(case, [], [], 0, nothing, is_over=False), accounts.get(case.order)) for case in cases]
    return [finding for trial, account in trials if account for finding in trial.log(account)]


def _by_order(shop: Any) -> dict[str, list[Any]]:
    calls = defaultdict(list)
    for call in list(shop.calls):
        calls[call.order].append(call)
    return calls


def check_the_rest(database: str, cases: Sequence[Any], shop: Any) -> Iterator[Finding]:
    """What is there and belongs to no case: effects, proposals, events of proposals that are not."""
    orders = {case.order for case in cases}
    for call in list(shop.calls):
        if call.order not in orders:
            yield Finding("unapproved", call.order, "nobody asked for it")
    with psycopg.connect(database) as connection:
        for order, row in connection.execute(_PROPOSED):
            if order not in orders or not row:
                yield Finding("log", order, "a proposal that nobody submitted" if row else "an event of none")


_PROPOSED = """
SELECT coalesce(p.idempotency_key, e.proposal_id::text), p.id
  FROM (SELECT DISTINCT proposal_id FROM audit_event WHERE proposal_id IS NOT NULL) e
  FULL JOIN suggestions_proposal p ON p.id = e.proposal_id
"""


@dataclass
class _Trial:
    """One case with all that is known of it."""

    case: Any
    calls: list[Any]
    deeds: list[tuple[str, Any]]
    read_at: float  # the database; later calls may be of what was approved since
    books: Books
    is_over: bool

    def findings(self, account: Account | None) -> list[Finding]:
        if self.case.problem:
            return [self._found("client", self.case.problem)]
        if account is None:
            return (
                [self._found("lost", "the proposal was accepted and is gone")] if self.case.proposal else []
            )
        return [finding for look in _LOOKS for finding in look(self, account)]

    def _found(self, kind: str, what: str) -> Finding:
        return Finding(kind, f"{self.case.order} ({self.case.kind}, {self.case.action})", what)

    def _acted(self) -> list[Any]:
        return [call for call in self.calls if call.acted]

    # --- What clients were told ---------------------------------------------------------------

    def answers(self, account: Account) -> Iterator[Finding]:
        """What was answered with yes has happened."""
        done = [verb for verb, answer in self.case.said if answer.status in (200, 201)]
        made = {decision["verdict"] for decision in account.decisions}
        if gone := set(done) - {"undo", "agree"} - made:
            yield self._found("lost", f"it was accepted and is gone: {gone}")
        if "agree" in done and "approve" not in made:
            yield self._found("lost", "the word of one of two was accepted and is gone")
        if done.count("approve") + done.count("reject") - done.count("undo") > 1:
            yield self._found("log", "two people were both told that their word was the last")
        if "undo" in done and not account.of_type("proposal.approval_undone"):
            yield self._found("log", "an approval was said to be undone, and the log knows nothing of it")
        status, last = account.row["status"], done[-1] if done else ""
        if last in _BECOMES and status != _BECOMES[last] and len(self.case.said) == len(done):
            yield self._found("lost", f"the last word was {last}, and the proposal is {status}")

    def kept(self, account: Account) -> Iterator[Finding]:
        """What was granted was granted once, and what was taken of those who carry it out is known."""
        taken = [(deed, answer) for deed, answer in self.deeds if answer.status == 200]
        granted = Counter(answer.body["fence"] for deed, answer in taken if deed == "begin")
        if twice := [fence for fence, count in granted.items() if count > 1]:
            yield self._found("doubled", f"the same was granted twice: {twice}")
        if gone := set(granted) - {event["data"]["fence"] for event in account.of_type("execution.begun")}:
            yield self._found("lost", f"it was granted, and the log knows nothing of it: {gone}")
        for deed in {deed for deed, _ in taken} & set(_LEADS_TO):
            if not account.of_type(*_LEADS_TO[deed]):
                yield self._found("lost", f"it was taken and is gone: {deed}")

    # --- The books of the service --------------------------------------------------------------

    def effects(self, account: Account) -> Iterator[Finding]:
        """Nothing acted that nobody approved, or twice; what is done has acted."""
        acted = self._acted()
        is_approved = account.row["status"] == "approved"
        wrong = {call.amount for call in acted} - set(self.case.meant)
        if wrong:
            yield self._found("unapproved", f"acted with {sorted(wrong)}, approved was {self.case.meant}")
        if not is_approved and any(call.at < self.read_at for call in acted):
            yield self._found("unapproved", f"acted, and the proposal is {account.row['status']}")
        done = Counter(call.path.rpartition("/")[2] for call in acted)
        for step, count in done.items():
            if count > 1:
                moods = [call.mood for call in acted]
                yield self._found("doubled", f"{step} acted {count} times: {moods}")
        if is_approved:
            yield from self._carried_out(account, done)

    def _carried_out(self, account: Account, done: Counter[str]) -> Iterator[Finding]:
        execution = account.execution
        status = execution["status"] if execution else "gone"
        if status == "succeeded":
            missing = [step["name"] for step in account.steps if not done[step["name"]]]
            if missing:
                yield self._found("lost", f"it counts as done, and {missing} never acted")
        elif status == "cancelled":
            yield from self._undone(account, done)
        elif status == "failed":
            failed = {a["step"] for a in account.attempts if a["by"] == "agent" and a["outcome"] == "failed"}
            if acted := {step for step in failed if done[step]}:
                yield self._found("lost", f"it counts as failed, and {acted} acted")
            if self.is_over and "failed" not in {deed for deed, _ in self.deeds}:
                yield self._found("log", "it counts as failed, and nobody said so")
        elif self.is_over and status != "needs_attention":
            yield self._found("stuck", f"approved, and its execution is {status}")

    def _undone(self, account: Account, done: Counter[str]) -> Iterator[Finding]:
        """What was undone has acted, and what undoes it too; nothing else has."""
        undoing = {step["name"] for step in account.steps if step["kind"] == "undo"}
        both = undoing | {name.removeprefix(UNDO) for name in undoing}
        if not undoing or set(done) != both:
            yield self._found("lost", f"it counts as undone, and what acted is {sorted(done)}")

    # --- The log --------------------------------------------------------------------------------

    def log(self, account: Account) -> Iterator[Finding]:
        """Every state has its event, and every event its state."""
        for what, told, are in beside_rows(account):
            if told != are:
                only = f"only the log: {sorted(told - are)}, only the rows: {sorted(are - told)}"
                yield self._found("log", f"{what}: {only}")
        if len(account.of_type("proposal.submitted")) != 1:
            yield self._found("log", "it was not submitted once")
        answered = {r["status"] for r in account.resolutions} or {"pending"}
        if answered != {account.row["status"]}:
            yield self._found("log", f"the proposal is {account.row['status']}, its answer {answered}")
        yield from self._steps(account)

    def _steps(self, account: Account) -> Iterator[Finding]:
        told = completed(account)
        are = {step["name"] for step in account.steps if step["status"] == "completed"}
        by_hand = bool(account.of_type("execution.marked_done"))
        if told - are or (are - told and not by_hand):
            yield self._found("log", f"steps: the log tells of {told}, completed are {are}")

    # --- Leases -------------------------------------------------------------------------------

    def leases(self, account: Account) -> Iterator[Finding]:
        """Nobody took over while another one's lease ran, and each who took it has a number of their own."""
        fences = [event["data"]["fence"] for event in account.of_type(*TAKES, "execution.begun")]
        if any(later <= earlier for earlier, later in pairwise(fences)):
            yield self._found("lease", f"two had the same number: {fences}")
        since, lease = 0.0, 0.0  # of who holds it
        for event in account.events:
            kind, at = event["type"], datetime.fromisoformat(event["at"]).timestamp()
            takes = kind in (*TAKES, "execution.begun")
            if takes and lease and self._is_too_early(since, at, lease):
                yield self._found("lease", f"taken over {at - since:.1f} s after another one took it")
            if takes or kind == "attempt.started":
                since, lease = at, event["data"].get("lease_seconds", self.books.lease)
            elif kind.startswith(("execution.", "manual_task.", "compensation.")):
                lease = 0.0

    def _is_too_early(self, since: float, taken_over: float, lease: float) -> bool:
        late = any(start <= since <= end + HAIR for start, end in self.books.still)
        return taken_over - since < lease - HAIR and not late

    # --- Callbacks ------------------------------------------------------------------------------

    def callbacks(self, account: Account) -> Iterator[Finding]:
        """What counts as told has arrived, and in the end everything is."""
        for callback in account.callbacks:
            if callback["status"] == "sent" and not self.books.inbox.told.get(callback["id"]):
                yield self._found("untold", f"{callback['type']} counts as sent, and never arrived")
            if self.is_over and callback["status"] != "sent":
                yield self._found("untold", f"{callback['type']} is still {callback['status']}")
        if self.is_over:
            owed = {f"proposal.{resolution['status']}" for resolution in account.resolutions}
            owed |= {
                f"execution.{execution['status']}"
                for execution in account.executions
                if execution["status"] in _AT_REST
            }
            owed |= {event["type"] for event in account.of_type("execution.handed_back")}
            if missing := owed - {callback["type"] for callback in account.callbacks}:
                yield self._found("untold", f"the agent was never told of {sorted(missing)}")


_Look = Callable[[_Trial, Account], Iterable[Finding]]
_LOOKS: tuple[_Look, ...] = (
    _Trial.answers,
    _Trial.kept,
    _Trial.effects,
    _Trial.log,
    _Trial.leases,
    _Trial.callbacks,
)
_BECOMES = {"approve": "approved", "reject": "rejected"}
_LEADS_TO = {
    "succeeded": ("execution.result_reported", "execution.result_came_late"),
    "failed": ("execution.failed", "execution.result_reported", "execution.result_came_late"),
    "claim": ("manual_task.claimed",),
    "done": ("manual_task.done",),
    "given up": ("manual_task.given_up",),
    "signal": ("execution.signalled",),
}
_AT_REST = ("succeeded", "needs_attention", "failed", "cancelled")
