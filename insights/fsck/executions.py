"""What is carried out: executions, their steps and attempts, and what people and agents do of them."""

from __future__ import annotations

from insights.fsck.ledger import UNKNOWN, Ledger, LogLine
from insights.fsck.moves import (
    Move,
    by,
    ends,
    ends_with,
    makes,
    named,
    person,
    said,
    sets,
)
from insights.fsck.replay import Kind, commits

IT = by("execution")
TAKEN_AWAY = ("execution.undone", "proposal.returned_edited", "proposal.returned_stale")
TAKES = ("execution.started", "execution.resumed")
BEGINNINGS = ("execution.scheduled", "execution.handed_back", "execution.needs_attention")
_GONE = ends_with(IT)
_OF = "JOIN execution_execution e ON e.id = x.execution_id"


# --- Executions -----------------------------------------------------------------------------------


def _begins_or_becomes(status: str) -> Move:
    """The same event tells of one that begins so, with its steps, and of one that becomes so."""

    def move(ledger: Ledger, line: LogLine) -> None:
        if "steps" not in line.data:
            ledger.move(line.data["execution"], line, {"status": status})
            return
        facts = {"digest": line.data["action_digest"], "fence": 0, "round": 1}
        begun = {"is_undoing": False, "has_started": False, "status": status}
        ledger.make(line.data["execution"], line, {**facts, **begun})

    return move


def _goes_on(ledger: Ledger, line: LogLine) -> None:
    """A worker goes on with it, with every route's attempts counted anew."""
    rounds = ledger.facts_of(line.data["execution"]).get("round", 0) + 1
    ledger.move(line.data["execution"], line, {"status": "scheduled", "round": rounds})


def _goes_on_by_route(ledger: Ledger, line: LogLine) -> None:
    """What had not begun waits on, and takes that route first."""
    if ledger.facts_of(line.data["execution"]).get("has_started"):
        _goes_on(ledger, line)


def _goes_on_without(ledger: Ledger, line: LogLine) -> None:
    """A step is left out by a person; a worker that leaves one out is in the middle of it."""
    if "said" in line.data:
        _goes_on(ledger, line)


def _cancelled(ledger: Ledger, line: LogLine) -> None:
    """Whoever held it holds it no longer."""
    fence = ledger.facts_of(line.data["execution"]).get("fence", 0) + 1
    ledger.move(line.data["execution"], line, {"status": "cancelled", "fence": fence})


def _undoing_offered(ledger: Ledger, line: LogLine) -> None:
    ledger.move(line.data["execution"], line, {"to_agree": line.data["approvals"]})


def _undoing_approved(ledger: Ledger, line: LogLine) -> None:
    """With enough people it begins; where the policy allows it, at once."""
    execution = line.data["execution"]
    left = ledger.facts_of(execution).get("to_agree", 1) - 1
    ledger.move(execution, line, {"to_agree": left})
    if left <= 0 or line.actor["type"] == "policy":
        _goes_on(ledger, line)
        ledger.move(execution, line, {"is_undoing": True})


def _reported(ledger: Ledger, line: LogLine) -> None:
    ledger.move(line.data["execution"], line, {"status": line.data.get("becomes", UNKNOWN)})


def _marked_done(ledger: Ledger, line: LogLine) -> None:
    undoing = ledger.facts_of(line.data["execution"]).get("is_undoing")
    ledger.move(line.data["execution"], line, {"status": "cancelled" if undoing else "succeeded"})


_TAKEN = sets(IT, status="running", fence=said("fence"), has_started=True)
_DONE_BY_HAND = sets(IT, was={"status": "handed_back"}, status="scheduled", has_started=True)

EXECUTIONS = Kind(
    name="executions",
    noun="execution",
    sentence="Each execution was scheduled, and stands as its last event left it.",
    of_proposals=True,
    moves={
        "execution.scheduled": _begins_or_becomes("scheduled"),
        "execution.handed_back": _begins_or_becomes("handed_back"),
        "execution.needs_attention": _begins_or_becomes("needs_attention"),
        **dict.fromkeys(TAKES, _TAKEN),
        "execution.begun": sets(
            IT, was={"status": "handed_back"}, status="running", fence=said("fence"), has_started=True
        ),
        "execution.put_off": sets(IT, was={"status": "running"}, status="scheduled"),
        "execution.held": sets(IT, was={"status": "running"}, status="scheduled"),
        "execution.succeeded": sets(IT, was={"status": "running"}, status="succeeded"),
        "execution.failed": sets(IT, status="failed"),
        "execution.refused": sets(IT, status="needs_attention"),
        "execution.retried": _goes_on,
        "execution.route_chosen": _goes_on_by_route,
        "execution.result_reported": _reported,
        "execution.marked_done": _marked_done,
        "execution.cancelled": _cancelled,
        "step.settled": _goes_on,
        "step.skipped": _goes_on_without,
        "manual_task.opened": sets(IT, was={"status": "running"}, status="handed_back"),
        "manual_task.done": _DONE_BY_HAND,
        "manual_task.given_up": _DONE_BY_HAND,
        "compensation.offered": _undoing_offered,
        "compensation.approved": _undoing_approved,
        "compensation.done": sets(IT, status="cancelled"),
        **dict.fromkeys(TAKEN_AWAY, ends(IT)),
    },
    rows="""
        SELECT proposal_id::text, id::text, json_build_object(
            'status', status, 'digest', action_digest, 'fence', fence, 'round', round,
            'is_undoing', undoing, 'has_started', started_at IS NOT NULL)::text
          FROM execution_execution ORDER BY proposal_id""",
)


