"""Every measure runs, in miniature: what it finds here means nothing."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from bench.figures import Figure, number, side_by_side, table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_every_measure_runs_and_tells_ours_limit_and_ratio(services, tmp_path):
    report = tmp_path / "figures.json"
    environment = {name: value for name, value in os.environ.items() if name != "TEST_READY"}
    environment |= {
        "VAR_DIR": str(settings.VAR_DIR),
        "DJANGO_SETTINGS_MODULE": "reviewapp.settings",
        "BENCH_OWNER_PASSWORD": services.postgres.privileged.owner,
        "BENCH_SUPERUSER_PASSWORD": services.postgres.privileged.superuser,
    }

    done = subprocess.run(
        [sys.executable, "-m", "bench", "--tiny", "--json", str(report)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert report.exists(), done.stderr
    assert "failed" not in done.stderr, done.stderr
    figures = json.loads(report.read_text())["figures"]
    measured = {figure["measure"] for figure in figures}
    assert measured | {"j"} == set("abcdefghij")
    assert "j" in measured or "there is no Chromium" in done.stderr
    assert all(math.isfinite(figure["ours"]) for figure in figures)
    compared = [figure for figure in figures if figure["ratio"] is not None]
    assert {figure["measure"] for figure in compared} == set("abcde")
    assert all(figure["limit"] > 0 and figure["ratio"] > 0 for figure in compared)
    errors = [figure["ours"] for figure in figures if figure["unit"] == "errors"]
    assert errors == [0, 0]
    assert all(f"{figure['what']}" in done.stdout for figure in figures)


def test_the_ratio_is_of_rounds_that_ran_side_by_side():
    ours, limit, ratio = side_by_side([(50, 100), (5, 10), (60, 100)])

    assert (ours, limit, ratio) == (50, 100, 0.5)


def test_the_table_says_which_target_was_missed():
    lines = table(
        [
            Figure("a", "submit", 250.0, 500.0, "proposals/s", 0.5, "≥ 0.5", True),
            Figure("b", "batches", 1234.5, None, "proposals/s", None, "≥ 3,000", False),
        ]
    ).splitlines()

    assert lines[2].split() == ["a", "submit", "250", "500", "proposals/s", "0.50", "≥", "0.5", "yes"]
    assert lines[3].split() == ["b", "batches", "1,234", "proposals/s", "≥", "3,000", "NO"]
    assert [number(value) for value in (0.123, 12.34, 1234.5)] == ["0.12", "12.3", "1,234"]
