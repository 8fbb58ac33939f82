"""Whether the world is still as those who decided were shown it: asked right before anything is done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models.functions import Now

from audit.ground.canonical import canonical
from audit.statements.prepared import execute
from execution.holding.workflow import Workflow, workflow_of
from execution.looking.asking import Kind, ask, clean, short
from execution.models import Execution, Look
from execution.models.work import Work
from execution.routes.result import facts
from governance.actions.templates import KNOWN_BEFORE
from governance.expressions.cel import BadExpression, Expression, NoAnswer
from governance.expressions.known_facts import NO_LOOK
from suggestions.models import Resolution

Facts = Mapping[str, Any]
NOT_TOLD = "can’t be told"


class Moved(NamedTuple):
    """A value that was otherwise when it was shown."""

    label: str
    before: Any
    now: Any


@dataclass(frozen=True)
class Premise:
    """What a look right before acting came to.

    It `holds`, and `look` is what was found. Or the service gave no answer (`unanswered`), which was try
    number `tries`, `waited` seconds after the first. Or something `moved`, or what is required is not so:
    `reason` says it for people.
    """

    look: Look
    tries: int = 1
    waited: float = 0
    moved: Sequence[Moved] = ()
    reason: str = ""
    unanswered: str = ""

    @property
    def holds(self) -> bool:
        return not self.reason and not self.unanswered


def rests_on_look(workflow: Workflow) -> bool:
    """Whether anything is checked before it is carried out."""
    return workflow.look is not None and bool(workflow.require or workflow.stale_when)


def check(work: Work) -> Premise | None:
    """Look again, and compare with what those who decided were shown. None where there is nothing to look at.

    It calls out and stores the look: to be called outside of any transaction, by whoever holds the lease and
    has made no attempt yet. Raises `InvalidWorkflow`.
    """
    execution = work.execution
    workflow = workflow_of(execution.suggestion.action_type)
    if workflow is None or workflow.look is None:
        return None
    look = _look(execution, workflow)
    if not look.known:
        if not rests_on_look(workflow):
            return Premise(look)
        tries, waited = _in_vain(execution)
        return Premise(look, tries, waited, unanswered=look.error)
    said = _said(execution)
    known = {**facts(execution), "decision": said.facts}
    moved = list(_moved(workflow, known, look, _shown(execution, said, look)))
    reason = _why_not(workflow, known, look) or (_in_words(workflow, moved) if moved else "")
    if reason:
        look.reason = reason[:500]
        look.moved = [[one.label, short(one.before), short(one.now)] for one in moved]
        look.save(update_fields=["reason", "moved"])
    return Premise(look, moved=moved, reason=reason)


def last_look(execution: Execution) -> Facts:
    """What the worker found before it began, for a workflow whose steps use it."""
    asked = Look.objects.filter(proposal=execution.proposal_id, execution=execution.pk, kind=Kind.LOOK)
    look = asked.filter(known=True).order_by("-asked_at").first()
    return look.facts if look else NO_LOOK


def _look(execution: Execution, workflow: Workflow) -> Look:
    look = Look(
        proposal_id=execution.proposal_id,
        suggestion=execution.suggestion,
        kind=Kind.LOOK,
        occasion=Look.Occasion.ACTING,
        execution=execution.pk,
        round=execution.round,
    )
    execution.suggestion.proposal = execution.proposal
    ask(look, workflow, execution.suggestion, execution.proposal.resolution.arguments or {})
    look.at = Now()
    look.save(force_insert=True)
    look.refresh_from_db(fields=["at", "asked_at"])
    return look


_IN_VAIN = """
SELECT count(*), coalesce(extract(epoch FROM max(asked_at) - min(asked_at)), 0)::float8
  FROM execution_look
 WHERE proposal_id = %s AND execution = %s AND round = %s AND occasion = 'acting' AND NOT known
