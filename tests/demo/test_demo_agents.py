"""The agents' own behaviour, against a desk that answers what a test tells it to."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]


class ToldDesk(ThreadingHTTPServer):
    """Keeps what it was asked and answers as told: `answers(method, path)` → status, headers, body."""

    daemon_threads = True

    def __init__(self, answers: Callable[[str, str], tuple[int, dict[str, str], Any]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers = answers
        self.submitted: list[tuple[str, dict[str, Any]]] = []
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def has_submitted(self, count: int, seconds: float = 15) -> bool:
        until = time.monotonic() + seconds
        while len(self.submitted) < count and time.monotonic() < until:
            time.sleep(0.02)
        return len(self.submitted) >= count


class _Handler(BaseHTTPRequestHandler):
    server: ToldDesk
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "POST":
            assert self.headers["Authorization"] == "Bearer secret-key"
            self.server.submitted.append((self.headers["Idempotency-Key"], json.loads(raw)))
        status, headers, body = self.server.answers(self.command, self.path)
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def agents(tmp_path, shop) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts one demo agent as a process, proposing to this address."""
    started: list[subprocess.Popen[str]] = []

    def start(url: str) -> subprocess.Popen[str]:
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps({"support-bot": "secret-key"}))
        command = [sys.executable, "-m", "demo.agents", "--url", url, "--keys", str(keys)]
        command += ["--shop", shop.url, "--every", "0.05", "--seed", "1"]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def accepted(number: int, status: str = "pending") -> tuple[int, dict[str, str], Any]:
    return 201, {}, {"id": f"proposal-{number}", "status": status, "resolution": None}


def told(process: subprocess.Popen[str]) -> str:
    process.terminate()
    return process.communicate(timeout=5)[0]


def test_agents_propose_under_a_key_each(agents):
    desk = ToldDesk(lambda m, p: accepted(1) if m == "POST" else (200, {}, {"proposals": [], "next": None}))

    process = agents(desk.url)

    assert desk.has_submitted(5)
    keys = [key for key, _ in desk.submitted[:5]]
    assert len(set(keys)) == 5
    assert "secret-key" not in told(process)


@pytest.mark.parametrize(("status", "headers"), [(429, {"Retry-After": "1"}), (503, {}), (409, {})])
def test_when_told_to_wait_an_agent_waits_and_sends_the_same_again(agents, status, headers):
    asked: list[float] = []

    def answers(method, path):
        if method == "GET":
            return 200, {}, {"proposals": [], "next": None}
        asked.append(time.monotonic())
        return (
            (status, headers, {"detail": "not now"}) if len(asked) == 1 else accepted(len(asked), "blocked")
        )

    desk = ToldDesk(answers)
    agents(desk.url)

    assert desk.has_submitted(3)
    first, second, third = desk.submitted[:3]
    assert first == second
    assert third[0] != first[0]
    assert asked[1] - asked[0] >= 1


def test_what_is_refused_for_good_is_not_sent_again(agents):
    def answers(method, path):
        if method == "GET":
            return 200, {}, {"proposals": [], "next": None}
        return 422, {}, {"detail": "the amount is wrong\nby far"}

    desk = ToldDesk(answers)
    process = agents(desk.url)

    assert desk.has_submitted(1)
    time.sleep(0.5)
    assert len(desk.submitted) == 1
    assert "refused: 422 the amount is wrong·by far" in told(process)


def test_what_is_returned_is_proposed_again_with_the_feedback_answered(agents):
    returned = {"id": "proposal-1", "status": "returned", "resolution": {"reason": "Half would do."}}

    def answers(method, path):
        if method == "POST":
            return accepted(len(desk.submitted))
        if path.startswith("/api/v1/proposals/proposal-1/?wait="):
            return 200, {}, returned
        if path.startswith("/api/v1/proposals/proposal-"):
            return 404, {}, {"detail": "gone"}
        return 200, {}, {"proposals": [], "next": None}

    desk = ToldDesk(answers)
    agents(desk.url)

    assert desk.has_submitted(6)
    revisions = [body for _, body in desk.submitted if body.get("revises")]
    assert [(r["revises"], r["context"]["feedback"]) for r in revisions] == [("proposal-1", "Half would do.")]


