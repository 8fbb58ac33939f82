"""The system under `manage.py up`, the service that it calls, and who uses it: for a restart under load."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.processes import ROOT
from bench.stage import NOT_OURS

ANSWER_SECONDS = 0.1  # of the tool, so that a kill finds some calls under way
STUCK_AFTER = 150.0  # seconds after the last fault
FAULTS = ("valkey", "worker", "beat", "web", "postgres", "all")


class Outside:
    """The tool that is called and the agent that is called back: what arrived, and under which key."""

    def __init__(self) -> None:
        outside = self
        self.calls: dict[str, list[str]] = defaultdict(list)
        self.told: Counter[str] = Counter()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/refunds":
                    outside.calls[body["order_id"]].append(self.headers["Idempotency-Key"])
                    time.sleep(ANSWER_SECONDS)
                else:
                    outside.told[body["data"]["proposal"], body["type"]] += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Up:
    """`manage.py up` on a folder of its own."""

    def __init__(self, var: Path, port: int, outside: int, *, demo: bool, broker: str | None = None) -> None:
        self.var, self.port = var, port
        for name in NOT_OURS:
            os.environ.pop(name, None)
        os.environ.update(
            VAR_DIR=str(var),
            DJANGO_SETTINGS_MODULE="reviewapp.settings",
            RATE_LIMIT="1000000/minute",
            EGRESS_ALLOW=f"127.0.0.1:{outside}",
            CALLBACK_ALLOW=f"127.0.0.1:{outside}",
            **({"CELERY_BROKER_URL": broker} if broker else {}),
        )
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "DEMO": "1" if demo else "0"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        while "Ctrl-C stops it" not in (line := self.lines.get()):
            if not line:
                raise SystemExit("It did not start.")

    def _read(self) -> None:
        for line in self.process.stdout or ():
            print(f"    {line}", end="", flush=True)
            self.lines.put(line)
        self.lines.put("")

    def child(self, name: str) -> int:
        """The process of this name; waits for one that is just starting again."""
        from reviewapp.embedded import processes

        while True:
            for pid in processes.marked(f"up {self.var}"):
                try:
                    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                    environment = Path(f"/proc/{pid}/environ").read_text()
                except OSError:
                    continue
                if parent == self.process.pid and f"PROCESS_NAME={name}\0" in environment:
                    return pid
            time.sleep(0.1)

    def kill(self, what: str, held: float) -> None:
        if what == "valkey":
            self._kill_valkey(held)
        elif what == "postgres":
            os.kill(int((self.home.postgres / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        else:
            os.kill(self.child(what), signal.SIGKILL)

    def _kill_valkey(self, held: float) -> None:
        """Kill it and hold its port, as any program might that happens to take it."""
        from reviewapp.embedded import processes
        from reviewapp.embedded.credentials import Credentials

        credentials = Credentials.of(self.var)
        [pid] = [
            pid for pid in processes.marked(credentials.id) if "valkey-server" in processes.command_of(pid)[0]
        ]
        os.kill(pid, signal.SIGKILL)
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            while held:
                try:
                    thief.bind(("127.0.0.1", credentials.valkey_port))
                    break
                except OSError:  # it is not quite gone
                    time.sleep(0.01)
            thief.listen()
            time.sleep(held)

    @property
    def home(self) -> Any:
        from reviewapp.embedded.credentials import Credentials
        from reviewapp.embedded.home import Home

        return Home.of(self.var, Credentials.of(self.var))


def body(order: str, outside: int) -> dict[str, Any]:
    from bench.given import proposal

    body = proposal(order)
    return {
        **body,
        "suggestions": body["suggestions"][:1],
        "callback_url": f"http://127.0.0.1:{outside}/told",
    }


def people(outside: int) -> tuple[str, str]:
    """An agent's key and a reviewer's token, for an action type that calls our tool."""
    from audit.ground.actors import SYSTEM
    from bench.given import policy, refund
    from governance.actions.action_types import register
    from governance.agents.agents import create_agent
    from governance.door.keys import issue_key, issue_token
    from governance.people.people import create_user
    from tests.ground import put_in_force

    author, second = (
        create_user(f"faults-{name}", roles=["operator"], teams=["operations"], actor=SYSTEM)[0]
        for name in ("author", "second")
    )
    reviewer = create_user("faults-reviewer", roles=["reviewer"], teams=["operations"], actor=SYSTEM)[0]
    register({**refund(outside), "name": "refund_payment"}, actor=SYSTEM)
    put_in_force(policy(2), author=author, second=second)
    agent = create_agent("faults", owner=author, allowed_actions=None, actor=SYSTEM)[0]
    return issue_key(agent, actor=SYSTEM), issue_token(reviewer, actor=SYSTEM)


def still_open(approved: dict[str, str]) -> tuple[Counter[str], int]:
    """How the approved stand, and how many callbacks wait, however often the database has to be asked."""
    from django.db import Error, connection

    from execution.models import Execution
    from suggestions.models import Callback

    while True:
        try:
            mine = list(approved.values())
            states = Counter(Execution.objects.filter(proposal__in=mine).values_list("status", flat=True))
            return states, Callback.objects.filter(proposal__in=mine, status="waiting").count()
        except Error:
            time.sleep(0.2)
        finally:
            connection.close()
