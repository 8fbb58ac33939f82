"""What a run came to."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

from tests.faults import checker
from tests.faults.checker import Finding
from tests.faults.load import Case

RECOVERS_WITHIN = 15.0  # seconds after a fault: the promise


@dataclass
class Totals:
    """What a run came to."""

    seed: str
    faults: Counter[str] = field(default_factory=Counter)
    cases: list[Case] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)  # seconds
    unfinished: int = 0  # cycles, when the next one came
    effects: int = 0
    executions: Counter[str] = field(default_factory=Counter)  # by how they ended
    attended: int = 0
    deeds: Counter[str] = field(default_factory=Counter)  # of agents, the team and the service
    rest: float = 0.0  # seconds after the last fault until nothing was left to do
    seconds: float = 0.0

    def has(self, kind: str) -> bool:
        return any(finding.kind == kind for finding in self.findings)

    def told(self) -> str:
        cycles, actions = self.faults.total(), len(self.cases)
        return "\n".join(
            [
                f"seed {self.seed}: {cycles} cycles, {actions} actions, {self.seconds:.0f} s",
                f"faults: {_listed(self.faults)}",
                f"approved: {_listed(self.executions)}",
                f"agents, the team and the service: {_listed(self.deeds)}",
                f"{self.effects} effects; a person did something about {self.attended}",
                self._recovery(),
                f"found: {', '.join(f'{count} {kind}' for kind, count in self._found().items())}",
            ]
        )

    def _found(self) -> dict[str, int]:
        counts = Counter(finding.kind for finding in self.findings)
        return {kind: counts[kind] for kind in checker.KINDS}

    def _recovery(self) -> str:
        quick = sorted(self.recoveries) or [0.0]
        late = sum(one > RECOVERS_WITHIN for one in quick)
        return (
            f"moving again: p50 {statistics.median(quick):.1f} s, max {quick[-1]:.1f} s, "
            f"{late} after more than {RECOVERS_WITHIN:.0f} s, {self.unfinished} not before the next fault; "
            f"at rest {self.rest:.1f} s after the last"
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
