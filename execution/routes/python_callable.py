"""A call of a function that an installed app registers under `reviewapp.routes`, in a child process.

It gets `(arguments, context)`, where the context has `idempotency_key`, `execution`, `step` and
`traceparent`, and returns what JSON can write, which is judged like an answer with the status 200. Only where
it raises `NothingDone` is it known that nothing was done: any other exception, its death and its silence are
unknown.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
from django.conf import settings

from audit.ground import egress
from execution.routes import http
from execution.routes.filling import filled, written
from execution.routes.result import (
    FAILED,
    NOT_SENT,
    REFUSED,
    UNKNOWN,
    How,
    NoRead,
    Read,
    Result,
    Unusable,
)
from governance.actions.callables import registered, unknown
from governance.actions.route_kinds import PythonRoute

# What every program needs; more is handed on where `ROUTE_ENVIRONMENT` names it, for it may be a secret.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
Answered = dict[str, Any]


def call(route: PythonRoute, known: Mapping[str, Any], how: How) -> Result:
    """Call it once and judge what it returns. Never raises for what it does."""
    try:
        value, arguments = _found(route, known)
    except Unusable as error:
        return Result(REFUSED, f"{NOT_SENT}{error}.")
    with _child(how.began + how.timeout) as child:
        if problem := child.load(value):
            return problem
        if not how.may_send():
            return Result(FAILED, f"{NOT_SENT}the request could not be handed over in time.")
        answered = child.call({"arguments": arguments, "context": _context(how.headers)})
    return _judged(answered, known, how)


def read(route: PythonRoute, known: Mapping[str, Any], timeout: float) -> Read:
    """Ask one that changes nothing. Raises `NoRead` where no answer can be had."""
    try:
        value, arguments = _found(route, known)
    except Unusable as error:
        raise NoRead(str(error)) from error
    with _child(time.monotonic() + timeout) as child:
        if problem := child.load(value):
            raise NoRead(problem.detail)
        answered = child.call({"arguments": arguments, "context": {}})
    if "result" not in answered:
        raise NoRead(str(answered.get("nothing_done") or answered.get("raised") or answered["lost"]))
    answer = _answer(answered)
    return Read(**http.response(answer), digest=http.digest_of(answer))


def asked(route: PythonRoute, known: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What `call` tells it, where `headers` go with it. Raises `Unusable`."""
    return {"callable": route.callable, "arguments": _given(route, known), "context": _context(headers)}


def _found(route: PythonRoute, known: Mapping[str, Any]) -> tuple[str, Any]:
    """Where the callable is, and what it is given. Raises `Unusable`."""
    if problem := unknown(route.callable):
        raise Unusable(problem)
    return registered()[route.callable], _given(route, known)


def _given(route: PythonRoute, known: Mapping[str, Any]) -> Any:
    return json.loads(written(known["args"] if route.arguments is None else filled(route.arguments, known)))


def _context(headers: Mapping[str, str]) -> dict[str, str]:
    key = headers.get("idempotency-key", "")
    execution, _, step = key.partition("/")
    told = {"idempotency_key": key, "execution": execution, "step": step}
    return {**told, "traceparent": headers.get("traceparent", "")}


def _judged(answered: Answered, known: Mapping[str, Any], how: How) -> Result:
    if "result" in answered:
        judged = http.judge(
            _answer(answered),
            known,
            success_when=how.success_when,
            repeatable=how.repeatable,
            said="It returned.",
        )
        return replace(judged, status=None)
    if "nothing_done" in answered:
        outcome = FAILED if answered["again"] else REFUSED
        return Result(outcome, f"Nothing was done: {answered['nothing_done']}"[:500], answered["retry_after"])
    if "raised" in answered:
        return Result(UNKNOWN, f"It broke in the middle: {answered['raised']}"[:500])
    return Result(UNKNOWN, f"Begun, but no answer: {answered['lost']}.")


def _answer(answered: Answered) -> egress.Answer:
    return egress.Answer(200, httpx.Headers(), json.dumps(answered["result"], ensure_ascii=False).encode())


# --- The process ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _child(deadline: float) -> Iterator[_Child]:
    ours, theirs = socket.socketpair()
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-m", "execution.routes.child"],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
            env=_environment(),
            start_new_session=True,
        )
        theirs.close()
        try:
            yield _Child(process, ours, deadline)
        finally:
            # With everything that it started, also where it has ended by itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment() -> dict[str, str]:
    names = (*ENVIRONMENT, *settings.ROUTE_ENVIRONMENT)
    return {name: os.environ[name] for name in names if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)
    }


class _Child:
    """The process in which a callable runs, and the line to it."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket, deadline: float) -> None:
        self._process, self._line, self._deadline = process, line, deadline

    def load(self, value: str) -> Result | None:
        """Have it load the callable; what came of that where it did not come about."""
        answered = self._ask({"callable": value, "seconds": max(0.0, self._deadline - time.monotonic())})
        if "unusable" in answered:
            return Result(REFUSED, f"{NOT_SENT}it could not be loaded: {answered['unusable']}"[:500])
        if "ready" not in answered:
            return Result(FAILED, f"{NOT_SENT}{answered['lost']} while it was loaded.")
        return None

    def call(self, asked: Any) -> Answered:
        """What it answers; `lost`, and why, where nothing comes in time."""
        return self._ask(asked)

    def _ask(self, told: Any) -> Answered:
        try:
            self._line.settimeout(self._left())
            self._line.sendall(json.dumps(told).encode() + b"\n")
            answered: Answered = json.loads(self._heard())
        except TimeoutError:
            return {"lost": "no answer in time"}
        except (BrokenPipeError, ConnectionResetError):
            return {"lost": self._ended() or "it hung up"}
        except (OSError, ValueError) as error:
            return {"lost": str(error)}
        return answered

    def _heard(self) -> bytes:
        """A line. Raises `TimeoutError`, and `OSError` where it is none."""
        heard = bytearray()
        while not heard.endswith(b"\n"):
            self._line.settimeout(self._left())
            piece = self._line.recv(64 * 1024)
            if not piece:
                raise ConnectionResetError
            heard += piece
            if len(heard) > egress.LARGEST:
                raise OSError(f"the answer is larger than {egress.LARGEST // 1024} KiB")
        return bytes(heard)

    def _ended(self) -> str:
        """How it ended, where it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(0.2)
            return f"it was ended by signal {-code}" if code < 0 else f"it ended with {code}"
        return ""

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
