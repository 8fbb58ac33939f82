"""Whether an effect is there: asked of the service, judged by what the workflow expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.models import Verdict
from execution.routes import dispatch
from execution.routes.result import NoRead
from governance.actions.templates import KNOWN_AFTER
from governance.actions.workflow import Verify
from governance.expressions.cel import BadExpression, Expression, NoAnswer


def probe(verify: Verify, known: Mapping[str, Any], timeout: float) -> tuple[Verdict, str]:
    """Ask whether the effect is there, and why it is not proved: it is not, or nobody can tell."""
    try:
        answer = dispatch.read(verify.route, known, timeout)
    except NoRead as error:
        return Verdict.UNVERIFIABLE, f"the probe got no answer: {error}"
    try:
        if Expression(verify.expect, KNOWN_AFTER).holds({**known, "response": answer.facts}):
            return Verdict.VERIFIED, ""
    except (NoAnswer, BadExpression) as error:
        return Verdict.UNVERIFIABLE, f"HTTP {answer.status}, and the expectation cannot be told: {error}"
    return Verdict.MISMATCH, f"HTTP {answer.status}, and it is not as expected"
