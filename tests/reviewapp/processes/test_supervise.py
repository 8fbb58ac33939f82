"""The supervisor: what dies is started again, what is stubborn is ended, what matters is said."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewapp.embedded import processes
from reviewapp.processes import supervise
from reviewapp.processes.supervise import Child, Supervisor, alarm_in

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
print("grandchild", child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(mark=f"test {tmp_path}", folder=tmp_path, logs=tmp_path / "log", say=said.append)
    yield supervisor
    supervisor.stop(patience=0)


def child(name: str, program: str, wave: int = 1) -> Child:
    return Child(name, [sys.executable, "-c", program], {"PATH": os.environ["PATH"]}, wave)


def log(supervisor: Supervisor, name: str) -> str:
    file = supervisor.logs / f"{name}.log"
    return file.read_text() if file.exists() else ""


def test_a_child_that_dies_is_started_again_later_and_later(
    supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "FIRST_PAUSE", 0.1)
    supervisor.start(child("fragile", "print('hello'); raise SystemExit(3)"))

    assert supervisor.wait(lambda: log(supervisor, "fragile").count("hello") == 3, seconds=60)
    assert [line.partition(";")[0] for line in said[:2]] == [
        "fragile ended (status 3) and starts again in 0.1 s",
        "fragile ended (status 3) and starts again in 0.2 s",
    ]


def test_a_stubborn_child_and_its_children_are_ended_in_time(supervisor: Supervisor) -> None:
    supervisor.start(child("stubborn", STUBBORN))
    assert supervisor.wait(lambda: "grandchild" in log(supervisor, "stubborn"), seconds=60)
    grandchild = int(log(supervisor, "stubborn").split()[1])
    began = time.monotonic()

    supervisor.stop(patience=0.5)

    assert time.monotonic() - began < 20
    assert gone_soon(lambda: processes.running(grandchild))
    assert gone_soon(lambda: processes.marked(supervisor.mark))


def gone_soon(seen: Callable[[], object]) -> bool:
    """What was killed is gone a moment later; the supervisor takes no more turns meanwhile."""
    until = time.monotonic() + 60
    while seen() and time.monotonic() < until:
        time.sleep(0.05)
    return not seen()


def test_the_first_wave_is_gone_before_the_second_is_asked_to_go(supervisor: Supervisor) -> None:
    program = (
        "import os, signal, time\n"
        "def end(*_): time.sleep(0.3); os.write(1, b'%f' % time.monotonic()); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end); os.write(1, b'ready\\n'); time.sleep(60)"
    )
    supervisor.start(child("worker", program, wave=2))
    supervisor.start(child("web", program, wave=1))
    assert supervisor.wait(
        lambda: all("ready" in log(supervisor, name) for name in ("web", "worker")), seconds=10
    )

    supervisor.stop(patience=5)

    web, worker = (float(log(supervisor, name).split()[-1]) for name in ("web", "worker"))
    assert worker - web >= 0.3


LASTS = """
import os, signal, time
print("hello", os.getpid(), flush=True)
signal.signal(signal.SIGTERM, lambda *_: (print("bye", os.getpid(), flush=True), os._exit(0)))
time.sleep(60)
"""


def replaced(supervisor: Supervisor, one: Child, program: str) -> bool:
    return supervisor.replace(one, [sys.executable, "-c", program], within=60, patience=30)


def test_who_is_replaced_ends_when_the_other_is_ready(supervisor: Supervisor) -> None:
    first = child("web", LASTS)
    first.ready = "hello"
    supervisor.start(first)
    assert supervisor.wait(lambda: first.is_ready, seconds=60)

    assert replaced(supervisor, first, LASTS)

    assert supervisor.wait(lambda: "bye" in log(supervisor, "web"), seconds=60)
    assert [line.split()[0] for line in log(supervisor, "web").splitlines()] == ["hello", "hello", "bye"]
    assert supervisor.wait(lambda: first not in supervisor.children, seconds=60)
    assert [one.is_ready for one in supervisor.children] == [True]


def test_who_should_be_replaced_stays_when_the_other_does_not_start(
    supervisor: Supervisor, said: list[str]
) -> None:
    first = child("web", LASTS)
    first.ready = "hello"
    supervisor.start(first)
    assert supervisor.wait(lambda: first.is_ready, seconds=60)

    assert not replaced(supervisor, first, "raise SystemExit(3)")

    assert supervisor.children == [first]
    assert first.process
    assert processes.running(first.process.pid)
    assert "bye" not in log(supervisor, "web")


def test_trouble_is_shown_once_and_everything_is_filed(supervisor: Supervisor, said: list[str]) -> None:
    line = json.dumps({"level": "warning", "event": "the broker is away"})
    program = f"import time; print({line!r}, {line!r}, 'fine', sep=chr(10), flush=True); time.sleep(60)"
    supervisor.start(child("worker", program))

    assert supervisor.wait(lambda: "fine" in log(supervisor, "worker"), seconds=60)
    assert said == ["worker: the broker is away"]
    assert log(supervisor, "worker") == f"{line}\n{line}\nfine\n"


@pytest.mark.parametrize(
    ("line", "alarm"),
    [
        ('{"level": "info", "event": "ERROR is only a word here"}', ""),
        (
            '{"level": "error", "event": "failed\\nat length", "exception": "Traceback\\nKeyError: 1"}',
            "failed · KeyError: 1",
        ),
        ("[INFO] Started worker-1", ""),
        ("[ERROR] Unexpected exit", "[ERROR] Unexpected exit"),
        ("ValueError: no", "ValueError: no"),
        ("[1, 2]", ""),
    ],
)
def test_only_warnings_and_errors_alarm(line: str, alarm: str) -> None:
    assert alarm_in(line) == alarm
