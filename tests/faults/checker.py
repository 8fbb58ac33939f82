"""Holds three accounts against each other: what clients were told, the books of the service, the database.

Shares no code with the product: its statements and what it makes of them are its own. Of the database it
reads rows and log in one snapshot, in which nothing may be half done however much is going on.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.rows import dict_row

AT_ONCE = 1_000  # proposals
HAIR = 1.5  # seconds by which a moment in the log may be later than that in a row, on a busy machine

# What an event says of the state of an execution after it.
STATES = {
    "execution.scheduled": "scheduled",
    "execution.started": "running",
    "execution.resumed": "running",
    "execution.begun": "running",
    "execution.put_off": "scheduled",
    "execution.held": "scheduled",
    "execution.handed_back": "handed_back",
    "execution.succeeded": "succeeded",
    "execution.marked_done": "succeeded",
    "execution.failed": "failed",
    "execution.needs_attention": "needs_attention",
    "execution.refused": "needs_attention",
    "execution.retried": "scheduled",
    "execution.cancelled": "cancelled",
}
EARLY, UNTAKEN = "taken before it was made", "tried before it was taken"
TAKES = ("execution.started", "execution.resumed")
ENDED = ("approved", "rejected", "returned", "expired", "withdrawn", "blocked")


@dataclass(frozen=True)
class Finding:
    """One promise that was not kept. `kind` is one of `KINDS`."""

    kind: str
    order: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.order}: {self.what}"


KINDS = ("lost", "doubled", "unapproved", "stuck", "untold", "log", "lease", "client")


@dataclass
class Account:
    """What the database holds of one proposal."""

    row: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    resolutions: list[dict[str, Any]] = field(default_factory=list)
    executions: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def execution(self) -> dict[str, Any] | None:
        return self.executions[0] if self.executions else None

    def of_type(self, *types: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] in types]


_ROWS = {
    "events": """
        SELECT proposal_id AS of, type, body::jsonb ->> 'at' AS at, body::jsonb -> 'data' AS data
          FROM audit_event WHERE proposal_id = ANY (%s) ORDER BY id""",
    "decisions": """
        SELECT proposal_id AS of, id::text, verdict FROM approvals_decision
         WHERE proposal_id = ANY (%s)""",
    "resolutions": """
        SELECT proposal_id AS of, status FROM suggestions_resolution
         WHERE proposal_id = ANY (%s)""",
    "executions": """
        SELECT proposal_id AS of, id::text, status FROM execution_execution
         WHERE proposal_id = ANY (%s)""",
    "steps": """
        SELECT e.proposal_id AS of, s.name, s.status FROM execution_step s
          JOIN execution_execution e ON e.id = s.execution_id WHERE e.proposal_id = ANY (%s)""",
    "attempts": """
        SELECT e.proposal_id AS of, s.name AS step, a.number, a.outcome FROM execution_attempt a
          JOIN execution_step s ON s.id = a.step_id JOIN execution_execution e ON e.id = s.execution_id
         WHERE e.proposal_id = ANY (%s)""",
    "callbacks": """
        SELECT proposal_id AS of, id::text, type, status FROM suggestions_callback
         WHERE proposal_id = ANY (%s)""",
}


@dataclass(frozen=True)
class Books:
    """What the database is held against besides the cases: the service's calls and what agents were told,
    how long a lease is, and the times in which something stood still."""

    shop: Any
    inbox: Any
    lease: float
    still: list[tuple[float, float]]


def check(database: str, cases: Sequence[Any], books: Books, *, is_over: bool = False) -> list[Finding]:
    """Everything that is wrong with these cases; once it `is_over` also what did not come to its end."""
    found: list[Finding] = []
    for start in range(0, len(cases), AT_ONCE):
        some = cases[start : start + AT_ONCE]
        before = time.time()
        accounts, strangers = _read(database, [case.order for case in some])
        found += [Finding("log", order, "there are two proposals") for order in strangers]
        calls = _by_order(books.shop)  # after the rows: what counts as done has acted by now
        for case in some:
            trial = _Trial(case, calls[case.order], before, books, is_over)
            found += trial.findings(accounts.get(case.order))
    return found


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


def _read(database: str, orders: list[str]) -> tuple[dict[str, Account], list[str]]:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        rows = connection.execute(
            "SELECT id, idempotency_key, status FROM suggestions_proposal WHERE idempotency_key = ANY (%s)",
            [orders],
        ).fetchall()
        by_id = {row["id"]: Account(row) for row in rows}
        for name, statement in _ROWS.items():
            for row in connection.execute(statement, [list(by_id)]):
                getattr(by_id[row["of"]], name).append(row)
    counts = Counter(row["idempotency_key"] for row in rows)
    twice = [order for order, count in counts.items() if count > 1]
    return {account.row["idempotency_key"]: account for account in by_id.values()}, twice


@dataclass
class _Trial:
    """One case with all that is known of it."""

    case: Any
    calls: list[Any]
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
        elif self.is_over and status != "needs_attention":
            yield self._found("stuck", f"approved, and its execution is {status}")

    # --- The log --------------------------------------------------------------------------------

    def log(self, account: Account) -> Iterator[Finding]:
        """Every state has its event, and every event its state."""
        pairs = [
            ("decisions", _told_decisions(account), {(d["id"], d["verdict"]) for d in account.decisions}),
            ("attempts begun", _told_begun(account), {(a["step"], a["number"]) for a in account.attempts}),
            (
                "attempts ended",
                _told_ended(account),
                {(a["step"], a["number"], a["outcome"]) for a in account.attempts if a["outcome"] != "open"},
            ),
            (
                "callbacks",
                {(e["data"]["callback"], e["type"]) for e in account.of_type(*_CALLBACK_ENDS.values())},
                {
                    (c["id"], _CALLBACK_ENDS[c["status"]])
                    for c in account.callbacks
                    if c["status"] in _CALLBACK_ENDS
                },
            ),
            ("the answer", _told_answer(account), {r["status"] for r in account.resolutions}),
            ("the execution", _told_execution(account), {(e["id"], e["status"]) for e in account.executions}),
        ]
        for what, told, are in pairs:
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
        told = {event["data"]["step"] for event in account.of_type("step.completed")}
        completed = {step["name"] for step in account.steps if step["status"] == "completed"}
        by_hand = bool(account.of_type("execution.marked_done"))
        if told - completed or (completed - told and not by_hand):
            yield self._found("log", f"steps: the log tells of {told}, completed are {completed}")

    # --- Leases -------------------------------------------------------------------------------

    def leases(self, account: Account) -> Iterator[Finding]:
        """Nobody took over while another one's lease ran, and each who took it has a number of their own."""
        fences = [event["data"]["fence"] for event in account.of_type(*TAKES)]
        if any(later <= earlier for earlier, later in pairwise(fences)):
            yield self._found("lease", f"two workers had the same number: {fences}")
        held_since: float | None = None
        for event in account.events:
            kind, at = event["type"], datetime.fromisoformat(event["at"]).timestamp()
            if kind in TAKES and held_since and self._is_too_early(held_since, at):
                yield self._found("lease", f"taken over {at - held_since:.1f} s after another one took it")
            if kind in (*TAKES, "attempt.started"):
                held_since = at
            elif kind.startswith("execution."):
                held_since = None

    def _is_too_early(self, held_since: float, taken_over: float) -> bool:
        late = any(start <= held_since <= end + HAIR for start, end in self.books.still)
        return taken_over - held_since < self.books.lease - HAIR and not late

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
                if execution["status"] in ("succeeded", "needs_attention")
            }
            if missing := owed - {callback["type"] for callback in account.callbacks}:
                yield self._found("untold", f"the agent was never told of {sorted(missing)}")


