"""(d) From a decision over HTTP to the first byte at the service, against a bare way there.

The bare way commits what must be on disk too (the decision, the lease, the attempt) and makes the same call.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
import uuid
from typing import Any

from bench.called import LONGEST, Downstream
from bench.decide import approval
from bench.figures import Figure, compared
from bench.given import proposal
from bench.scale import Scale
from bench.stage import Stage

TOGETHER = 10  # of one, then of the other
PAUSE = 0.03
MOST = 1.5


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, together = scale.of((12, TOGETHER), (4, TOGETHER), (1, 2))
    warm = scale.of(TOGETHER, TOGETHER, 1)
    clock = [] if scale is Scale.TINY else [stage.process("beat")]
    servers = stage.process("api"), stage.process("worker"), stage.bare_worker(), *clock
    with stage.together(*servers) as (api, *_), Downstream(stage.downstream_port) as downstream:
        ways = Decider(stage, api.port, downstream), Durable(stage, downstream), Bare()
        for _ in range(warm):
            for way in ways:  # whoever is slow to start is waited for
                way.once()
        medians = [
            [statistics.median(way.once() for _ in range(together)) for way in ways] for _ in range(rounds)
        ]
        stage.wait_until_carried_out(warm + rounds * together)
    what = "decision to downstream"
    durable, bare = ([(row[0], row[limit]) for row in medians] for limit in (1, 2))
    return [
        compared("d", what, "ms, p50", durable, most=MOST),
        compared("d", f"{what}, beside a message alone", "ms, p50", bare),
    ]


class Decider:
    """Hands in a proposal, approves it, and waits for what comes of it."""

    def __init__(self, stage: Stage, port: int, downstream: Downstream) -> None:
        self.stage = stage
        self.downstream = downstream
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)

    def once(self) -> float:
        """Milliseconds from the decision to its effect."""
        order = uuid.uuid4().hex
        self.connection.close()  # the server may have, while somebody else was slow
        handed_in = self.hand_in(order)
        first = handed_in["suggestions"][0]
        decision = approval(first["id"], first["action_digest"])
        time.sleep(PAUSE)
        began = time.monotonic()
        self._post(f"/api/v1/proposals/{handed_in['id']}/decisions/", decision, self.stage.token)
        return (self.downstream.when(order) - began) * 1000

    def hand_in(self, order: str) -> Any:
        return self._post("/api/v1/proposals/", proposal(order), self.stage.key)

    def _post(self, path: str, body: Any, key: str) -> Any:
        headers = {
            "Host": "localhost",
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        }
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"{path}: {answer.status} {content[:500].decode()}")
        return json.loads(content)


class Bare:
    """Sends a message and waits for the word of who got it: what no way over a worker can be quicker than."""

    def __init__(self) -> None:
        from bench.bare_celery import STAMPS, stamp, stamps

        stamps.delete(STAMPS)
        self.task, self.stamps, self.key, self.number = stamp, stamps, STAMPS, 0

    def once(self) -> float:
        self.number += 1
        time.sleep(PAUSE)
        sent = time.monotonic()
        self.task.delay(self.number)
        told = self.stamps.blpop([self.key], timeout=LONGEST)
        if told is None:
            raise RuntimeError(f"The bare task did not answer within {LONGEST:.0f} s; see bare-celery.log.")
        back = time.monotonic()
        if int(told[1]) != self.number:
            raise RuntimeError("Another task than the one sent answered.")
        return (back - sent) * 1000


class Durable:
    """What must be on disk on the way: the decision, the lease, the attempt; then the call."""

    def __init__(self, stage: Stage, downstream: Downstream) -> None:
        from bench.bare_celery import durable

        with stage.owner() as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS bench_notes (note text NOT NULL)")
            owner.execute("TRUNCATE bench_notes")
            owner.execute("GRANT INSERT ON bench_notes TO PUBLIC")
        self.connection = stage.application()
        self.connection.autocommit = True
        self.task, self.downstream = durable, downstream

    def once(self) -> float:
        order = uuid.uuid4().hex
        time.sleep(PAUSE)
        began = time.monotonic()
        self.connection.execute("INSERT INTO bench_notes (note) VALUES (%s)", [f"{order} decided"])
        self.task.delay(order, self.downstream.port)
        return (self.downstream.when(order) - began) * 1000
