"""The table of measures: a letter and a name for each, and which are run only when they are named."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
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
    Measure("i", "history", 2),
    Measure("s", "long_history", 15, by_name_only=True),
    Measure("c", "lists", 3),
    Measure("r", "growth", 60, by_name_only=True),
    Measure("a", "submit", 2),
    Measure("b", "batch", 0.5),
    Measure("d", "downstream", 1.5),
    Measure("e", "export", 2),
    Measure("f", "screen", 2.5),
    Measure("g", "rules", 1),
    Measure("h", "backtest", 1.5),
    Measure("j", "decide", 1.5),
    Measure("k", "executions", 1),
    Measure("l", "pages", 0.7),
    Measure("m", "bulk", 0.5),
    Measure("n", "wire", 0.2),
    Measure("o", "memory", 1),
    Measure("t", "long_memory", 30, by_name_only=True),
    Measure("p", "system", 2.5),
)


def named(text: str) -> list[Measure]:
    """Those whose letters or names stand in the text, with commas between. Raises `LookupError`."""
    by_name = {name: measure for measure in MEASURES for name in (measure.letter, measure.name)}
    asked = [part.strip() for part in text.split(",")]
    unknown = [name for name in asked if name not in by_name]
    if unknown:
        known = ", ".join(f"{measure.letter} or {measure.name}" for measure in MEASURES)
        raise LookupError(f"There is no measure {', '.join(unknown)}: there are {known}.")
    return sorted({by_name[name] for name in asked}, key=MEASURES.index)


def usual() -> list[Measure]:
    """All but those that have to be named."""
    return [measure for measure in MEASURES if not measure.by_name_only]


def described(measures: Iterable[Measure] = MEASURES) -> str:
    """A line for each: what it measures, about how long it takes."""
    lines = []
    for measure in measures:
        said = (importlib.import_module(f"bench.{measure.name}").__doc__ or "").partition("\n")[0]
        when = " (only if it is named)" if measure.by_name_only else ""
        lines.append(f"{measure.letter}  {measure.name:<12} {measure.minutes:>4g} min  {said}{when}")
    return "\n".join(lines)
