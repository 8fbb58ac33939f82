"""One question to a service, and what is kept of its answer: bounded, and as the database can hold it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from execution.holding.workflow import InvalidWorkflow, Workflow, workflow_of
from execution.models import Look
from execution.routes import dispatch
from execution.routes.filling import expand, filled
from execution.routes.result import NoRead, Read, Unusable, facts_before
from governance.actions.route_kinds import RouteModel
from governance.actions.workflow import Look as LookPlan
from governance.expressions import cel_bounds
from governance.models import ActionType
from suggestions.models import Suggestion

LONGEST = 10.0  # seconds; nobody waits longer for what only tells
MOST_KEPT = 64 * 1024  # bytes of JSON
TEXT_KEPT = 2_000  # characters of what is no JSON
MOST_SHOWN = 20  # values
LONGEST_SHOWN = 600  # characters of one value
CACHED = 30.0  # seconds for which a dry run counts, where no look says for how long
# Of the service: not now. What it says otherwise, "there is no such order" among it, is an answer.
NOT_NOW = frozenset({408, 425, 429})

Kind = Look.Kind


def plan_of(action_type: ActionType) -> Workflow | None:
    """The workflow, where it has anything to ask before it is carried out."""
    if not action_type.looks:
        return None
    try:
        return workflow_of(action_type)
    except InvalidWorkflow:
        return None


def kinds_of(plan: Workflow) -> Iterator[str]:
    """What can be asked, the look first: the dry run may use what that found."""
    if plan.look:
        yield Kind.LOOK
    if plan.preview:
        yield Kind.PREVIEW


def cached(plan: Workflow) -> float:
    """For how many seconds an answer counts as now."""
    return plan.look.cached if plan.look else CACHED


def ask(
    look: Look,
    plan: Workflow,
    suggestion: Suggestion,
    arguments: Mapping[str, Any],
    *,
    timeout: float = LONGEST,
    found: Mapping[str, Any] | None = None,
) -> Look:
    """Ask what this look is for, with these arguments, and write the answer into it; nothing is stored.

    `found` is the fact `look`, for a dry run. `at` is left to whoever stores it.
    """
    known = facts_before(suggestion.proposal, suggestion.action_type, arguments)
    if found is not None:
        known["look"] = found
    route = _route(plan, look.kind)
    look.says = plan.look.says if plan.look else "the service"
    try:
        look.question = question_of(route, known)
        answer = dispatch.read(route, known, min(getattr(route, "timeout", LONGEST), timeout))
    except Unusable as error:
        _fail(look, f"It can't be asked with these arguments: {error}.")
    except NoRead as error:
        _fail(look, f"No answer: {error}.")
    else:
        _keep(look, answer)
    if look.known:
        look.shown = _shown(look, plan, known)
    return look


def question_of(route: RouteModel, known: Mapping[str, Any]) -> str:
    """Names what is asked: two looks with the same name can be compared. Raises `Unusable`."""
    given = {name: filled(value, known) for name, value in route.given() if value is not None}
    values = {**known["args"], **given.get("with", {})}
    places = {name: expand(template, values) for name, template in route.templates()}
    return _digest([str(route), places, given, known["args"] if _takes_all(route) else None])


def _takes_all(route: RouteModel) -> bool:
    """Whether it gets the arguments as they are, having nothing else that it is told."""
    given = dict(route.given())
    is_get = getattr(route, "method", "") == "GET"
    return not is_get and given.get("body", given.get("arguments")) is None


def _route(plan: Workflow, kind: str) -> Any:
    part = plan.look if kind == Kind.LOOK else plan.preview
    if part is None:
        raise ValueError(f"This workflow has no {kind}.")
    return part.route


def _fail(look: Look, why: str) -> None:
    look.known, look.error = False, clean(why)[:300]


def _keep(look: Look, answer: Read) -> None:
    look.status = answer.status
    look.digest = answer.digest or _digest(answer.facts)
    if answer.status >= 500 or answer.status in NOT_NOW:
        return _fail(look, f"No answer: HTTP {answer.status}.")
    content = clean(answer.json)
    if not cel_bounds.fits(content, cel_bounds.LOOK) or len(json.dumps(content)) > MOST_KEPT:
        return _fail(look, f"Its answer is larger than {MOST_KEPT // 1024} KB, so nothing of it is kept.")
    look.known, look.answer = True, content
    look.text = "" if content is not None else clean(answer.text[:TEXT_KEPT])
    return None


def clean(value: Any) -> Any:
    """The same JSON as a database can hold it: without NUL, halves of surrogates, and numbers beyond all
    bounds."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return "sha256:" + sha256(text.encode()).hexdigest()


# --- What people are shown of it --------------------------------------------------------------------


def _shown(look: Look, plan: Workflow, known: Mapping[str, Any]) -> list[list[Any]]:
    """Labels and values: those that the workflow names, by label, for how they were written is not kept; or
    the members of the answer as they came."""
    if look.kind == Kind.LOOK and plan.look and plan.look.show:
        facts = {**known, "look": {**look.facts, "known": True, **_as_found(look)}}
        return [[label, short(_told(value, facts))] for label, value in sorted(plan.look.show.items())]
    if isinstance(look.answer, dict):
        return [[name, short(value)] for name, value in list(look.answer.items())[:MOST_SHOWN]]
    return [["Answer", short(look.text if look.answer is None else look.answer)]]


def _as_found(look: Look) -> dict[str, Any]:
    return {"status": look.status or 0, "json": look.answer, "text": look.text}


def _told(value: Any, facts: Mapping[str, Any]) -> Any:
    try:
        return clean(filled(value, facts))
    except Unusable:
        return None


def short(value: Any) -> Any:
    """Of what is long the beginning, as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_SHOWN:
        return f"{text[:LONGEST_SHOWN]}… (and {len(text) - LONGEST_SHOWN:,} more characters)"
    return value


def member_of(plan: LookPlan, label: str) -> str:
    """The member that a label shows: `refundable` of `=look.json.refundable`; else the label itself."""
    source = plan.show.get(label)
    if isinstance(source, str) and source.startswith("=look.json."):
        return source.rpartition(".")[2]
    return label
