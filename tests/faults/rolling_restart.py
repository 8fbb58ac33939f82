"""`python -m tests.faults.rolling_restart`: restart all processes under load; count what was lost or refused.

Agents submit and a reviewer approves over the API, each request over a new connection and sent once;
workers call a service that takes a moment, and call the agents back. Meanwhile `manage.py restart` runs.
Ends with 1 where an answer was missing or 5xx, or an approved action was not carried out exactly once. With
`--rabbitmq` the broker is a node of RabbitMQ of its own. The data is made for this and removed afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.processes import ROOT
from bench.stage import NOT_OURS
from tests.faults.under_up import Outside, Up, body, people, still_open
from tests.rabbitmq import Node

AGENTS = 3
PAUSE = 0.15  # seconds, of each agent
QUIET = 150.0  # seconds after which what has not moved is lost


class Agent(threading.Thread):
    """Submits one proposal after the other, and has each approved. Insists on nothing: one try each."""

    def __init__(self, port: int, key: str, token: str, outside: int) -> None:
        super().__init__(daemon=True)
        self.port, self.key, self.token, self.outside = port, key, token, outside
        self.answers: Counter[str] = Counter()
        self.approved: dict[str, str] = {}
        self.slowest, self.going = 0.0, True
        self.start()

    def run(self) -> None:
        while self.going:
            order = f"#W{uuid.uuid4().hex[:10]}"
            proposal = self._post("proposals/", body(order, self.outside), self.key, order)
            if proposal:
                first = proposal["suggestions"][0]
                decision = {
                    "verdict": "approve",
                    "suggestion": first["id"],
                    "action_digest": first["action_digest"],
                }
                if self._post(f"proposals/{proposal['id']}/decisions/", decision, self.token, order):
                    self.approved[order] = proposal["id"]
            time.sleep(PAUSE)

    def _post(self, path: str, what: Any, key: str, idempotency: str) -> Any:
        headers = {"Host": "localhost", "Content-Type": "application/json", "Idempotency-Key": idempotency}
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                "POST", f"/api/v1/{path}", json.dumps(what), {**headers, "Authorization": f"Bearer {key}"}
            )
            answer = connection.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.answers[type(problem).__name__] += 1
            return None
        finally:
            connection.close()
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answers[str(answer.status)] += 1
        return said if answer.status in (200, 201) else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.rolling_restart", description=__doc__)
    parser.add_argument("--port", type=int, default=8109)
    parser.add_argument("--times", type=int, default=3, help="restarts")
    parser.add_argument("--rabbitmq", action="store_true", help="as the broker, in the place of Valkey")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reviewapp-restart-"))).resolve()
        if options.rabbitmq:
            (folder / "rabbitmq").mkdir()
            node = Node(folder / "rabbitmq")
            stack.callback(node.stop)
            node.start()
            os.environ["CELERY_BROKER_URL"] = node.url
        return _run(options, folder / "var")


def _run(options: argparse.Namespace, var: Path) -> int:
    from reviewapp import embedded

    broker = os.environ.get("CELERY_BROKER_URL")
    outside = Outside()
    up = Up(var, options.port, outside.port, demo=False, broker=broker)
    try:
        import django

        django.setup()
        key, token = people(outside.port)
        agents = [Agent(options.port, key, token, outside.port) for _ in range(AGENTS)]
        took = [_restart() for _ in range(options.times)]
        for agent in agents:
            agent.going = False
        for agent in agents:
            agent.join(90)
        figures = _figures(agents, outside, took)
    finally:
        began = time.monotonic()
        up.process.terminate()
        up.process.wait(30)
        stopped = time.monotonic() - began
        embedded.erase(var)
    print(json.dumps({**figures, "seconds to stop": round(stopped, 1)}, indent=2))
    return 0 if figures["well"] and stopped < 20 else 1


def _restart() -> float:
    time.sleep(3)
    began = time.monotonic()
    # As an operator's, who knows the folder alone.
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    subprocess.run([sys.executable, "manage.py", "restart"], cwd=ROOT, env=environment, check=True)
    return round(time.monotonic() - began, 1)


def _figures(agents: list[Agent], outside: Outside, took: list[float]) -> dict[str, Any]:
    approved = {order: proposal for agent in agents for order, proposal in agent.approved.items()}
    answers = sum((agent.answers for agent in agents), Counter[str]())
    deadline = time.monotonic() + QUIET
    while time.monotonic() < deadline:
        states, callbacks = still_open(approved)
        if not states["scheduled"] and not states["running"] and not callbacks:
            break
        time.sleep(0.2)
    told = Counter(proposal for proposal, _ in outside.told)
    found = {
        "requests": answers.total(),
        "answers": dict(answers),
        "slowest answer, s": round(max(agent.slowest for agent in agents), 2),
        "approved": len(approved),
        "states": dict(states),
        "not called": sum(order not in outside.calls for order in approved),
        "called twice": sum(len(keys) > 1 for keys in outside.calls.values()),
        "told nothing": sum(proposal not in told for proposal in approved.values()),
        "seconds of each restart": took,
    }
    well = set(answers) == {"201"} and dict(states) == {"succeeded": len(approved)}
    return {
        **found,
        "well": well and not (found["not called"] or found["called twice"] or found["told nothing"]),
    }


if __name__ == "__main__":
    sys.exit(main())
