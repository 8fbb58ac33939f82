"""An execution with everything that carrying it out rests on, read by one statement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Model

from audit.statements.prepared import execute, unsaved
from execution.models.executions import Attempt, Execution, Step
from governance.models import ActionType, Agent
from suggestions.models import Proposal, Resolution, Suggestion

_COLUMNS: dict[str, tuple[type[Model], str]] = {
    "e": (
        Execution,
        "id action_digest agent_id action passed assisted round priority chosen undoing verdict",
    ),
    "p": (
        Proposal,
        "id status title summary subject_type subject_id traceparent callback_url is_check"
        " team_id also_teams approvals_needed",
    ),
    "a": (Agent, "id name enabled"),
    "s": (Suggestion, "id proposal_id"),
    "t": (ActionType, "id name version workflow idempotent_hint"),
    "r": (Resolution, "proposal_id status by suggestion_id arguments action_digest"),
}
_READ = f"""
SELECT {", ".join(f"{of}.{column}" for of, (_, columns) in _COLUMNS.items() for column in columns.split())},
       (SELECT json_agg(json_build_array(st.id, st.name, st.status, st.kind, st.receipt, st.answer,
               st.verdict, st.probes, extract(epoch FROM st.wait_until - statement_timestamp()), (
                   SELECT coalesce(json_agg(json_build_array(
                              at.route, at.outcome, extract(epoch FROM statement_timestamp() - at.started_at),
                              at.detail, at.round) ORDER BY at.number), '[]')
                     FROM execution_attempt at WHERE at.step_id = st.id)) ORDER BY st.position)
          FROM execution_step st WHERE st.execution_id = e.id),
       (SELECT json_agg(json_build_array(
                  route, state, extract(epoch FROM until - statement_timestamp()), failures))
          FROM execution_breaker WHERE state <> 'closed' OR failures > 0)
  FROM execution_execution e
  JOIN suggestions_proposal p ON p.id = e.proposal_id
  JOIN governance_agent a ON a.id = p.agent_id
  JOIN suggestions_suggestion s ON s.id = e.suggestion_id
  JOIN governance_actiontype t ON t.id = s.action_type_id
  LEFT JOIN suggestions_resolution r ON r.proposal_id = p.id
 WHERE e.id = %s
"""


class Tried(NamedTuple):
    """What counts of an attempt: its route, how it ended, how many seconds ago it began, in which round."""

    route: str
    outcome: str
    age: float
    detail: str = ""
    round: int = 1


class Troubled(NamedTuple):
    """A route that failed lately: its breaker's state, and seconds until it may be tried.

    None where only a person lets it be tried again.
    """

    route: str
    state: str
    wait: float | None
    failures: int


@dataclass(frozen=True)
class Progress:
    """How far a step is: its row, and its attempts of all rounds, oldest first.

    `waits` says how many seconds its proof, or the event that ends it, is still waited for.
    """

    step: Step
    attempts: list[Tried]
    waits: float | None = None

    @property
    def is_over(self) -> bool:
        return self.step.status != Step.Status.WAITING

    @property
    def has_succeeded(self) -> bool:
        """Whether a call went well, in whichever round."""
        return any(tried.outcome == Attempt.Outcome.SUCCEEDED for tried in self.attempts)

    def of_round(self, number: int) -> list[Tried]:
        return [attempt for attempt in self.attempts if attempt.round == number]


@dataclass(frozen=True)
class Work:
    """An execution as it is now, with its proposal, agent, approval, action type, steps and attempts."""

    execution: Execution
    steps: list[Progress]
    troubled: list[Troubled] = field(default_factory=list)

    @property
    def is_cut_off(self) -> bool:
        """Whether somebody was in the middle of an attempt; asked by whoever holds the lease by now."""
        return any(tried.outcome == Attempt.Outcome.OPEN for one in self.steps for tried in one.attempts)

    def progress_of(self, step: Step) -> Progress:
        return next(one for one in self.steps if one.step.pk == step.pk)

    def ends_with(self, step: Step) -> bool:
        """Whether nothing is left to do once this step is completed."""
        return all(one.is_over or one.step is step for one in self.steps)


def work_on(execution_id: UUID) -> Work:
    """What is to be carried out, by the present statement's snapshot. Raises `Execution.DoesNotExist`."""
    found = execute(_READ, [execution_id], apart=True)  # of events, which are all that waits to be written
    if not found:
        raise Execution.DoesNotExist
    *values, steps, troubled = found[0]
    rest = iter(values)
    execution, proposal, agent, suggestion, action_type, resolution = (
        _made(model, columns, rest) for model, columns in _COLUMNS.values()
    )
    action_type.__dict__["workflow"] = _read(action_type.__dict__["workflow"])
    execution.__dict__["chosen"] = _read(execution.__dict__["chosen"])
    resolution.__dict__["arguments"] = _read(resolution.__dict__["arguments"])
    _join(suggestion, action_type=action_type)
    _join(proposal, agent=agent, resolution=resolution if resolution.pk else None)
    _join(execution, proposal=proposal, suggestion=suggestion)
    progress = [_progress(execution, *row) for row in steps or []]
    return Work(execution, progress, [Troubled(*row) for row in troubled or []])


def _made(model: type[Model], columns: str, values: Iterator[Any]) -> Any:
    return unsaved(model, **{column: next(values) for column in columns.split()})


def _join(instance: Model, **others: Model | None) -> None:
    for name, other in others.items():
        instance._state.fields_cache[name] = other
        if other is not None:
            instance.__dict__[f"{name}_id"] = other.pk


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _progress(execution: Execution, pk: int, *row: Any) -> Progress:
    *columns, waits, attempts = row
    step = unsaved(Step, id=pk, execution=execution, **dict(zip(_OF_STEP, columns, strict=True)))
    return Progress(step, [Tried(*tried) for tried in attempts], waits)


_OF_STEP = ("name", "status", "kind", "receipt", "answer", "verdict", "probes")