"""


def _in_vain(execution: Execution) -> tuple[int, float]:
    """How often it was asked in vain in the present round, and for how many seconds."""
    [(tries, waited)] = execute(_IN_VAIN, [execution.proposal_id, execution.pk, str(execution.round)])
    return tries, waited


# --- What those who decided had before them -----------------------------------------------------------


_DECIDED = """
SELECT d.at, coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.username),
       d.arguments IS NOT NULL, d.looks::text
  FROM approvals_decision d JOIN governance_user u ON u.id = d.reviewer_id
 WHERE d.proposal_id = %s AND d.standing AND d.verdict = 'approve' AND d.action_digest = %s
 ORDER BY d.at
"""


@dataclass(frozen=True)
class _Said:
    """When it was decided and by whom; and which looks each of them was shown, by their ids."""

    at: datetime
    by: list[str]
    edited: bool
    times: list[datetime] = field(default_factory=list)
    looks: list[list[UUID]] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """The fact `decision`."""
        return {"at": self.at.isoformat(), "by": self.by, "edited": self.edited}


def _said(execution: Execution) -> _Said:
    [resolution] = Resolution.objects.filter(pk=execution.proposal_id).only("at", "actor_name")
    rows = execute(_DECIDED, [execution.proposal_id, execution.action_digest])
    if not rows:  # it passed by itself
        return _Said(resolution.at, [resolution.actor_name], False, [resolution.at], [[]])
    return _Said(
        resolution.at,
        [name for _, name, _, _ in rows],
        any(edited for _, _, edited, _ in rows),
        [at for at, _, _, _ in rows],
        [[UUID(one["look"]) for one in json.loads(shown)] for _, _, _, shown in rows],
    )


def _shown(execution: Execution, said: _Said, now: Look) -> list[Look]:
    """What each of them was shown, where the same was asked; of who was shown nothing, the last answer before
    they decided."""
    same = Look.objects.filter(
        proposal=execution.proposal_id, suggestion=execution.suggestion_id, kind=Kind.LOOK, known=True
    ).filter(question=now.question)
    found = []
    for at, ids in zip(said.times, said.looks, strict=True):
        shown = same.filter(pk__in=ids).first() or same.filter(at__lte=at).order_by("-at").first()
        if shown is not None:
            found.append(shown)
    return found


# --- What is otherwise now ------------------------------------------------------------------------------


def _moved(workflow: Workflow, known: Facts, now: Look, shown: Iterable[Look]) -> Iterable[Moved]:
    """Each value that is not what one of them was shown, once."""
    looks = list(shown)
    for source in workflow.stale_when:
        present = _value(source, known, now)
        for look in looks:
            before = _value(source, known, look)
            if not _same(before, present):
                yield Moved(label_of(workflow, source), before, present)
                break


def _why_not(workflow: Workflow, known: Facts, look: Look) -> str:
    """What is required and is not so; empty where it is."""
    if not workflow.require:
        return ""
    try:
        holds = Expression(workflow.require, KNOWN_BEFORE).holds({**known, "look": look.facts})
    except (NoAnswer, BadExpression) as error:
        return f"Whether what is required holds can’t be told: {error}"
    return "" if holds else f"What is required does not hold: {workflow.require}"


def holds_now(workflow: Workflow, known: Facts, look: Look) -> str:
    """The same for those who are about to decide; empty also where it rests on their decision."""
    if not workflow.require or not look.known:
        return ""
    nobody = {"at": "", "by": [], "edited": False}
    if "decision" in workflow.require:
        return ""
    return _why_not(workflow, {**known, "decision": nobody}, look)


def _value(source: str, known: Facts, look: Look) -> Any:
    try:
        return clean(Expression(source, KNOWN_BEFORE).evaluate({**known, "look": look.facts}))
    except (NoAnswer, BadExpression):
        return NOT_TOLD


def _same(one: Any, other: Any) -> bool:
    try:
        return canonical([one]) == canonical([other])
    except ValueError:
        return bool(one == other)


def label_of(workflow: Workflow, source: str) -> str:
    """What people call a value: its label where it is shown, else how it is written."""
    labels = workflow.look.show.items() if workflow.look else ()
    return next((label for label, value in labels if value == f"={source}"), source)


def _in_words(workflow: Workflow, moved: Sequence[Moved]) -> str:
    names = ", ".join(one.label for one in moved)
    says = workflow.look.says if workflow.look else "the service"
    return f"It is not as it was when it was decided, {says} says: {names}."
