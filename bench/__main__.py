"""`python -m bench`: run the measures, print a table, keep the figures in `bench/results/`.

Ends with 1 where a target was missed or a measure failed, and with 2 where others used so much of the
machine that nothing can be said.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import measures
from bench.figures import BUSY, Figure, table
from bench.measures import Measure
from bench.processes import ROOT, Others
from bench.results import Results
from bench.scale import Scale
from bench.stage import Stage


def main() -> int:
    options = _options()
    if options.list:
        print(measures.described())
        return 0
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var" / "bench")
    if options.profile:
        return _profile(var)
    began = time.monotonic()
    figures: list[Figure] = []
    failed = False
    with Stage(var, stay=options.scale is Scale.TINY) as stage:
        results = Results(options.results, scale=options.scale.name.lower(), database=stage.durability())
        for measure in options.only:
            try:
                found = _measured(measure, stage, options.scale)
            except Exception as error:  # the other measures are still worth having
                _say(f"({measure.letter}) failed: {type(error).__name__}: {error}")
                failed = True
                continue
            results.keep(found)
            figures += found
    print(table(sorted(figures, key=lambda figure: figure.measure)))
    print(f"\n{time.monotonic() - began:.0f} s in all; the figures are kept in {results.file}")
    return _status(figures, failed=failed)


def _measured(measure: Measure, stage: Stage, scale: Scale) -> list[Figure]:
    """What it found, each with the share of the machine that others used meanwhile."""
    _say(f"({measure.letter}) {measure.name} …")
    began, others = time.monotonic(), Others(stage.ours)
    figures = measure.run(stage, scale)
    share = others.share()
    for figure in figures:
        figure.measure, figure.others = measure.letter, share
    seconds, busy = time.monotonic() - began, f": above {BUSY:.0%} no time is judged" if share > BUSY else ""
    _say(f"({measure.letter}) took {seconds:.0f} s, while others used {share:.0%} of the cores{busy}")
    return figures


def _status(figures: Sequence[Figure], *, failed: bool) -> int:
    if failed or any(figure.verdict == "NO" for figure in figures):
        return 1
    return 2 if any(figure.verdict == "busy" for figure in figures) else 0


def _profile(var: Path) -> int:
    os.environ["DATABASE_MAX_AGE"] = "600"  # as the server processes have it
    from bench import profile

    with Stage(var) as stage:
        profile.write(stage, var)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        type=_named,
        default=measures.usual(),
        help="measures to run by letter or name, such as a,d or backtest",
    )
    parser.add_argument("--list", action="store_true", help="say which measures there are, and end")
    how_much = parser.add_mutually_exclusive_group()
    for scale, what in [
        (Scale.QUICK, "less of everything: a look, not a measurement"),
        (Scale.TINY, "next to nothing, only to see that all of it runs"),
    ]:
        name = f"--{scale.name.lower()}"
        how_much.add_argument(name, dest="scale", action="store_const", const=scale, help=what)
    parser.set_defaults(scale=Scale.FULL)
    parser.add_argument("--results", type=Path, help="the file that the figures are added to")
    parser.add_argument(
        "--profile", action="store_true", help="profile the submission in one process, measure nothing"
    )
    return parser.parse_args()


def _named(text: str) -> list[Measure]:
    try:
        return measures.named(text)
    except LookupError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
