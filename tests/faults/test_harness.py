"""Twenty cycles of the harness; that its mutants still have a place in the product; that its checker sees."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import checker, mutants, points
from tests.faults.account import Account
from tests.faults.checker import Books, _Trial
from tests.faults.client import Answer
from tests.faults.downstream import Call
from tests.faults.nemesis import FAULTS
from tests.faults.system import ROOT


@pytest.mark.timeout(400)
def test_twenty_faults_lose_nothing_double_nothing_and_leave_nothing_behind() -> None:
    passed = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    # With this seed the faults that last for seconds come early, so that little is waited for in the end.
    asked = ["--cycles", "20", "--actions", "6", "--seed", "11659", "--patience", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *asked],
        cwd=ROOT,
        env=passed,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 cycles, 120 actions" in done.stdout


@pytest.mark.parametrize("name", sorted(mutants.MUTANTS))
def test_a_mutant_changes_something_that_is_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[str] = []

    def put(owner: Any, attribute: str, value: Any) -> None:
        changed.append(attribute)
        monkeypatch.setattr(owner, attribute, value)

    monkeypatch.setattr(mutants, "put", put)
    mutants.MUTANTS[name].apply()
    assert changed
    assert mutants.MUTANTS[name].shows_as in checker.KINDS
    assert mutants.MUTANTS[name].after in FAULTS


def test_there_are_eight_mutants() -> None:
    assert len(mutants.MUTANTS) == 8


@pytest.mark.parametrize("point", sorted(points.places()))
def test_a_worker_comes_to_every_point(point: str) -> None:
    owner, attribute, _is_after = points.places()[point]
    assert callable(getattr(owner, attribute))


# --- The checker ------------------------------------------------------------------------------

PAID = Call(1.0, "/bare/pay", "e/pay", "#1", 20.0, "well", acted=True)
AT = "2026-11-30T10:00:0{}Z"


def events(*types: str, **other: Any) -> list[dict[str, Any]]:
    data = {
        "decision": "d",
        "verdict": "approve",
        "execution": "e",
        "step": "pay",
        "attempt": 1,
        "outcome": "succeeded",
        "callback": "c",
        "fence": 1,
        **other,
    }
    return [{"type": name, "at": AT.format(second), "data": data} for second, name in enumerate(types)]


def as_it_should_be() -> Account:
    return Account(
        {"status": "approved"},
        events(
            "proposal.submitted",
            "decision.made",
            "proposal.approved",
            "execution.scheduled",
            "execution.started",
            "attempt.started",
            "attempt.finished",
            "step.completed",
            "execution.succeeded",
            "callback.sent",
        ),
        decisions=[{"id": "d", "verdict": "approve"}],
        resolutions=[{"status": "approved"}],
        executions=[{"id": "e", "status": "succeeded"}],
        steps=[{"name": "pay", "kind": "do", "status": "completed"}],
        attempts=[{"step": "pay", "number": 1, "outcome": "succeeded", "by": "worker"}],
        callbacks=[
            {"id": "c", "type": "proposal.approved", "status": "sent"},
            {"id": "c", "type": "execution.succeeded", "status": "sent"},
        ],
    )


def handed_back() -> Account:
    """What the agent carried out."""
    types = ["execution.handed_back", "execution.begun", "execution.result_reported", "callback.sent"]
    told = events("proposal.submitted", "decision.made", "proposal.approved", *types, step="report")
    account = as_it_should_be()
    account.events = [{**event, "data": {**event["data"], "lease_seconds": 5}} for event in told]
    account.steps = [{"name": "report", "kind": "do", "status": "completed"}]
    account.attempts = [{"step": "report", "number": 1, "outcome": "succeeded", "by": "agent"}]
    account.callbacks += [{"id": "c", "type": "execution.handed_back", "status": "sent"}]
    return account


def undone() -> Account:
    """What a person had undone."""
    account = as_it_should_be()
    account.events[8:] = [
        *events("step.completed", step="undo.pay"),
        *events("compensation.done", "callback.sent"),
    ]
    account.executions = [{"id": "e", "status": "cancelled"}]
    account.steps += [{"name": "undo.pay", "kind": "undo", "status": "completed"}]
    account.undoings = [{"status": "done"}]
    account.callbacks[1]["type"] = "execution.cancelled"
    return account


def findings(account: Account, *calls: Call, told: Any = ("c",), deeds: Any = (), **changes: Any) -> set[str]:
    case = SimpleNamespace(order="#1", kind="approve", action="pay_bare", problem="", proposal="p")
    case.meant, case.said = [20.0], [("approve", Answer(201, {}, is_first=True))]
    vars(case).update(changes)
    inbox = SimpleNamespace(told={key: [1] for key in told})
    books = Books(None, inbox, lease=4, still=[])
    trial = _Trial(case, list(calls), list(deeds), time.time(), books, is_over=True)
    return {finding.kind for finding in trial.findings(account)}


def test_the_checker_finds_nothing_where_nothing_is() -> None:
    assert findings(as_it_should_be(), PAID) == set()


def test_the_checker_finds_what_the_service_did_or_did_not() -> None:
    assert findings(as_it_should_be()) == {"lost"}
    assert findings(as_it_should_be(), PAID, PAID) == {"doubled"}
    assert findings(as_it_should_be(), PAID, meant=[19.0]) == {"unapproved"}
    assert findings(as_it_should_be(), PAID, told=()) == {"untold"}
    assert findings(as_it_should_be(), PAID, said=[("reject", Answer(201, {}, is_first=True))]) == {"lost"}


@pytest.mark.parametrize("number", range(10))
def test_the_checker_finds_every_event_that_is_missing(number: int) -> None:
    account = as_it_should_be()
    del account.events[number]
    assert findings(account, PAID) == {"log"}


@pytest.mark.parametrize("rows", ["decisions", "resolutions", "executions", "attempts", "callbacks"])
def test_the_checker_finds_every_row_that_is_missing(rows: str) -> None:
    account = as_it_should_be()
    getattr(account, rows).clear()
    assert "log" in findings(account, PAID)


def test_the_checker_finds_two_workers_at_one_execution() -> None:
    account = as_it_should_be()
    account.events[5:5] = [{**event, "at": AT.format(5)} for event in events("execution.resumed")]
    assert findings(account, PAID) == {"lease"}


ACTED = replace(PAID, path="/bare/report")
GRANTED = ("begin", Answer(200, {"fence": 1}, is_first=True))


def test_the_checker_knows_what_an_agent_carried_out() -> None:
    assert findings(handed_back(), ACTED, deeds=[GRANTED]) == set()
    assert findings(handed_back()) == {"lost"}
    assert findings(handed_back(), ACTED, ACTED) == {"doubled"}
    assert findings(handed_back(), ACTED, deeds=[GRANTED, GRANTED]) == {"doubled"}
    assert findings(handed_back(), ACTED, deeds=[("begin", Answer(200, {"fence": 2}, is_first=True))]) == {
        "lost"
    }
    assert findings(handed_back(), ACTED, deeds=[("signal", Answer(200, {}, is_first=True))]) == {"lost"}


@pytest.mark.parametrize("number", range(7))
def test_the_checker_finds_every_event_of_an_agent_that_is_missing(number: int) -> None:
    account = handed_back()
    del account.events[number]
    assert "log" in findings(account, ACTED)


def test_the_checker_finds_what_was_granted_while_a_grant_ran() -> None:
    account = handed_back()
    account.events[5:5] = [{**account.events[4], "at": AT.format(5)}]
    account.events[5]["data"] = {**account.events[4]["data"], "attempt": 2, "fence": 2}
    assert findings(account, ACTED) == {"log", "lease"}


def test_the_checker_knows_what_was_undone() -> None:
    back = replace(PAID, path="/keyed/undo.pay")
    assert findings(undone(), PAID, back) == set()
    assert findings(undone(), PAID) == {"lost"}
    assert findings(undone(), PAID, back, back) == {"doubled"}


def test_the_checker_finds_what_a_team_did_that_is_not_told() -> None:
    account = as_it_should_be()
    account.tasks = [{"id": "t", "status": "open"}]
    account.signals = [{"name": "settled"}]
    assert findings(account, PAID) == {"log"}
