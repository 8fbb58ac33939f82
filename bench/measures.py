"""The table of measures: a letter and a name for each, and which are run only when they are named."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.figures import Figure
from bench.scale import Scale

if TYPE_CHECKING:
    from bench.stage import Stage


@dataclass(frozen=True)
class Measure:
    """One module of the bench, whose docstring says what it measures."""

    letter: str
    name: str  # of the module
    minutes: float  # about so long at full scale, on two cores
    by_name_only: bool = False

    def run(self, stage: Stage, scale: Scale) -> list[Figure]:
        return importlib.import_module(f"bench.{self.name}").measure(stage, scale=scale)


# Those that copy the database, to which nobody may be connected, come before servers that stay.
MEASURES = (
    Measure("i", "history", 1.6),
    Measure("s", "long_history", 15, by_name_only=True),
    Measure("c", "lists", 2),
    Measure("r", "growth", 30, by_name_only=True),
    Measure("a", "submit", 1.2),
    Measure("b", "batch", 0.4),
    Measure("d", "downstream", 0.8),
    Measure("e", "export", 1.8),
    Measure("x", "sealing", 0.8),
    Measure("f", "screen", 2),
    Measure("g", "rules", 1.3),
    Measure("h", "backtest", 1.2),
    Measure("j", "decide", 1.2),
    Measure("k", "executions", 0.8),
    Measure("v", "overtaking", 1.2),
    Measure("w", "parked", 3),
    Measure("l", "pages", 0.8),
    Measure("m", "bulk", 0.3),
    Measure("n", "wire", 0.1),
    Measure("o", "memory", 0.8),
    Measure("q", "desk", 1.5),
    Measure("t", "long_memory", 30, by_name_only=True),
    Measure("p", "system", 1.5),
    Measure("u", "first_start", 0.6),
)


def named(text: str) -> list[Measure]:
    """Those whose letters or names stand in the text, with commas between. Raises `LookupError`."""
    by_name = {name: measure for measure in MEASURES for name in (measure.letter, measure.name)}
    asked = [part.strip() for part in text.split(",")]
    unknown = [name for name in asked if name not in by_name]
    if unknown:
        known = ", ".join(f"{measure.letter} or {measure.name}" for measure in by_letter())
        raise LookupError(f"There is no measure {', '.join(unknown)}: there are {known}.")
    return sorted({by_name[name] for name in asked}, key=MEASURES.index)


def by_letter() -> list[Measure]:
    return sorted(MEASURES, key=lambda measure: measure.letter)


def usual() -> list[Measure]:
    """All but those that have to be named."""
    return [measure for measure in MEASURES if not measure.by_name_only]


def described() -> str:
    """A line for each: what it measures, about how long it takes."""
    lines = []
    for measure in by_letter():
        said = (importlib.import_module(f"bench.{measure.name}").__doc__ or "").partition("\n")[0]
        when = " (only if it is named)" if measure.by_name_only else ""
        lines.append(f"{measure.letter}  {measure.name:<12} {measure.minutes:>4g} min  {said}{when}")
    return "\n".join(lines)
