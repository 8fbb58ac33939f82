"""Every measure runs, in miniature: what it finds here means nothing."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from bench import compare, processes, results
from bench.figures import Figure, added, compared, measured, number, side_by_side, spread, table
from bench.load import KEY, Load, Run
from bench.measures import MEASURES, named, usual
from bench.processes import Others
from bench.results import Results

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_every_measure_runs_and_tells_ours_limit_and_ratio(services, tmp_path):
    report = tmp_path / "figures.jsonl"
    environment = {name: value for name, value in os.environ.items() if name != "TEST_READY"}
    environment |= {
        "VAR_DIR": str(settings.VAR_DIR),
        "DJANGO_SETTINGS_MODULE": "reviewapp.settings",
        "BENCH_OWNER_PASSWORD": services.postgres.privileged.owner,
        "BENCH_SUPERUSER_PASSWORD": services.postgres.privileged.superuser,
    }

    letters = [measure.letter for measure in MEASURES if not measure.name.startswith("long_")]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--tiny", "--results", str(report), "--only", ",".join(letters)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert report.exists(), done.stderr
    assert "failed" not in done.stderr, done.stderr
    figures = results.read(report)
    assert {figure["measure"] for figure in figures} | {"q", "u"} == set(letters)
    assert any(figure["measure"] == "q" for figure in figures) or "there is no Chromium" in done.stderr
    assert all(math.isfinite(figure["ours"]) for figure in figures)
    assert all(0 <= figure["others"] <= 1 for figure in figures)
    beside = [figure for figure in figures if figure["ratio"] is not None]
    assert {figure["measure"] for figure in beside} == set("abcdejkrwx")
    assert all(figure["limit"] > 0 and figure["ratio"] > 0 for figure in beside)
    errors = [figure["ours"] for figure in figures if figure["unit"] == "errors"]
    assert errors == [0, 0, 0]
    assert all(f"{figure['what']}" in done.stdout for figure in figures)


def test_the_ratio_is_of_rounds_that_ran_side_by_side():
    ours, limit, ratio = side_by_side([(50, 100), (5, 10), (60, 100)])

    assert (ours, limit, ratio) == (50, 100, 0.5)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([3.0], None),
        ([3.0, 1.0, 2.0], (1.0, 3.0)),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 900.0], (3.0, 7.0)),
    ],
)
def test_the_spread_is_of_all_of_a_few_and_of_the_middle_half_of_many(values, ends):
    assert spread(values) == ends


def test_the_target_is_asked_of_the_ratio_or_else_of_what_was_measured():
    beside = compared("a", "submit", "proposals/s", [(50, 100), (70, 100)], least=0.65)
    alone = measured("d", "panel", "ms", [10.0, 14.0, 12.0], most=15)
    more = added("g", "a budget adds", "ms", [(9.0, 8.5), (12.0, 8.0)], most=1)

    assert (beside.ratio, beside.spread, beside.target, beside.ok) == (0.6, (0.5, 0.7), "≥ 0.65", False)
    assert (alone.ours, alone.spread, alone.target, alone.ok) == (12.0, (10.0, 14.0), "≤ 15", True)
    assert (more.ours, more.spread, more.target, more.ok) == (2.25, (0.5, 4.0), "≤ 1", False)


@pytest.mark.parametrize(
    ("unit", "others", "verdict"),
    [("ms", 0.15, "NO"), ("ms", 0.16, "busy"), ("queries", 0.9, "NO"), ("ms", None, "NO")],
)
def test_on_a_busy_machine_only_what_is_counted_is_judged(unit, others, verdict):
    figure = measured("d", "panel", unit, [20.0], most=15)
    figure.others = others

    assert figure.verdict == verdict


def test_the_table_says_which_target_was_missed_and_what_there_is_to_note():
    missed = Figure("a", "submit", 250.0, 500.0, "/s", 0.5, "≥ 0.65", False, spread=(0.4, 0.6), others=0.03)
    plain = Figure("b", "batches", 1234.5, None, "/s", note="the second note")

    lines = table([missed, plain]).splitlines()

    assert lines[2].split() == [
        "a",
        "submit",
        "250",
        "500",
        "/s",
        "0.50",
        "0.40–0.60",
        "≥",
        "0.65",
        "NO",
        "3%",
    ]
    assert lines[3].split() == ["b", "batches", "1,234", "/s"]
    assert lines[4].split() == ["the", "second", "note"]
    assert [number(value) for value in (0.123, 12.34, 1234.5)] == ["0.12", "12.3", "1,234"]


def test_what_others_used_is_all_that_was_used_but_ours(monkeypatch):
    clock, used, ours = iter([100.0, 110.0]), iter([500.0, 512.0]), iter([30.0, 38.0])
    monkeypatch.setattr(processes.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(processes, "cpu_of_all", lambda: next(used))
    monkeypatch.setattr(processes, "cpu_of", lambda pids: next(ours))
    monkeypatch.setattr(processes.os, "cpu_count", lambda: 2)

    assert Others(lambda: [os.getpid()]).share() == pytest.approx((12 - 8) / (10 * 2))


def test_a_process_and_all_below_it_are_one_family():
    assert os.getpid() in processes.family(os.getppid())
    assert os.getppid() not in processes.family(os.getpid())


def test_measures_are_asked_for_by_letter_or_name():
    assert [measure.letter for measure in named("d, submit,a")] == ["a", "d"]
    with pytest.raises(LookupError, match="no measure lunch: there are a or submit, b or batch"):
        named("a,lunch")


def test_what_takes_very_long_runs_only_when_it_is_named():
    long = {measure.name for measure in MEASURES} - {measure.name for measure in usual()}

    assert long == {"growth", "long_history", "long_memory"}
    assert sum(measure.minutes for measure in usual()) < 25
    assert [measure.name for measure in named("r")] == ["growth"]


def test_results_say_the_commit_and_the_machine_and_are_found_by_it(tmp_path):
    kept = Results(tmp_path / "one.jsonl", scale="quick", database={"fsync": "on"})
    kept.keep([measured("a", "submit", "ms", [1.0, 3.0], most=1)])
    kept.keep([measured("a", "submit", "ms", [2.0, 4.0], most=1)])

    [line] = results.of(kept.about["commit"], tmp_path)

    assert line["ours"] == 3.0, "the newest"
    assert (line["spread"], line["verdict"], line["scale"]) == ([2.0, 4.0], "NO", "quick")
    assert line["machine"].startswith(f"{os.cpu_count()} × ")
    with pytest.raises(LookupError, match="neither a file nor a commit"):
        results.of("f00", tmp_path)


def test_compare_marks_only_what_moved_beyond_the_spread():
    def lines(commit, ratio, spread, milliseconds, queries):
        found = [
            Figure("a", "submit", 9.0, 10.0, "proposals/s", ratio, spread=spread),
            Figure("d", "panel", milliseconds, None, "ms"),
            Figure("d", "panel", queries, None, "queries"),
        ]
        about = {"commit": commit, "machine": "this", "scale": "full", "at": ""}
        return [figure.as_json() | about for figure in found]

    def marks(before, after):
        return [line[0] for line in compare.told(before, after).splitlines()[1:]]

    first = lines("aaa", 0.4, (0.38, 0.42), 50.0, 24)

    assert marks(first, lines("bbb", 0.5, (0.47, 0.52), 20.0, 6)) == ["*", " ", "*"]
    assert marks(first, lines("ccc", 0.43, (0.41, 0.46), 90.0, 24)) == [" ", " ", " "]
    said = compare.told(first, lines("bbb", 0.5, (0.47, 0.52), 20.0, 6)).splitlines()
    assert said[0] == "aaa (full)  →  bbb (full)"
    assert said[1].split() == ["*", "a", "0.40", "→", "0.50", "+25%", "submit,", "of", "the", "limit"]
    assert said[3].split() == ["*", "d", "24.0", "→", "6.00", "-75%", "panel,", "queries"]


def test_of_several_requests_each_is_sent_once_or_in_turn_as_often_as_is_asked():
    def sent(**how):
        run = Run(Load(port=1, request=["first", f"second {KEY.decode()}"], **how))
        return list(iter(run.next_request, None))

    assert [request[:6] for request in sent()] == [b"first", b"second"]
    four_times = sent(count=4)
    assert [request[:6] for request in four_times] == [b"first", b"second"] * 2
    assert len({*four_times}) == 3, "what stands for the key is new each time"
    assert all(len(request) == len("second ") + len(KEY) for request in four_times[1::2])


def test_a_load_that_would_never_end_is_refused():
    with pytest.raises(ValueError, match="It would never end"):
        Run(Load(port=1, request="GET /"))
