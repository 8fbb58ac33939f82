"""An explanation in words for reviewers, as `approvals/explaining/_explanation.html` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.ground.unseen import Piece, pieces, shown
from governance.models import PolicyVersion
from governance.policies import words
from governance.policies.explain import Condition, RuleLookedAt
from suggestions.explaining.explain import Explanation

LONGEST_VALUE = 120
_SAID = {"block": "Blocked", "review": "Reviewed by a person", "auto_approve": "Passes without a person"}


@dataclass(frozen=True)
class ExplanationInWords:
    """What the template draws."""

    policy: str
    outcome: str
    verdict: str
    obligations: list[tuple[str, str]]
    notes: list[list[Piece]]
    boundaries: list[tuple[str, str]]
    suggestions: list[dict[str, Any]]


def told(explanation: Explanation) -> ExplanationInWords:
    verdict = explanation.verdict
    return ExplanationInWords(
        policy=_policy(explanation.policy),
        outcome=_SAID[verdict.verdict],
        verdict=verdict.verdict,
        obligations=[] if verdict.verdict == "block" else verdict.obligations.in_lines(),
        notes=[pieces(note) for note in verdict.notes],
        boundaries=[(name.replace("_", " "), shown(asked)) for name, asked in explanation.boundaries],
        suggestions=[
            {
                "rank": suggestion.rank,
                "sentence": pieces(suggestion.sentence),
                "matched": [_rule(r) for r in rules if r.outcome != "did not match"],
                "others": [_rule(r) for r in rules if r.outcome == "did not match"],
            }
            for suggestion, rules in explanation.suggestions
        ],
    )


def _policy(digest: str | None) -> str:
    if digest is None:
        return "the built-in policy"
    return f"policy {digest.removeprefix('sha256:')[:12]}"


def _rule(rule: RuleLookedAt) -> dict[str, Any]:
    return {
        "name": rule.name,
        "outcome": rule.outcome,
        "wants": words.wants(rule.then),
        "reason": shown(rule.then.reason or ""),
        "error": shown(rule.error),
        "conditions": [_condition(condition) for condition in rule.conditions],
    }


def _condition(condition: Condition) -> dict[str, Any]:
    answer = {True: "yes", False: "no", None: "failed"}[condition.holds]
    return {
        "text": shown(condition.text),
        "answer": answer,
        "error": shown(condition.error),
        "values": [(path, pieces(_value(value))) for path, value in condition.values.items()],
    }


def _value(value: Any) -> str:
    """A fact in one short line; what is left out is counted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    text = " ".join(value.split()) if isinstance(value, str) else str(value)
    if isinstance(value, str) and not text:
        return "(empty)"
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… (and {len(text) - LONGEST_VALUE} more characters)"


def versions() -> list[dict[str, str]]:
    """The policies to choose from, the newest first."""
    newest = PolicyVersion.objects.order_by("-created_at").only("digest", "status", "note", "created_at")[:50]
    return [
        {
            "digest": v.digest,
            "label": f"{v.digest.removeprefix('sha256:')[:12]} · {v.get_status_display()}"
            + (f" · {v.note[:60]}" if v.note else ""),
        }
        for v in newest
    ]