_Look = Callable[[_Trial, Account], Iterable[Finding]]
_LOOKS: tuple[_Look, ...] = (
    _Trial.answers,
    _Trial.effects,
    _Trial.log,
    _Trial.leases,
    _Trial.callbacks,
)
_BECOMES = {"approve": "approved", "reject": "rejected"}
_CALLBACK_ENDS = {"sent": "callback.sent", "given_up": "callback.given_up"}


def _told_decisions(account: Account) -> set[tuple[str, str]]:
    return {(e["data"]["decision"], e["data"]["verdict"]) for e in account.of_type("decision.made")}


def _told_begun(account: Account) -> set[tuple[str, int]]:
    """Of the execution that there is: of one that was undone nothing had begun."""
    return {(e["data"]["step"], e["data"]["attempt"]) for e in account.of_type("attempt.started")}


def _told_ended(account: Account) -> set[tuple[str, int, str]]:
    ended = account.of_type("attempt.finished")
    return {(e["data"]["step"], e["data"]["attempt"], e["data"]["outcome"]) for e in ended}


def _told_answer(account: Account) -> set[str]:
    """The answer that stands: at most one at a time, and undone before the next."""
    standing: list[str] = []
    for event in account.events:
        noun, _, verb = event["type"].partition(".")
        if noun == "proposal" and verb in ENDED:
            standing.append(verb)
        elif event["type"] == "proposal.approval_undone" and standing:
            standing.pop()
    return set(standing) if len(standing) < 2 else {f"{len(standing)} answers at once"}


def _told_execution(account: Account) -> set[tuple[str, str]]:
    """Each execution that was not undone, in the state that the last event left it in.

    One that was taken before it was made, or tried before it was taken, is told of as such.
    """
    states: dict[str, str] = {}
    for event in account.events:
        execution = event["data"].get("execution", "")
        if event["type"] == "execution.undone":
            states.pop(execution, None)
        elif event["type"] in TAKES and execution not in states:
            states[execution] = EARLY
        elif event["type"] == "attempt.started" and states.get(execution) != "running":
            states[execution] = UNTAKEN
        elif event["type"] in STATES and states.get(execution) not in (EARLY, UNTAKEN):
            states[execution] = STATES[event["type"]]
    return set(states.items())
