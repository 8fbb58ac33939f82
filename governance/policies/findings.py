"""What the policy found in a proposal, weighed by how bad it is: so it stands beside the button."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from audit.ground.refusals import Refusal
from audit.ground.unseen import shown
from governance.policies.policy import Policy, RuleText, ready

# A rule that reads texts looks for what somebody was talked into: for what the person never said.
_READS_TEXTS = re.compile(
    r"\b(user_text|tool_text|mentions|unmentioned|quotes|asks|repeats|adds|has_secret|has_hidden)\b"
)
_PRESSING = 80  # the priority from which on a rule means more than its order
_LONGEST = 160


@lru_cache(maxsize=1_000)
def _reads_texts(condition: str) -> bool:
    return bool(_READS_TEXTS.search(condition))


class Weight(IntEnum):
    """How bad it is."""

    NOTE = 1
    WARNING = 2
    ALARM = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, in the policy's words."""

    weight: Weight
    text: str

    @property
    def level(self) -> str:
        return self.weight.name.lower()


def of(policy: Policy, rules: Iterable[dict[str, Any]]) -> list[Finding]:
    """What the rules of a verdict found, the worst first; what lets pass finds nothing."""
    known = {rule.name: rule for rule in policy.rules}
    found = [_finding(rule, known.get(rule["name"])) for rule in rules if _speaks(rule)]
    return sorted(found, key=lambda one: -one.weight)


def at(version: str | None, rules: Iterable[dict[str, Any]]) -> list[Finding]:
    """The same by the policy of that version; what can't be read any more is weighed by the rules alone."""
    try:
        return of(ready(version), rules)
    except (Refusal, ValueError):
        return of(ready(None), rules)


def worst(found: Sequence[Finding]) -> Finding | None:
    return found[0] if found else None


def _speaks(rule: dict[str, Any]) -> bool:
    return bool(rule.get("error")) or rule["then"].get("verdict") != "auto_approve"


def _finding(rule: dict[str, Any], as_written: RuleText | None) -> Finding:
    text = rule["reason"] or rule["name"].replace("-", " ").capitalize()
    if rule.get("error"):
        return Finding(Weight.WARNING, shown(f"The rule {rule['name']} could not be evaluated")[:_LONGEST])
    return Finding(_weight(rule["then"], as_written), shown(text)[:_LONGEST])


def _weight(then: dict[str, Any], as_written: RuleText | None) -> Weight:
    if then.get("verdict") == "block" or then.get("risk") == "critical":
        return Weight.ALARM
    if as_written and _reads_texts(as_written.when):
        return Weight.ALARM
    pressing = then.get("priority", 0) >= _PRESSING or then.get("step_up") or then.get("approvals", 1) > 1
    return Weight.WARNING if pressing or then.get("risk") == "high" else Weight.NOTE
