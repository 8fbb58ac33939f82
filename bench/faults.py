"""`python -m bench.faults`: kill all in turn under `manage.py up`; count what is lost, doubled or stuck.

An agent submits, a reviewer approves and workers carry out, lightly, while Valkey is killed and its port
held, and worker, beat, web and PostgreSQL are killed with SIGKILL. Each action has an order of its own, so
that one which was carried out under two keys would be seen. The data is made for this and removed afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
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


class Load:
    """Submits and approves until it is told to stop; an order counts once its approval was confirmed."""

    def __init__(self, port: int, key: str, token: str, outside: int, per_second: float) -> None:
        self.port, self.key, self.token, self.outside = port, key, token, outside
        self.pause = 1 / per_second
        self.approved: dict[str, str] = {}
        self.going = True
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def stop(self) -> None:
        self.going = False
        self.thread.join()

    def _run(self) -> None:
        while self.going:
            order = f"#W{uuid.uuid4().hex[:10]}"
            proposal = self._insist("proposals/", body(order, self.outside), self.key, order)
            suggestion = proposal["suggestions"][0]
            decision = {
                "verdict": "approve",
                "suggestion": suggestion["id"],
                "action_digest": suggestion["action_digest"],
            }
            self._insist(f"proposals/{proposal['id']}/decisions/", decision, self.token, order)
            self.approved[order] = proposal["id"]
            time.sleep(self.pause)

    def _insist(self, path: str, body: Any, key: str, idempotency: str) -> Any:
        """What every client does: send the same again until it is answered."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                headers = {
                    "Host": "localhost",
                    "Authorization": f"Bearer {key}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": idempotency,
                }
                connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status in (200, 201, 409):  # 409: the answer to the first time was lost
                    return said
            except (OSError, http.client.HTTPException, ValueError):
                pass
            finally:
                connection.close()
            time.sleep(0.2)


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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--port", type=int, default=8108)
    parser.add_argument("--per-second", type=float, default=3.0)
    parser.add_argument("--between", type=float, default=8.0, help="seconds of work between two faults")
    parser.add_argument("--held", type=float, default=4.0, help="seconds that Valkey's port is held")
    parser.add_argument("--only", nargs="*", default=list(FAULTS), choices=FAULTS)
    parser.add_argument("--no-demo", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reviewapp-faults-") as folder:
        return _run(options, Path(folder).resolve() / "var")


def _run(options: argparse.Namespace, var: Path) -> int:
    from reviewapp import embedded

    outside = Outside()
    up = Up(var, options.port, outside.port, demo=not options.no_demo)
    try:
        import django

        django.setup()
        key, token = people(outside.port)
        load = Load(options.port, key, token, outside.port, options.per_second)
        time.sleep(options.between)
        for fault in options.only:
            print(f"{len(load.approved):4} approved; kill {fault}", flush=True)
            for what in FAULTS[:-1] if fault == "all" else [fault]:
                up.kill(what, 0.0 if fault == "all" else options.held)
            last = time.monotonic()
            if fault != options.only[-1]:
                time.sleep(options.between)
        load.stop()
        figures = _figures(load, outside, last)
    finally:
        up.process.terminate()
        up.process.wait(30)
        embedded.erase(var)
    print(json.dumps(figures, indent=2))
    return 0 if not (figures["lost"] or figures["doubled"] or figures["stuck"]) else 1


def _figures(load: Load, outside: Outside, last: float) -> dict[str, Any]:
    """Wait until nothing moves any more, and count."""
    moved = rested = None
    while True:
        states, callbacks = still_open(load.approved)
        now = time.monotonic() - last
        if not states["scheduled"] and not callbacks and moved is None:
            moved = now  # what is left, a dead worker had begun: it is due when its lease ends
        if not states["scheduled"] and not states["running"] and not callbacks:
            rested = now
            break
        if now > STUCK_AFTER:
            break
        time.sleep(0.2)
    told = Counter(proposal for proposal, _ in outside.told)
    return {
        "approved": len(load.approved),
        "states": dict(states),
        "lost": sum(order not in outside.calls for order in load.approved),
        "doubled": sum(len(set(keys)) > 1 for keys in outside.calls.values()),
        "sent again under the same key": sum(len(keys) > 1 for keys in outside.calls.values()),
        "stuck": states["scheduled"] + states["running"] + callbacks,
        "told nothing": sum(proposal not in told for proposal in load.approved.values()),
        "seconds after the last fault until everything due has moved": moved and round(moved, 1),
        "seconds until leases of killed workers have ended, too": rested and round(rested, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
