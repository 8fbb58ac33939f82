"""What a measure found, beside the limit and what is to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


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

    def as_json(self) -> dict[str, Any]:
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(self).items()}


def side_by_side(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Medians of ours and the limit, and of the ratio of each pair: a noisy minute hits both."""
    ours, limits = [ours for ours, _ in pairs], [limit for _, limit in pairs]
    ratio = statistics.median(ours / limit for ours, limit in pairs)
    return statistics.median(ours), statistics.median(limits), ratio


def table(figures: Sequence[Figure]) -> str:
    head = ("", "measure", "ours", "limit", "unit", "ratio", "target", "ok")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    right = {2, 3, 5}
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _row(figure: Figure) -> tuple[str, ...]:
    ok = {True: "yes", False: "NO", None: ""}[figure.ok]
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return (
        figure.measure,
        f"{figure.what} {f'({figure.note})' if figure.note else ''}".strip(),
        number(figure.ours),
        "" if figure.limit is None else number(figure.limit),
        figure.unit,
        ratio,
        figure.target,
        ok,
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
