"""Whether an effect is there: asked of the service, judged by what the workflow expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from execution.models import Verdict
from execution.routes import dispatch
from execution.routes.result import NoRead, kept
from governance.actions.templates import KNOWN_AFTER
from governance.actions.workflow import Verify
from governance.expressions.cel import BadExpression, Expression, NoAnswer

SEEN = "probe_answer"  # in a receipt, for people alone: what services say is none of an agent's business
TIMEOUT = 4.0  # seconds for one question
_FIRST, _LONGEST = 0.3, 60.0  # seconds between two


@dataclass(frozen=True)
class Probe:
    """What a question found: the verdict, why it is not proved, and what of it is kept with the receipt.

    Of what is no proof the start of the answer is kept, too: people decide by it.
    """

    verdict: str
    why: str = ""
    status: int | None = None
    digest: str | None = None
    answer: str | None = None

    @property
    def is_proof(self) -> bool:
        return self.verdict == Verdict.VERIFIED

    def evidence(self, verify: Verify) -> dict[str, Any]:
        judged = {"expect": verify.expect, "verified": self.is_proof, "verdict": self.verdict}
        seen = None if self.is_proof else self.answer
        return {**judged, "probe_status": self.status, "probe_digest": self.digest, SEEN: seen}


def probe(verify: Verify, known: Mapping[str, Any]) -> Probe:
    """Ask once whether the effect is there."""
    try:
        answer = dispatch.read(verify.route, known, TIMEOUT)
    except NoRead as error:
        return Probe(Verdict.UNVERIFIABLE, f"the probe got no answer: {error}")
    found = (answer.status, answer.digest, kept(answer.text))
    try:
        if Expression(verify.expect, KNOWN_AFTER).holds({**known, "response": answer.facts}):
            return Probe(Verdict.VERIFIED, "", *found)
    except (NoAnswer, BadExpression) as error:
        why = f"HTTP {answer.status}, and the expectation cannot be told: {error}"
        return Probe(Verdict.UNVERIFIABLE, why, *found)
    return Probe(Verdict.MISMATCH, f"HTTP {answer.status}, and it is not as expected", *found)


def wait_before(probes: int) -> float:
    """Seconds until the effect is looked for again, after so many times."""
    return min(_LONGEST, _FIRST * 2.0**probes)