# --- Steps and attempts ---------------------------------------------------------------------------


def _steps(line: LogLine, names: list[str]) -> list[str]:
    return [f"{line.data['execution']} {name}" for name in names]


def _steps_begin(ledger: Ledger, line: LogLine) -> None:
    for subject in _steps(line, line.data.get("steps") or []):
        ledger.make(subject, line, {"status": "waiting"})


def _becomes(status: str) -> Move:
    """Of a step; those that undo others are none of these."""

    def move(ledger: Ledger, line: LogLine) -> None:
        [subject] = _steps(line, [line.data["step"]])
        if ledger.facts_of(subject):
            ledger.move(subject, line, {"status": status}, was={"status": "waiting"})

    return move


def _all_completed(ledger: Ledger, line: LogLine) -> None:
    for subject in _steps(line, line.data.get("steps") or []):
        if ledger.facts_of(subject):
            ledger.move(subject, line, {"status": "completed"})


def _completed_by_report(ledger: Ledger, line: LogLine) -> None:
    """What the agent carries out as a whole is done when it says so."""
    if line.data.get("becomes") == "succeeded":
        _becomes("completed")(ledger, line)


STEPS = Kind(
    name="steps",
    noun="step",
    sentence="Each step of an execution is completed, left out or waits, as the log has it.",
    of_proposals=True,
    moves={
        **dict.fromkeys(BEGINNINGS, _steps_begin),
        "step.completed": _becomes("completed"),
        "step.skipped": _becomes("skipped"),
        "step.settled": _all_completed,
        "execution.marked_done": _all_completed,
        "execution.result_reported": _completed_by_report,
        **dict.fromkeys(TAKEN_AWAY, _GONE),
    },
    rows=f"""
        SELECT e.proposal_id::text, e.id::text || ' ' || x.name, json_build_object('status', x.status)::text
          FROM execution_step x {_OF} WHERE x.kind = 'do' ORDER BY e.proposal_id""",
)


_ATTEMPT = by("execution", "step", "attempt")


def _closes(ledger: Ledger, line: LogLine) -> None:
    """What came of what the agent had begun; what it never began gets an attempt of its own."""
    for one in line.data.get("closed") or []:
        subject = f"{line.data['execution']} {one['step']} {one['attempt']}"
        ledger.put(subject, line, {"outcome": line.data["outcome"]})


def _by_hand(outcome: str) -> Move:
    return makes(_ATTEMPT, outcome=outcome)


ATTEMPTS = Kind(
    name="attempts",
    noun="attempt",
    sentence="Each attempt was written down before it was made, and ended as the log has it.",
    of_proposals=True,
    moves={
        "attempt.started": makes(_ATTEMPT, outcome="open", fence=said("fence"), route=said("route")),
        "execution.begun": makes(_ATTEMPT, outcome="open", fence=said("fence")),
        "attempt.finished": sets(_ATTEMPT, was={"outcome": "open"}, outcome=said("outcome")),
        "execution.result_reported": _closes,
        "execution.result_came_late": _closes,
        "execution.failed": _closes,
        "manual_task.done": _by_hand("succeeded"),
        "manual_task.given_up": _by_hand("refused"),
        **dict.fromkeys(TAKEN_AWAY, _GONE),
    },
    rows="""
        SELECT e.proposal_id::text, concat_ws(' ', e.id, s.name, a.number), json_build_object(
            'outcome', a.outcome, 'fence', a.fence, 'route', a.route)::text
          FROM execution_attempt a JOIN execution_step s ON s.id = a.step_id
          JOIN execution_execution e ON e.id = s.execution_id ORDER BY e.proposal_id""",
)


# --- By hand, from outside, and back --------------------------------------------------------------

