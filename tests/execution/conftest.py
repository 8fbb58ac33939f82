"""A real downstream service for workflows, and approvals to carry out on it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection


class Downstream(ThreadingHTTPServer):
    """Answers calls by a script, counts effects, and remembers what it was asked.

    A script is a list of answers for a path: a status, `(status, body, headers)`, what makes one of the
    headers and the body that came, or one of "hang up", "silent". The last one is repeated. Without a
    script everything is 201.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, str], Any]] = []
        self.scripts: dict[str, list[Any]] = {}
        self.lock = threading.Lock()
        self.release = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def will(self, path: str, *answers: Any) -> None:
        self.scripts[path] = list(answers)

    def asked(self, path: str) -> list[tuple[dict[str, str], Any]]:
        with self.lock:
            return [(headers, body) for _, asked, headers, body in self.calls if asked == path]


class _Handler(BaseHTTPRequestHandler):
    server: Downstream

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_json = headers.get("content-type", "application/json") == "application/json"
        body = json.loads(raw) if raw and is_json else raw.decode() or None
        with self.server.lock:
            self.server.calls.append((self.command, self.path, headers, body))
            script = self.server.scripts.get(self.path, [201])
            answer = script.pop(0) if len(script) > 1 else script[0]
        if callable(answer):
            answer = answer(headers, body)
        if answer == "hang up":
            self.close_connection = True
            return
        if answer == "silent":
            self.server.release.wait(20)
            self.close_connection = True
            return
        status, content, more = answer if isinstance(answer, tuple) else (answer, {}, {})
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815


@pytest.fixture
def shop(settings: Any) -> Iterator[Downstream]:
    server = Downstream()
    settings.EGRESS_ALLOW = [server.place]
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def mcp_place() -> Iterator[str]:
    """Where the MCP server of the tests listens, for as long as the session lasts; its client is loaded."""
    import execution.routes.mcp_client  # noqa: F401

    started = subprocess.Popen(
        [sys.executable, "-m", "tests.execution.routes.mcp_server"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert started.stdout
    yield f"127.0.0.1:{int(started.stdout.readline())}"
    started.kill()
    started.wait()


@pytest.fixture
def mcp_shop(mcp_place: str, settings: Any) -> str:
    """Its address, which workflows may call."""
    settings.EGRESS_ALLOW = [mcp_place]
    return f"http://{mcp_place}/mcp"


def workflow(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"steps": list(steps)}


def step(*routes: Any, name: str = "refund", **rest: Any) -> dict[str, Any]:
    """A step that does not dawdle; a route is an address to POST to, or a route."""
    of = [{"kind": "http", "url": route} if isinstance(route, str) else route for route in routes]
    retry = {"attempts": 3, "base": "1ms", "cap": "5ms", "within": "1m"}
    return {"name": name, "routes": of, "retry": retry, **rest}


@pytest.fixture
def approved(propose: Callable[..., Any]) -> Callable[..., Any]:
    """`approved(workflow, idempotent=…)` returns the execution of a proposal that was approved."""
    from approvals.deciding import decide
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register
    from governance.models import User
    from suggestions.models import Proposal
    from tests.conftest import REFUND, actor_of, make_person

    def approve(plan: Any, *, idempotent: bool = False, grace: float = 0, **changes: Any) -> Any:
        annotations = {**REFUND["annotations"], "idempotentHint": idempotent}
        register({**REFUND, "workflow": plan, "annotations": annotations}, actor=SYSTEM)
        proposal = propose(**changes)
        Proposal.objects.filter(pk=proposal.pk).update(raised={"grace_seconds": grace})
        approver = User.objects.filter(username="approves").first() or make_person("approves", "reviewer")
        suggestion = proposal.suggestions.select_related("action_type").get(rank=1)
        decided = decide.approve(
            suggestion,
            reviewer=approver,
            actor=actor_of(approver),
            shown_digest=suggestion.action_digest,
        )
        assert decided.resolution
        return decided.resolution.proposal.execution

    return approve


@pytest.fixture
def messages() -> None:
    """Asked for by tests in which messages go to the real broker."""


@pytest.fixture(autouse=True)
def _no_messages(request: Any, monkeypatch: Any) -> None:
    """Tests call the verbs; only those about messages send any."""
    if "messages" not in request.fixturenames:
        monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return found


def run_to_rest(execution: Any, turns: int = 30) -> Any:
    """What sweeper and workers do: run it whenever it is due, until nobody has to."""
    from execution.models import Execution
    from execution.running.run import run

    for _ in range(turns):
        run(execution.pk)
        execution = Execution.objects.get(pk=execution.pk)
        if execution.status != Execution.Status.SCHEDULED:
            return execution
        time.sleep(0.01)
    raise AssertionError(f"still {execution.status} after {turns} turns")


def events_of(execution: Any) -> list[str]:
    from audit.models import Event

    rows = Event.objects.filter(proposal_id=execution.proposal_id).order_by("pk")
    return [e.type for e in rows if not e.type.startswith(("proposal.", "decision."))]


def tried(execution: Any) -> list[tuple[str, str]]:
    """`(route's number, outcome)` of every attempt in order."""
    from execution.models import Attempt

    rows = Attempt.objects.filter(step__execution=execution.pk).order_by("step__position", "number")
    return [(row.route.partition(".")[0], row.outcome) for row in rows]


def tamper(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
