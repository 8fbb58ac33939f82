"""Calls of functions that an installed app registers: what they return, raise, and do to their process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execution.routes import dispatch, python_callable
from execution.routes.result import FAILED, REFUSED, SUCCEEDED, UNKNOWN, NoRead
from governance.actions import callables, workflow
from governance.actions.route_kinds import PythonRoute
from tests.execution.conftest import wait_for
from tests.execution.routes.conftest import KNOWN, WITH_CALL, how

SHOP = """
import os, signal, subprocess, sys, time
from pathlib import Path
from execution.routes.nothing_done import NothingDone

def refund(arguments, context):
    print("this is said to the log")
    return {"arguments": arguments, "context": context}

def environment(arguments, context):
    return {"names": sorted(os.environ), "django": "django" in sys.modules, "here": arguments}

def later(arguments, context):
    raise NothingDone("the till is closed", retry_after=7)

def refuses(arguments, context):
    raise NothingDone("no such order", again=False)

def breaks(arguments, context):
    raise ValueError("half of it is done")

def leaves(arguments, context):
    sys.exit(3)

def dies(arguments, context):
    os.kill(os.getpid(), signal.SIGSEGV)

def vanishes(arguments, context):
    os._exit(4)

def no_json(arguments, context):
    return object()

def large(arguments, context):
    return "x" * 1_100_000

def slow(arguments, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(arguments["tell"]).write_text(f"{os.getpid()} {child.pid}")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
"""
BROKEN = "raise RuntimeError('this module has no future')"
NAMES = "refund environment later refuses breaks leaves dies vanishes no_json large slow"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app that is installed, as pip leaves it."""
    place = tmp_path_factory.mktemp("site")
    (place / "shop_routes.py").write_text(SHOP)
    (place / "broken_routes.py").write_text(BROKEN)
    about = place / "shop_routes-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-routes\nVersion: 1.0\n")
    points = [f"shop.{name} = shop_routes:{name}" for name in NAMES.split()]
    points += ["shop.broken = broken_routes:refund", "shop.missing = shop_routes:nowhere"]
    (about / "entry_points.txt").write_text("\n".join(["[reviewapp.routes]", *points]))
    return place