MANUAL_TASKS = Kind(
    name="manual tasks",
    noun="task",
    sentence="Each task by hand was given to a team, and is done, given up or open, as the log has it.",
    of_proposals=True,
    moves={
        "manual_task.opened": makes(
            by("execution", "task"), status="open", team=said("team"), claimed=None, ended=None
        ),
        "manual_task.claimed": sets(by("execution", "task"), was={"status": "open"}, claimed=person),
        "manual_task.released": sets(by("execution", "task"), was={"status": "open"}, claimed=None),
        "manual_task.done": sets(
            by("execution", "task"), was={"status": "open"}, status="done", ended=person
        ),
        "manual_task.given_up": sets(
            by("execution", "task"), was={"status": "open"}, status="not_done", ended=person
        ),
        **dict.fromkeys(TAKEN_AWAY, _GONE),
    },
    rows=f"""
        SELECT e.proposal_id::text, concat_ws(' ', e.id, x.id), json_build_object(
            'status', x.status, 'team', x.team_id, 'claimed', x.claimed_by_id::text,
            'ended', x.ended_by_id::text)::text
          FROM execution_manualtask x {_OF} ORDER BY e.proposal_id""",
)

SIGNALS = Kind(
    name="signals",
    noun="outside event",
    sentence="Each event from outside that a step waits for was told by somebody.",
    of_proposals=True,
    moves={
        "execution.signalled": makes(by("execution", "signal"), content=said("content"), printed=named),
        **dict.fromkeys(TAKEN_AWAY, _GONE),
    },
    rows=f"""
        SELECT e.proposal_id::text, concat_ws(' ', e.id, x.name), json_build_object(
            'printed', x.by, 'content', x.data, 'salt', encode(p.salt, 'hex'))::text
          FROM execution_signal x {_OF} JOIN suggestions_proposal p ON p.id = e.proposal_id
         ORDER BY e.proposal_id""",
    reads=commits("content"),
)


def _offer(ledger: Ledger, execution: str) -> str:
    """The last offer of an execution: they are counted, for the log calls them by the execution."""
    return f"{execution} {sum(1 for one in ledger.subjects if one.startswith(execution))}"


def _offered(ledger: Ledger, line: LogLine) -> None:
    """What is open is offered anew, with other calls; else it is another offer."""
    execution = line.data["execution"]
    last = _offer(ledger, execution)
    facts = {"status": "offered", "digest": line.data["action_digest"], "left": line.data["approvals"]}
    if ledger.facts_of(last).get("status") in ("offered", "approved"):
        ledger.move(last, line, facts)
    else:
        count = int(last.rpartition(" ")[2]) + 1
        ledger.make(f"{execution} {count}", line, facts)


def _offer_becomes(status: str) -> Move:
    def move(ledger: Ledger, line: LogLine) -> None:
        ledger.move(_offer(ledger, line.data["execution"]), line, {"status": status})

    return move


def _agreed(ledger: Ledger, line: LogLine) -> None:
    offer = _offer(ledger, line.data["execution"])
    left = ledger.facts_of(offer).get("left", 1) - 1
    enough = left <= 0 or line.actor["type"] == "policy"
    ledger.move(offer, line, {"left": left, "status": "approved" if enough else "offered"})


COMPENSATIONS = Kind(
    name="compensations",
    noun="offer to undo",
    sentence="Each offer to undo what was done was made, agreed to and carried out, as the log has it.",
    of_proposals=True,
    moves={
        "compensation.offered": _offered,
        "compensation.approved": _agreed,
        "compensation.declined": _offer_becomes("declined"),
        "compensation.lapsed": _offer_becomes("lapsed"),
        "compensation.done": _offer_becomes("done"),
        "compensation.failed": _offer_becomes("failed"),
        **dict.fromkeys(TAKEN_AWAY, _GONE),
    },
    rows=f"""
        SELECT e.proposal_id::text, concat_ws(' ', e.id, row_number() OVER (PARTITION BY e.id ORDER BY x.id)),
               json_build_object('status', x.status, 'digest', x.digest)::text
          FROM execution_compensation x {_OF} ORDER BY e.proposal_id""",
)

FORMER = Kind(
    name="former executions",
    noun="former execution",
    sentence="Each execution that was taken away for other arguments is kept with what was approved.",
    of_proposals=True,
    moves={
        "execution.returned": makes(
            IT, digest=said("action_digest"), edited=said("edited_digest"), person=person
        )
    },
    rows="""
        SELECT proposal_id::text, id::text, json_build_object(
            'digest', action_digest, 'edited', edited_digest, 'person', by_id::text)::text
          FROM execution_formerexecution ORDER BY proposal_id""",
)

KINDS = (EXECUTIONS, STEPS, ATTEMPTS, MANUAL_TASKS, SIGNALS, COMPENSATIONS, FORMER)
