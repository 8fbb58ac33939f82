"""What a measure found, beside the limit and what is to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

BUSY = 0.15  # of the cores; above it nothing that takes time is judged
COUNTED = {"errors", "queries", "statements", "kB", "MB", "MiB", "% more"}  # the same on a busy machine
FEW = 8  # below it a spread is of all pairs, above it of their middle half

Pairs = Sequence[tuple[float, float]]


@dataclass
class Figure:
    """One line of the table. `ratio` is ours to the limit's, of rounds that ran side by side."""

    measure: str
    what: str
    ours: float
    limit: float | None
    unit: str
    ratio: float | None = None
    target: str = ""
    ok: bool | None = None  # None: nothing is asked of it
    note: str = ""
    spread: tuple[float, float] | None = None  # of the ratio; of ours where there is none
    others: float | None = None  # the share of the cores that other processes used meanwhile

    @property
    def busy(self) -> bool:
        """Did others take so much of the machine that a time says nothing?"""
        return self.unit not in COUNTED and self.others is not None and self.others > BUSY

    @property
    def verdict(self) -> str:
        if self.ok is None:
            return ""
        return "busy" if self.busy else "yes" if self.ok else "NO"

    def as_json(self) -> dict[str, Any]:
        return {name: _rounded(value) for name, value in asdict(self).items()} | {"verdict": self.verdict}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def compared(
    measure: str,
    what: str,
    unit: str,
    pairs: Pairs,
    *,
    least: float | None = None,
    most: float | None = None,
    most_of_ours: float | None = None,
    note: str = "",
) -> Figure:
    """Ours beside the limit, of pairs that ran in turn.

    `least` or `most` is asked of the ratio, `most_of_ours` of ours.
    """
    ours, limit, ratio = side_by_side(pairs)
    target, ok = judged(ratio, least=least, most=most)
    if most_of_ours is not None:
        target, ok = f"≤ {most_of_ours:g} {unit.partition(' ')[0]}", ours <= most_of_ours
    between = spread([ours / limit for ours, limit in pairs])
    return Figure(measure, what, ours, limit, unit, ratio, target, ok, note, between)


def added(
    measure: str, what: str, unit: str, pairs: Pairs, *, most: float | None = None, note: str = ""
) -> Figure:
    """By how much the first of each pair is more than the second."""
    differences = [with_it - without for with_it, without in pairs]
    with_it, without, _ = side_by_side(pairs)
    note = note or f"{with_it:.2f} against {without:.2f}"
    return measured(measure, what, unit, differences, most=most, note=note)


def measured(
    measure: str,
    what: str,
    unit: str,
    values: Sequence[float],
    *,
    least: float | None = None,
    most: float | None = None,
    note: str = "",
) -> Figure:
    """The median of what was measured several times, where there is no limit to hold it against."""
    ours = statistics.median(values)
    target, ok = judged(ours, least=least, most=most)
    return Figure(measure, what, ours, None, unit, None, target, ok, note, spread(values))


def judged(value: float, *, least: float | None = None, most: float | None = None) -> tuple[str, bool | None]:
    """The target in signs, and whether it was reached."""
    if least is not None:
        return f"≥ {least:g}", value >= least
    if most is not None:
        return f"≤ {most:g}", value <= most
    return "", None


def side_by_side(pairs: Pairs) -> tuple[float, float, float]:
    """Medians of ours and the limit, and of the ratio of each pair: a noisy minute hits both."""
    ours, limits = [ours for ours, _ in pairs], [limit for _, limit in pairs]
    ratio = statistics.median(ours / limit for ours, limit in pairs)
    return statistics.median(ours), statistics.median(limits), ratio


def spread(values: Sequence[float]) -> tuple[float, float] | None:
    """From where to where: all of a few, the middle half of many, nothing of a single one."""
    if len(values) < 2:
        return None
    if len(values) < FEW:
        return min(values), max(values)
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[0], quarters[2]


# --- The table ------------------------------------------------------------------------------------

HEAD = ("", "measure", "ours", "limit", "unit", "ratio", "spread", "target", "ok", "others")
RIGHT = {2, 3, 5, 9}


def table(figures: Sequence[Figure]) -> str:
    """A line for each figure, and below it what there is to note."""
    rows = [HEAD, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    head, *lines = [_line(row, widths) for row in rows]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    noted = [
        f"{line}\n   {' ' * 3}{figure.note}" if figure.note else line
        for line, figure in zip(lines, figures, strict=True)
    ]
    return "\n".join([head, rule, *noted])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column in RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.measure,
        figure.what,
        number(figure.ours),
        "" if figure.limit is None else number(figure.limit),
        figure.unit,
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.spread is None else "–".join(number(end) for end in figure.spread),
        figure.target,
        figure.verdict,
        "" if figure.others is None else f"{figure.others:.0%}",
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
