"""`python -m bench`: run the measures, print a table, write the figures as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure, table
from bench.scale import Scale
from bench.stage import ROOT, Stage

MEASURES = {
    "a": "submit",
    "b": "batch",
    "c": "lists",
    "d": "decide",
    "e": "export",
    "f": "screen",
    "g": "rules",
    "h": "backtest",
    "i": "history",
    "j": "desk",
}


def main() -> int:
    options = _options()
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var" / "bench")
    figures: list[Figure] = []
    failed = False
    began = time.monotonic()
    if options.profile:
        os.environ["DATABASE_POOL"] = "1"  # as the server processes have it
    with Stage(var, stay=options.scale is Scale.TINY) as stage:
        if options.profile:
            from bench import profile

            profile.write(stage, var)
            return 0
        durability = stage.durability()
        for letter in options.only:
            started = time.monotonic()
            _say(f"({letter}) {MEASURES[letter]} …")
            try:
                found = importlib.import_module(f"bench.{MEASURES[letter]}").measure(
                    stage, scale=options.scale
                )
            except Exception as error:  # the other measures are still worth having
                _say(f"({letter}) failed: {type(error).__name__}: {error}")
                failed = True
                continue
            figures += found
            _say(f"({letter}) took {time.monotonic() - started:.0f} s")
    print(table(figures))
    file = options.json or var / "figures.json"
    file.write_text(
        json.dumps(_report(figures, durability, options, time.monotonic() - began), indent=1) + "\n"
    )
    print(f"\n{time.monotonic() - began:.0f} s in all; figures are in {file}")
    return 1 if failed or any(figure.ok is False for figure in figures) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", type=_letters, default=list(MEASURES), help="measures to run, such as a,b or backtest"
    )
    how_much = parser.add_mutually_exclusive_group()
    for scale, what in [
        (Scale.QUICK, "less of everything: a look, not a measurement"),
        (Scale.TINY, "next to nothing, only to see that all of it runs"),
    ]:
        name = f"--{scale.name.lower()}"
        how_much.add_argument(name, dest="scale", action="store_const", const=scale, help=what)
    parser.set_defaults(scale=Scale.FULL)
    parser.add_argument("--json", type=Path, help="where to write the figures (var/bench/figures.json)")
    parser.add_argument(
        "--profile", action="store_true", help="profile the submission in one process, measure nothing"
    )
    return parser.parse_args()


def _letters(text: str) -> list[str]:
    named = {name: letter for letter, name in MEASURES.items()}
    letters = [letter for part in text.split(",") for letter in named.get(part.strip(), part.strip())]
    unknown = set(letters) - MEASURES.keys()
    if unknown or not letters:
        raise argparse.ArgumentTypeError(f"name some of {', '.join(MEASURES)}, not {text}")
    return sorted(letters)


def _report(
    figures: list[Figure], durability: dict[str, str], options: argparse.Namespace, seconds: float
) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": options.scale.name.lower(),
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "database": durability,
        "figures": [figure.as_json() for figure in figures],
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
