"""All that is known of one execution: its steps, attempts and waits, and its story in the log's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils import timezone

from audit.ground.unseen import Piece, pieces, shown
from audit.log.in_words import sentence
from audit.models import Event
from execution.board import former
from execution.board.edit import edit_url
from execution.board.offers import offer_for
from execution.board.requests import lines_of, title_of
from execution.desk import around
from execution.desk.asked import Requests, Sent, receipt_for
from execution.desk.attend import CAN_BE_STEERED
from execution.healing import breakers
from execution.holding.steps import ahead, plans_of
from execution.holding.workflow import HandBack, InvalidWorkflow, WorkflowStep, label, workflow_of
from execution.models import Attempt, Breaker, Execution, Step
from execution.running.moves import breaker_of
from governance.models import User
from governance.people.incidents import incidents_seen_by
from governance.schemas.covering import Cover

MOST_EVENTS = 300  # the newest
MOST_INCIDENTS = 10
OPEN, WAITING = Attempt.Outcome.OPEN, Step.Status.WAITING


def whole(execution: Execution, reader: User) -> dict[str, Any]:
    """What the page shows beside the line of the list, of an execution out of `read.one`."""
    attends = reader.has_perm("execution.attend_execution")
    first = ahead(execution).first()
    stands_at = first.pk if first and execution.status in CAN_BE_STEERED else None
    plans, shut = _plans(execution), _shut()
    steps, requests = list(execution.steps.all()), Requests(execution)
    return {
        "steps": [
            {
                **_step(
                    step, plans.get(step.name), shut, requests.cover, chosen=execution.chosen.get(step.name)
                ),
                "attempts": list(_attempts(step, requests)),
                "stands_here": step.pk == stands_at,
                "handed": execution.status == Execution.Status.HANDED_BACK and first and step.pk == first.pk,
                "in_doubt": attends and step.name == execution.doubtful_step,
                "may_steer": attends and step.pk == stands_at and not execution.assisted,
                "may_skip": attends and step.pk == stands_at and execution.started_at is not None,
            }
            for step in steps
        ],
        "signals": [
            {
                "name": shown(one.name),
                "by": shown(one.by),
                "at": one.at,
                "data": _json(requests.cover.json(one.data)),
            }
            for one in execution.signals.all()
        ],
        "offer": offer_for(execution, reader),
        "edit_url": edit_url(execution, reader),
        "former": former.of_proposal(execution.proposal_id),
        "incidents": incidents_of(execution, reader),
        "story": _story(execution),
        "deadline": execution.deadline if execution.finished_at is None else None,
        "finished": execution.finished_at,
    }


def _plans(execution: Execution) -> dict[str, WorkflowStep]:
    """What the workflow says of each step; nothing where the agent carries it out."""
    try:
        workflow = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow:
        return {}
    return plans_of(workflow) if workflow else {}


def _shut() -> dict[str, Breaker]:
    """The breakers that are not closed, by their route."""
    return {one.route: one for one in breakers.states() if one.state != Breaker.State.CLOSED}


def _step(
    step: Step, plan: WorkflowStep | None, shut: dict[str, Breaker], cover: Cover, *, chosen: int | None
) -> dict[str, Any]:
    waits = step.status == WAITING and step.wait_until and step.wait_until > timezone.now()
    return {
        "name": step.name,
        "shown": shown(step.name),
        "undoes": step.kind == Step.Kind.UNDO,
        "status": "succeeded" if step.status == Step.Status.COMPLETED else step.status,
        "status_label": step.get_status_display(),
        "verdict": step.verdict,
        "waits_until": step.wait_until if waits else None,
        "waits_for": _awaited(plan) if waits else "",
        "routes": _routes(plan, shut, chosen) if plan else [],
        "receipt": _lines(receipt_for(step.receipt, cover)),
        "completed": step.completed_at,
    }


def _awaited(plan: WorkflowStep | None) -> str:
    """What a step that was called waits for, as the end of a sentence."""
    if plan and plan.await_:
        return f"the event {shown(plan.await_.signal)}"
    return "the proof that it took effect"


def _routes(plan: WorkflowStep, shut: dict[str, Breaker], chosen: int | None) -> list[dict[str, Any]]:
    found = []
    for index, route in enumerate(plan.routes):
        breaker = None if isinstance(route, HandBack) else shut.get(breaker_of(route))
        found.append(
            {
                "number": index + 1,
                "shown": shown(label(plan, index)),
                "chosen": index == chosen,
                "breaker": breaker.get_state_display() if breaker else "",
            }
        )
    return found


def _attempts(step: Step, requests: Requests) -> Iterator[dict[str, Any]]:
    """Each with what it asked; over one route a step asks the same every time, which is told once."""
    told: dict[str, int] = {}
    for attempt in step.attempts.all():
        sent, first = requests.of(step, attempt), told.setdefault(attempt.route, attempt.number)
        yield {**_attempt(attempt, requests.cover), **_request(sent), "as_attempt": first}


def _request(sent: Sent | None) -> dict[str, Any]:
    if sent is None:
        return {"asked": [], "unsure": ""}
    return {"asked": lines_of(sent), "asked_title": title_of(sent), "unsure": shown(sent.unsure)}


def _attempt(attempt: Attempt, cover: Cover) -> dict[str, Any]:
    is_open = attempt.outcome == OPEN
    answered = f"HTTP {attempt.http_status}." if attempt.http_status else ""
    return {
        "number": attempt.number,
        "round": attempt.round,
        "route": shown(attempt.route),
        "status": "running" if is_open else attempt.outcome,
        "status_label": "running" if is_open else attempt.get_outcome_display(),
        "started": attempt.started_at,
        "finished": attempt.finished_at,
        "answered": "" if answered.strip(".") in attempt.detail else answered,
        "detail": pieces(cover.text(attempt.detail)),
        "response": pieces(cover.text(attempt.response)),
        "found": _found(attempt.found),
    }


def _found(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a person found out of an attempt of which nobody knew."""
    if not found:
        return None
    return {"happened": found["happened"], "by": shown(found["by"]), "evidence": pieces(found["evidence"])}


