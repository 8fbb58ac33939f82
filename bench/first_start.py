"""(u) `make run` for the first time: from a fresh clone, with all that is installed, to its answer."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure, measured
from bench.processes import ROOT
from bench.scale import Scale
from bench.stage import NOT_OURS, Stage

MOST = 45.0  # seconds
LONGEST = 600.0


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    """Nothing but at full scale: it asks the package registry for all of the product's packages.

    They are in pip's cache where `make` was ever called here, unless the registry forbids that.
    """
    if scale is not Scale.FULL:
        return []
    what = "make run in a fresh clone, warm cache, to the first answer"
    seconds, cpu = _first_start(stage)
    return [measured("u", what, "s", [seconds], most=MOST, note=f"{cpu:.1f} s of CPU")]


def _first_start(stage: Stage) -> tuple[float, float]:
    """Seconds until it answered, and those of CPU that everything below `make` had used by then."""
    from reviewapp import embedded
    from reviewapp.embedded.credentials import free_port

    port = free_port()
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        kept = {name: value for name, value in os.environ.items() if name not in (*NOT_OURS, "DEMO")}
        environment = {**kept, "VAR_DIR": str(clone / "var"), "PORT": str(port)}
        began = time.perf_counter()
        try:
            with stage.running("make", ["make", "-C", clone, "run"], environment, port) as made:
                made.wait_until_it_answers(LONGEST)
                return time.perf_counter() - began, made.cpu()
        finally:
            embedded.erase(clone / "var")
