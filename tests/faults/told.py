"""What the log tells of a proposal, beside the rows that have to say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

from tests.faults.account import Account

Said = set[Any] | Counter[Hashable]

# What an event says of the state of an execution after it.
STATES = {
    "execution.scheduled": "scheduled",
    "execution.started": "running",
    "execution.resumed": "running",
    "execution.begun": "running",
    "execution.put_off": "scheduled",
    "execution.held": "scheduled",
    "execution.handed_back": "handed_back",
    "execution.result_reported": "scheduled",  # of the only step that there is: succeeded
    "execution.succeeded": "succeeded",
    "execution.marked_done": "succeeded",
    "execution.failed": "failed",
    "execution.needs_attention": "needs_attention",
    "execution.refused": "needs_attention",
    "execution.retried": "scheduled",
    "execution.cancelled": "cancelled",
    "manual_task.opened": "handed_back",
    "manual_task.done": "scheduled",
    "manual_task.given_up": "scheduled",
    "compensation.approved": "scheduled",
    "compensation.done": "cancelled",
}
EARLY, UNTAKEN = "taken before it was made", "tried before it was taken"
UNASKED = "granted before it was handed back"
TAKES = ("execution.started", "execution.resumed")
ENDED = ("approved", "rejected", "returned", "expired", "withdrawn", "blocked")
BY_ITSELF = "report"  # the step of what the agent does without a workflow
REPORTS = ("execution.result_reported", "execution.result_came_late", "execution.failed")
BY_HAND = {"manual_task.opened": "open", "manual_task.done": "done", "manual_task.given_up": "not_done"}
OUTCOMES = {"manual_task.done": "succeeded", "manual_task.given_up": "refused"}
CALLBACK_ENDS = {"sent": "callback.sent", "given_up": "callback.given_up"}


def beside_rows(account: Account) -> Iterator[tuple[str, Said, Said]]:
    """Of everything what the log tells of it, and what the rows say."""
    yield "decisions", _decisions(account), {(d["id"], d["verdict"]) for d in account.decisions}
    yield "the answer", _answer(account), {r["status"] for r in account.resolutions}
    yield "the execution", _execution(account), {(e["id"], e["status"]) for e in account.executions}
    yield from _attempts(account)
    yield from _by_hand(account)
    signals = {event["data"]["signal"] for event in account.of_type("execution.signalled")}
    yield "events from outside", signals, {signal["name"] for signal in account.signals}
    yield "undoing", _undoing(account), {undoing["status"] for undoing in account.undoings[-1:]}
    ended = {(c["id"], CALLBACK_ENDS[c["status"]]) for c in account.callbacks if c["status"] in CALLBACK_ENDS}
    sent = account.of_type(*CALLBACK_ENDS.values())
    yield "callbacks", {(event["data"]["callback"], event["type"]) for event in sent}, ended


def completed(account: Account) -> set[str]:
    """The steps that were done, but for those that a person marked as done."""
    alone = {e["data"]["step"] for e in account.of_type("execution.result_reported")} & {BY_ITSELF}
    return {event["data"]["step"] for event in account.of_type("step.completed")} | alone


def _decisions(account: Account) -> set[tuple[str, str]]:
    return {(e["data"]["decision"], e["data"]["verdict"]) for e in account.of_type("decision.made")}


def _answer(account: Account) -> set[str]:
    """The answer that stands: at most one at a time, and undone before the next."""
    standing: list[str] = []
    for event in account.events:
        noun, _, verb = event["type"].partition(".")
        if noun == "proposal" and verb in ENDED:
            standing.append(verb)
        elif event["type"] == "proposal.approval_undone" and standing:
            standing.pop()
    return set(standing) if len(standing) < 2 else {f"{len(standing)} answers at once"}


def _execution(account: Account) -> set[tuple[str, str]]:
    """Each execution that was not undone, in the state that the last event left it in.

    One that was taken before it was made, tried before it was taken, or granted before it was handed back, is
    told of as such.
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
        elif event["type"] == "execution.begun" and states.get(execution) != "handed_back":
            states[execution] = UNASKED
        elif event["type"] in STATES and states.get(execution) not in (EARLY, UNTAKEN, UNASKED):
            states[execution] = _state_after(event)
    return set(states.items())


def _state_after(event: dict[str, Any]) -> str:
    is_all = event["type"] == "execution.result_reported" and event["data"]["step"] == BY_ITSELF
    return "succeeded" if is_all else STATES[event["type"]]


def _attempts(account: Account) -> Iterator[tuple[str, Said, Said]]:
    """Of the execution that there is: of one that was undone nothing had begun."""
    rows = {by: [a for a in account.attempts if a["by"] == by] for by in ("worker", "agent")}
    granted = {_number(event["data"]) for event in account.of_type("execution.begun")}
    ended = [event["data"] for event in account.of_type("attempt.finished")]
    begun = {_number(event["data"]) for event in account.of_type("attempt.started")}
    yield "attempts begun", begun, {(a["step"], a["number"]) for a in rows["worker"]}
    told = {(*_number(data), data["outcome"]) for data in ended if _number(data) not in granted}
    over = {(a["step"], a["number"], a["outcome"]) for a in rows["worker"] if a["outcome"] != "open"}
    yield "attempts ended", told, over
    yield "grants", granted, {(a["step"], a["number"]) for a in rows["agent"]}
    reports = [event["data"] for event in account.of_type(*REPORTS)]
    reported = [a for a in rows["agent"] if a["outcome"] in ("succeeded", "failed")]
    yield "reports", _outcomes(reports), _outcomes(reported)
    silent = {_number(data) for data in ended} & granted - {(a["step"], a["number"]) for a in reported}
    unknown = {(a["step"], a["number"]) for a in rows["agent"] if a["outcome"] == "unknown"}
    yield "grants without a report", silent, unknown


def _number(data: dict[str, Any]) -> tuple[str, int]:
    return data["step"], data["attempt"]


def _outcomes(rows: list[dict[str, Any]]) -> Counter[Hashable]:
    return Counter((row["step"], row["outcome"]) for row in rows)


def _by_hand(account: Account) -> Iterator[tuple[str, Said, Said]]:
    tasks: dict[str, str] = {}
    for event in account.of_type(*BY_HAND):
        tasks[event["data"]["task"]] = BY_HAND[event["type"]]
    yield "tasks by hand", set(tasks.items()), {(task["id"], task["status"]) for task in account.tasks}
    ends = [{**e["data"], "outcome": OUTCOMES[e["type"]]} for e in account.of_type(*OUTCOMES)]
    yield "done by hand", _outcomes(ends), _outcomes([a for a in account.attempts if a["by"] == "team"])


def _undoing(account: Account) -> set[str]:
    """How the last offer to undo what was done stands."""
    kinds = [event["type"] for event in account.events if event["type"].startswith("compensation.")]
    return {kind.partition(".")[2] for kind in kinds[-1:]}