def test_agents_add_nothing_when_enough_is_waiting(agents):
    """Pages are followed by their cursor, and never to another host."""
    asked: list[str] = []

    def answers(method, path):
        asked.append(path)
        more = "http://elsewhere.example/api/v1/proposals/?status=pending&cursor=c2"
        return 200, {}, {"proposals": [{"id": str(n)} for n in range(25)], "next": more}

    desk = ToldDesk(answers)
    agents(desk.url)

    until = time.monotonic() + 10
    while len(asked) < 6 and time.monotonic() < until:
        time.sleep(0.02)
    assert "cursor=c2" in asked[1]
    assert desk.submitted == []


def test_agents_wait_for_a_server_that_is_away(agents):
    def answers(method, path):
        return accepted(1) if method == "POST" else (200, {}, {"proposals": [], "next": None})

    gone = ToldDesk(answers)
    gone.shutdown()
    gone.server_close()
    process = agents(gone.url)
    line = process.stdout.readline()
    back = ToldDesk(answers, gone.server_port)

    assert "waiting: ConnectError" in line
    assert back.has_submitted(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_agents_end_at_once_even_in_a_long_poll(agents, number):
    held = threading.Event()

    def answers(method, path):
        if "wait=" in path:
            held.set()
            time.sleep(25)
        return accepted(1) if method == "POST" else (200, {}, {"proposals": [], "next": None})

    process = agents(ToldDesk(answers).url)
    assert held.wait(15)

    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(5) == 0
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"stranger": "k"}', '{"support-bot": "a\\nb"}'])
def test_keys_that_are_none_are_one_line_and_a_failure(tmp_path, content):
    keys = tmp_path / "keys.json"
    keys.write_text(content)

    ended = subprocess.run(
        [sys.executable, "-m", "demo.agents", "--keys", str(keys)], cwd=ROOT, capture_output=True, text=True
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("agents: cannot read the keys: ")
    assert ended.stderr.count("\n") == 1


def test_the_shop_ends_at_once_even_in_a_wished_for_timeout():
    command = [sys.executable, "-m", "demo.shop", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip().removeprefix("shop: open at ")
        httpx.put(f"{url}/faults", json={"match": "/mails", "mode": "timeout_before", "seconds": 60})
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/mails", timeout=0.2)

        process.terminate()

        assert process.wait(5) == 0


def test_a_broken_state_file_stops_the_shop_with_one_line(tmp_path):
    state = tmp_path / "shop.json"
    state.write_text('{"half": ')

    ended = subprocess.run(
        [sys.executable, "-m", "demo.shop", "--port", "0", "--state", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("shop: cannot start: ")
    assert state.read_text() == '{"half": '


@pytest.mark.parametrize("begun", [True, False])
def test_what_is_handed_back_is_begun_carried_out_and_reported(agents, shop, begun):
    order = shop.order()
    arguments = {
        "order_id": order["id"],
        "customer_id": order["customer_id"],
        "amount": 1.0,
        "reason": "broken",
    }
    grant = {
        "action": "refund_payment",
        "arguments": arguments,
        "token": "told-once",
        "idempotency_key": "execution-1/refund",
    }

    def answers(method, path):
        if path.endswith("/begin/"):
            return (200, {}, grant) if begun else (409, {}, {"detail": "This was begun by another process."})
        if path.endswith("/result/"):
            return 200, {}, {"status": "succeeded"}
        if method == "POST":
            return accepted(1)
        if path.endswith("/execution/"):
            return 200, {}, {"status": "handed_back", "arguments": arguments}
        if "/proposal-" in path:
            return 200, {}, {"id": "proposal-1", "status": "approved", "resolution": {}}
        return 200, {}, {"proposals": [], "next": None}

    desk = ToldDesk(answers)
    process = agents(desk.url)
    last = "carried out refund_payment itself: succeeded" if begun else "leaves it alone: 409 This was begun"
    assert any(last in line for line in process.stdout)
    reports = [body for _, body in desk.submitted if "outcome" in body]
    if not begun:
        assert (shop.effects(), reports) == ([], [])
        return
    assert reports[0] == {
        "outcome": "succeeded",
        "detail": "The shop answered 201.",
        "token": "told-once",
    }
    assert ("refund", "execution-1/refund") in shop.effects()
