"""For policies that want to know what is there now: asked before a proposal is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.db.models.functions import Now

from execution.holding.workflow import Workflow
from execution.looking.asking import Kind, ask, plan_of, question_of
from execution.models import Look
from execution.routes.result import Unusable, facts_before
from governance.expressions.known_facts import NO_LOOK
from suggestions.models import Suggestion

Occasion = Look.Occasion
_log = structlog.get_logger(__name__)


class Beforehand:
    """A `Looker` of `suggestions.past.looks`."""

    def now(self, suggestions: Sequence[Suggestion], seconds: float) -> list[Look]:
        """Ask about each suggestion that can be asked about; nothing is stored. Takes no longer than that."""
        until = time.monotonic() + seconds
        found = []
        for suggestion in suggestions:
            plan = plan_of(suggestion.action_type)
            left = until - time.monotonic()
            if plan and plan.look and left > 0:
                look = Look(
                    proposal_id=suggestion.proposal_id,
                    suggestion=suggestion,
                    kind=Kind.LOOK,
                    occasion=Occasion.SUBMISSION,
                )
                _ask(look, plan, suggestion, left)
                found.append(look)
        return found

    def keep(self, looks: Sequence[Look]) -> None:
        """Store them, in the transaction that stores their proposals."""
        for look in looks:
            look.at = Now()
        Look.objects.bulk_create(looks)

    def then(self, proposals: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
        """The fact `look` of each suggestion, as these proposals were judged by it."""
        kept = Look.objects.filter(proposal__in=proposals, occasion=Occasion.SUBMISSION, kind=Kind.LOOK)
        return {look.suggestion_id: look.facts for look in kept}

    def last(self, suggestion: Suggestion, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fact `look` for these arguments, as far as the same was asked already."""
        plan = plan_of(suggestion.action_type)
        if plan is None or plan.look is None:
            return NO_LOOK
        try:
            question = question_of(
                plan.look.route, facts_before(suggestion.proposal, suggestion.action_type, arguments)
            )
        except Unusable:
            return NO_LOOK
        same = Look.objects.filter(proposal=suggestion.proposal_id, suggestion=suggestion, question=question)
        look = same.filter(kind=Kind.LOOK, known=True).order_by("-asked_at").first()
        return look.facts if look else NO_LOOK


def _ask(look: Look, plan: Workflow, suggestion: Suggestion, seconds: float) -> None:
    """Whatever goes wrong there, the submission goes on."""
    try:
        ask(look, plan, suggestion, suggestion.arguments, timeout=seconds)
    except Exception as error:
        _log.warning("look failed", action=str(suggestion.action_type), error=type(error).__name__)
        look.known, look.error = False, f"No answer: {type(error).__name__}."
    look.at = datetime.now(UTC)