@pytest.fixture(autouse=True)
def _registered(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(installed)
    callables.registered.cache_clear()
    yield
    callables.registered.cache_clear()


def route(name: str, **more: Any) -> PythonRoute:
    return PythonRoute.model_validate({"kind": "python", "callable": name, **more})


def called(name: str, **changes: Any) -> Any:
    more = {"arguments": changes.pop("arguments")} if "arguments" in changes else {}
    return dispatch.call(route(name, **more), KNOWN, how(**changes))


def test_a_callable_gets_the_arguments_and_what_it_returns_is_the_answer() -> None:
    told = {"idempotency_key": "e/refund", "execution": "e", "step": "refund"}
    context = {**told, "traceparent": WITH_CALL["traceparent"]}
    result = called("shop.refund")
    assert (result.outcome, result.detail, result.status) == (SUCCEEDED, "It returned.", None)
    assert result.answer == {"arguments": KNOWN["args"], "context": context}
    asked = dispatch.asked(route("shop.refund"), KNOWN, WITH_CALL)
    assert asked == {"kind": "python", "callable": "shop.refund", **result.answer}
    assert called("shop.refund", arguments={"id": "=args.order_id"}).answer["arguments"] == {"id": "W1"}

    read = dispatch.read(route("shop.refund"), KNOWN, 20)
    assert (read.status, read.json) == (200, {"arguments": KNOWN["args"], "context": {}})


def test_it_has_no_django_and_no_secrets_of_this_process(monkeypatch: Any, settings: Any) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("SHOP_TOKEN", "of the shop")
    settings.ROUTE_ENVIRONMENT = ["SHOP_TOKEN"]
    found = called("shop.environment").answer
    assert not found["django"]
    assert set(found["names"]) <= {
        *["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "SHOP_TOKEN"]
    }
    assert "SHOP_TOKEN" in found["names"]


@pytest.mark.parametrize(
    ("name", "outcome", "detail", "wait"),
    [
        ("later", FAILED, "Nothing was done: the till is closed", 7),
        ("refuses", REFUSED, "Nothing was done: no such order", 0),
        ("breaks", UNKNOWN, "It broke in the middle: ValueError: half of it is done", 0),
        ("leaves", UNKNOWN, "It broke in the middle: SystemExit: 3", 0),
        ("dies", UNKNOWN, "Begun, but no answer: it was ended by signal 11.", 0),
        ("vanishes", UNKNOWN, "Begun, but no answer: it ended with 4.", 0),
        ("no_json", UNKNOWN, "It broke in the middle: TypeError: Object of type object is not JSON", 0),
        ("large", UNKNOWN, "Begun, but no answer: the answer is larger than 1024 KiB.", 0),
        ("broken", REFUSED, "Not sent: it could not be loaded: RuntimeError: this module has no future", 0),
        ("missing", REFUSED, "Not sent: it could not be loaded: AttributeError", 0),
        ("nowhere", REFUSED, "Not sent: there is no callable shop.nowhere; registered are shop.breaks, ", 0),
    ],
)
def test_what_becomes_of_it_says_whether_anything_was_done(
    name: str, outcome: str, detail: str, wait: float
) -> None:
    result = called(f"shop.{name}", repeatable=True)
    assert (result.outcome, result.detail[: len(detail)], result.retry_after) == (outcome, detail, wait)
    with pytest.raises(NoRead):
        dispatch.read(route(f"shop.{name}"), KNOWN, 20)


def test_its_time_holds_and_all_that_it_started_ends_with_it(tmp_path: Path) -> None:
    tell = tmp_path / "pids"
    began = time.monotonic()
    result = called("shop.slow", arguments={"tell": str(tell)}, timeout=3.0)
    assert (result.outcome, result.detail) == (UNKNOWN, "Begun, but no answer: no answer in time.")
    assert time.monotonic() - began < 10
    began_by_it = [int(pid) for pid in tell.read_text().split()]
    assert len(began_by_it) > 1
    wait_for(lambda: not any(_lives(pid) for pid in began_by_it))  # who is killed may still be on its way out


def test_nothing_is_begun_once_the_lease_is_gone() -> None:
    result = called("shop.breaks", may_send=lambda: False)
    assert (result.outcome, result.detail[:9]) == (FAILED, "Not sent:")


def _lives(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_worker_that_is_gone_takes_the_callable_with_it(tmp_path: Path) -> None:
    """Its lease runs out, and what another one does then must not cross with this."""
    tell = tmp_path / "pids"
    ours, theirs = socket.socketpair()
    told = [
        {"callable": "shop_routes:slow", "seconds": 60},
        {"arguments": {"tell": str(tell)}, "context": {}},
    ]
    ours.sendall(b"".join(json.dumps(one).encode() + b"\n" for one in told))
    command = [sys.executable, "-m", "execution.routes.child"]
    environment = python_callable._environment()
    with subprocess.Popen(command, stdin=theirs.fileno(), env=environment, start_new_session=True) as process:
        theirs.close()
        wait_for(lambda: tell.exists() and tell.read_text())
        ours.close()
        assert process.wait(5) == -signal.SIGKILL
    wait_for(lambda: not any(_lives(int(pid)) for pid in tell.read_text().split()))


def test_a_workflow_can_name_only_what_is_registered() -> None:
    steps = [{"name": "refund", "routes": [{"kind": "python", "callable": "shop.nowhere"}]}]
    [mistake] = workflow.mistakes({"steps": steps}, {})
    assert str(mistake).startswith(
        "steps.0.routes.0.callable: there is no callable shop.nowhere; registered are shop.breaks"
    )
    steps[0]["routes"][0]["callable"] = "shop.refund"  # type: ignore[index]
    assert workflow.mistakes({"steps": steps}, {}) == []
