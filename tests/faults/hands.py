"""Who does what no worker does: agents, a team by hand, and the service that tells when it is done.

As bad as such are: some take it and fall silent, before they acted or after, some tell late, twice or
otherwise than before, and two ask at the same moment. What each does is drawn from seed and order; who is
asked for the same again insists.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

from tests.faults.client import Answer, Client
from tests.faults.downstream import Call, Downstream
from tests.faults.load import Case, Load
from tests.faults.people import WITHIN
from tests.faults.system import HAND_BACK_LEASE, System

LOOKS_EVERY = 0.3  # seconds
UNHEARD = 4  # seconds after which an agent asks for what it was not told of
HESITATES = 1.5  # seconds before its time is over, when nobody begins any more
AT_ONCE = 16
AGENTS = {
    "well": 48,
    "again": 10,
    "two": 12,
    "ignores": 6,
    "leaves": 6,
    "unreported": 6,
    "late": 6,
    "fails": 6,
}
TEAM = {"well": 60, "two": 10, "leaves": 8, "gives up": 8, "unreported": 6, "late": 8}
SERVICE = {"well": 60, "later": 10, "twice": 10, "otherwise": 6, "odd": 4, "never": 10}
INSISTS = "insists"  # at a service that honours keys: asks again until it says that it is done
TRIES = 4
SIGNAL = {"signal": "settled", "data": {"state": "done"}}


class Hands:
    """Use it as a context. What they were answered is noted with the cases, as `deeds`."""

    def __init__(self, system: System, shop: Downstream, inbox: Downstream, load: Load, seed: str) -> None:
        self.system, self.shop, self.inbox, self.load, self.seed = system, shop, inbox, load, seed
        self.client = Client(system.port)
        self._turns: Counter[str] = Counter()
        self._busy: set[str] = set()
        self._going = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hands")
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Hands:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._going.set()
        self._thread.join(30)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        while not self._going.wait(LOOKS_EVERY):
            for order, message in _all_of(self.inbox.heard):
                if message["type"] == "execution.handed_back":
                    self._see_to(order, AGENTS, self._as_agent, order)
            for call in _all_of(self.shop.did):
                if self.load.of[call.order].action == "pay_and_wait":
                    self._see_to(f"{call.order} settles", SERVICE, self._as_service, call.order, call)
            with contextlib.suppress(psycopg.Error):
                for order, task in self._unheard():
                    if task:
                        self._see_to(order, TEAM, self._by_hand, order, task)
                    else:
                        self._see_to(order, AGENTS, self._as_agent, order)

    def _unheard(self) -> Iterable[tuple[str, str]]:
        """What waits for a team; and for agents, where no callback told them of it."""
        with psycopg.connect(self.system.database) as connection:
            return connection.execute(_WAITING, [UNHEARD]).fetchall()

    def _see_to(
        self, what: str, ways: dict[str, int], see_to: Callable[..., None], order: str, *given: Any
    ) -> None:
        """Have it done by a thread, unless one is at it."""
        if what in self._busy:
            return
        self._busy.add(what)
        self._turns[what] += 1
        case, rng = self.load.of[order], random.Random(f"{self.seed} {what}")
        [drawn] = rng.choices(list(ways), list(ways.values()))
        way = drawn if self._turns[what] == 1 else INSISTS

        def work() -> None:
            try:
                see_to(case, rng, way, *given)
            except Exception as error:
                case.problem = f"{type(error).__name__}: {error}"
            finally:
                self._busy.discard(what)

        self._pool.submit(work)

    def _ask(self, case: Case, deed: str, path: str, key: str, body: Any = None) -> Answer:
        answer = self.client.ask("POST", path, key, body)
        case.deeds.append((deed, answer))
        return answer

    # --- An agent ---------------------------------------------------------------------------

    def _as_agent(self, case: Case, rng: random.Random, way: str) -> None:
        if way == "ignores" and case.action != "agent_pays":  # whose time is hours
            time.sleep(WITHIN)
            return
        other = threading.Thread(target=self._begin, args=(case,))
        if way == "two":  # a second process asks, and would do nothing
            other.start()
        grant = self._begin(case)
        if way == "two":
            other.join()
        if grant is None or way == "leaves":
            return
        key = grant["idempotency_key"]
        if way != "fails" and not self._act(way, grant["step"], grant["arguments"], key):
            return  # it may have acted: nobody knows
        if way == "late":
            time.sleep(HAND_BACK_LEASE + rng.uniform(-1, 3))
        if way != "unreported":
            self._report(case, grant, "failed" if way == "fails" else "succeeded")
        if way == "again":
            self._report(case, grant, "succeeded")

    def _begin(self, case: Case) -> dict[str, Any] | None:
        """What it was granted, if there is time for it."""
        path = f"proposals/{case.proposal}/execution/begin/"
        answer = self._ask(case, "begin", path, self.system.keys["agent"], {"holder": "a process"})
        return answer.body if answer.status == 200 and _has_time(answer.body["lease_until"]) else None

    def _report(self, case: Case, grant: dict[str, Any], outcome: str) -> None:
        body = {"outcome": outcome, "token": grant["token"]}
        self._ask(case, outcome, f"proposals/{case.proposal}/result/", self.system.keys["agent"], body)

    # --- A team -----------------------------------------------------------------------------

    def _by_hand(self, case: Case, _rng: random.Random, way: str, task: str) -> None:
        if way == "leaves":
            time.sleep(WITHIN)
            return
        ana, ben = self.system.keys["reviewers"]
        taken = self._ask(case, "claim", f"manual-tasks/{task}/claim/", ana)
        if taken.status != 200 or not _has_time(taken.body["deadline"]):
            return
        if way == "gives up":
            self._ask(
                case, "given up", f"manual-tasks/{task}/given-up/", ana, {"reason": "The till is shut."}
            )
            return
        asked = taken.body["arguments"]
        if not self._act(way, taken.body["step"], asked, task) or way == "unreported":
            time.sleep(WITHIN)
            return
        if way == "late":
            time.sleep(WITHIN)
        for who in (ana, ben) if way == "two" else (ana,):
            self._ask(case, "done", f"manual-tasks/{task}/done/", who, {"answer": {"receipt": case.order}})

    # --- The service ------------------------------------------------------------------------

    def _as_service(self, case: Case, rng: random.Random, way: str, call: Call) -> None:
        if way == "later":
            time.sleep(rng.uniform(1, 3))
        odd = {**SIGNAL, "data": {"state": "odd"}}
        told = {"never": [], "odd": [odd], "twice": [SIGNAL, SIGNAL], "otherwise": [SIGNAL, odd]}
        execution = call.key.partition("/")[0]
        for body in told.get(way, [SIGNAL]):
            self._ask(case, "signal", f"executions/{execution}/signals/", self.system.keys["agent"], body)

    # --- Acting -----------------------------------------------------------------------------

    def _act(self, way: str, step: str, arguments: dict[str, Any], key: str) -> bool:
        """Do it at the service; False where it may have been done or not."""
        path, tries = (f"/keyed/{step}", TRIES) if way == INSISTS else (f"/bare/{step}", 1)
        return any(self._try(path, arguments, key) for _ in range(tries))

    def _try(self, path: str, arguments: dict[str, Any], key: str) -> bool:
        host, _, port = self.shop.place.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=self.shop.patience)
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        try:
            connection.request("POST", path, json.dumps(arguments), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return answer.status == 200


_WAITING = """
SELECT p.subject_id, coalesce(t.id::text, '')
  FROM execution_execution e JOIN suggestions_proposal p ON p.id = e.proposal_id
  LEFT JOIN execution_manualtask t ON t.execution_id = e.id AND t.round = e.round AND t.status = 'open'
 WHERE e.status = 'handed_back' AND e.deadline > statement_timestamp()
   AND (t.id IS NOT NULL OR e.timed_from <= statement_timestamp() - make_interval(secs => %s))
"""


def _all_of(waiting: SimpleQueue[Any]) -> Iterable[Any]:
    with contextlib.suppress(Empty):
        while True:
            yield waiting.get_nowait()


def _has_time(until: str) -> bool:
    """Whether this moment is not near: whoever looks afterwards has to find what was done."""
    return datetime.fromisoformat(until).timestamp() - time.time() > HESITATES