def _lines(receipt: Any) -> list[tuple[str, list[Piece]]]:
    """A receipt as names and values."""
    if not isinstance(receipt, dict):
        return []
    told = ((name, value) for name, value in receipt.items() if value is not None)
    return [(shown(name.replace("_", " ")).capitalize(), _json(value)) for name, value in told]


def _json(value: Any) -> list[Piece]:
    return pieces(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def incidents_of(execution: Execution, reader: User) -> list[dict[str, Any]]:
    """The incidents that it is part of, the newest first."""
    about = incidents_seen_by(reader).filter(executions__execution=execution).order_by("-id").distinct()
    return [
        {
            "url": reverse("incidents:one", args=[incident.pk]),
            "kind": incident.get_kind_display(),
            "is_open": incident.closed_at is None,
        }
        for incident in about[:MOST_INCIDENTS]
    ]


def _story(execution: Execution) -> list[dict[str, Any]]:
    """What the log says of it, oldest first, each event as a sentence, and what befell its routes besides."""
    newest = Event.objects.filter(proposal_id=execution.proposal_id).order_by("-pk")[:MOST_EVENTS]
    own = [
        (event, told)
        for event in reversed(newest)
        if _is_about(told := around.Event(event.type, event.at, json.loads(event.body)["data"]), execution)
    ]
    entries = [{"at": event.at, "text": shown(sentence(event.body))} for event, _ in own]
    if execution.started_at is None:
        return entries
    routes = around.routes_of(execution.suggestion.action_type)
    since, until = execution.started_at, execution.finished_at
    asides = around.of_breakers(routes, [told for _, told in own], since=since, until=until)
    entries += [{"at": aside.at, "text": f"{aside.text}."} for aside in asides]
    return sorted(entries, key=lambda entry: entry["at"])


def _is_about(event: around.Event, execution: Execution) -> bool:
    """Whether an event of its proposal tells of how it is carried out, or of what came of that."""
    return event.data.get("execution") == str(execution.pk) or event.type.startswith(
        ("breaker.", "incident.")
    )
