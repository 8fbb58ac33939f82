"""The agent's end of a callback: a real server, and messages that are owed to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from suggestions.answering import callbacks
from suggestions.models import Callback, CallbackEndpoint


class Hook(ThreadingHTTPServer):
    """Keeps what it was told, answers as it was told to: status, headers, body."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def origin(self) -> str:
        return f"http://{self.place}"

    def will_answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", times: int = 1
    ) -> None:
        self.answers += [(status, headers or {}, body)] * times

    @property
    def ids(self) -> list[str]:
        """Of the messages it was told, in order."""
        return [headers["webhook-id"] for headers, _ in self.heard]


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((dict(self.headers.items()), body))
        status, headers, said = self.server.answers.pop(0) if self.server.answers else (204, {}, b"")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.fixture
def hook(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)
    server = Hook()
    settings.CALLBACK_ALLOW = [server.place]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def owe(propose: Callable[..., Any], hook: Hook) -> Callable[..., Callback]:
    """`owe(type, **data)` owes the agent one more message, each about a proposal of its own."""

    def owed(type: str = "execution.succeeded", to: Hook = hook, **data: Any) -> Callback:
        proposal = propose(callback_url=f"{to.origin}/hooks?x=1")
        callback = callbacks.owe(proposal, type, {"status": "succeeded", **data})
        assert callback is not None
        return callback

    return owed


@pytest.fixture
def owed(owe: Callable[..., Callback]) -> Callback:
    return owe(note="größer \u2028")


def state(callback: Callback) -> tuple[str, int, str]:
    callback.refresh_from_db()
    return callback.status, callback.attempts, callback.last_error


def make_due(*callbacks: Callback) -> None:
    ids = [callback.pk for callback in callbacks]
    Callback.objects.filter(pk__in=ids, status="waiting").update(due_at=Now())


def later(hours: float) -> None:
    """So much time passes, as far as failing endpoints, and messages that wait, can tell."""
    passed = timedelta(hours=hours)
    CallbackEndpoint.objects.update(
        failing_since=F("failing_since") - passed,
        paused_at=F("paused_at") - passed,
        probe_due_at=F("probe_due_at") - passed,
        busy_until=F("busy_until") - passed,
    )
    Callback.objects.update(due_at=F("due_at") - passed, queued_at=None)
