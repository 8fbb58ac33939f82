"""Agents that submit and people who decide, over the API; and what they know of it afterwards.

What somebody does is drawn from the cycle's seed. A `Case` holds only what was answered: it is one of the
three accounts that the checker compares.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.faults.client import Answer, Client
from tests.faults.downstream import Downstream
from tests.faults.people import DEPLOYMENT
from tests.faults.system import LEASE, System

AT_ONCE = 6  # clients
KINDS = {
    "approve": 47,
    "agree": 10,
    "pass": 6,
    "edit": 8,
    "reject": 8,
    "undo": 8,
    "race": 5,
    "tamper": 6,
    "leave": 2,
}
ACTIONS = {
    "pay_bare": 18,
    "pay_keyed": 18,
    "pay_in_two": 14,
    "pay_later": 14,
    "agent_pays": 9,
    "agent_pays_then": 7,
    "team_pays": 7,
    "pay_and_wait": 7,
    "pay_in_vain": 6,
}
ACTIONS_OF = {"undo": "pay_later", "tamper": "pay_later", "agree": "pay_by_two", "pass": "pay_at_once"}
FORGED = 999_999.0  # what an approval is changed to behind everybody's back


@dataclass
class Case:
    """One order, and what its clients were told.

    `meant` are the amounts that somebody tried to approve since the last undoing, `said` what was done and
    what was answered to it, in order; `deeds` the same of those who carry it out, in whichever order.
    """

    order: str
    action: str
    kind: str
    amount: float
    proposal: str = ""
    suggestion: str = ""
    digest: str = ""
    status: str = ""  # when it was handed in
    meant: list[float] = field(default_factory=list)
    said: list[tuple[str, Answer]] = field(default_factory=list)
    deeds: list[tuple[str, Answer]] = field(default_factory=list)
    problem: str = ""
    is_forged: bool = False  # what was approved was changed behind everybody's back, as far as is known


class Load:
    """Clients that work through what a cycle asks of them."""

    def __init__(self, system: System, inbox: Downstream) -> None:
        self.system, self.inbox = system, inbox
        self.client = Client(system.port)
        self.cases: list[Case] = []
        self.of: dict[str, Case] = {}  # by order
        self._bursts: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="client")

    def burst(self, name: str, count: int, rng: random.Random) -> tuple[list[Case], Future[None]]:
        """Begin so many cases at once; the future is done when all are answered."""
        cases = [_drawn(f"#{name}-{number}", rng) for number in range(count)]
        self.cases += cases
        self.of |= {case.order: case for case in cases}
        done: Future[None] = Future()
        self._bursts.append(done)
        threading.Thread(target=self._work, args=(cases, name, done), daemon=True).start()
        return cases, done

    def wait(self) -> None:
        """Until every client has its answer."""
        for burst in self._bursts:
            burst.result()

    def give_up(self) -> None:
        """Begin nothing more: the system is gone."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, cases: list[Case], name: str, done: Future[None]) -> None:
        try:
            together = cases[: len(cases) // 2]
            if together:
                self._submit_together(together, name)
            list(self._pool.map(self._handle, cases))
            done.set_result(None)
        except Exception as error:
            done.set_exception(error)

    # --- Agents -----------------------------------------------------------------------------

    def _submit_together(self, cases: list[Case], name: str) -> None:
        body = {"proposals": [{**self._proposal(case), "idempotency_key": case.order} for case in cases]}
        key = self.system.keys["agent"]
        answer = self.client.ask("POST", "proposals/batch/", key, body, idempotency=f"batch {name}")
        if answer.status != 201:
            return  # an earlier try is under way: each asks for itself
        for case, result in zip(cases, answer.body["results"], strict=True):
            _keep(case, result["proposal"])

    def _submit(self, case: Case) -> None:
        key = self.system.keys["agent"]
        answer = self.client.ask("POST", "proposals/", key, self._proposal(case), idempotency=case.order)
        if answer.status != 201:
            raise RuntimeError(f"{case.order} was refused: {answer}")
        _keep(case, answer.body)

    def _proposal(self, case: Case) -> dict[str, Any]:
        return {
            "title": f"Pay {case.amount}",
            "summary": "The customer asks for it.",
            "subject": {"type": "order", "id": case.order},
            "suggestions": [
                {
                    "rank": 1,
                    "action": case.action,
                    "arguments": {"order_id": case.order, "amount": case.amount},
                    "confidence": 0.9,
                    "success_probability": 0.9,
                    "explanation": "It was promised.",
                }
            ],
            "provenance": {"deployment": DEPLOYMENT},
            "callback_url": f"{self.inbox.url}/told/{case.order[1:]}",
        }

    # --- People -----------------------------------------------------------------------------

    def _handle(self, case: Case) -> None:
        try:
            if not case.proposal:
                self._submit(case)
            _HANDLED[case.kind](self, case)
        except Exception as error:
            case.problem = f"{type(error).__name__}: {error}"

    def _approve(self, case: Case, who: int = 0) -> None:
        self._say_yes(case, case.amount, who)

    def _agree(self, case: Case) -> None:
        """Two people have to approve it."""
        self._approve(case, 0)
        self._approve(case, 1)

    def _pass(self, case: Case) -> None:
        """The policy lets it pass, unless too many failed that had passed."""
        case.meant.append(case.amount)
        if case.status == "pending":
            self._approve(case)

    def _edit(self, case: Case) -> None:
        self._say_yes(case, round(case.amount / 2, 2), 0)

    def _say_yes(self, case: Case, amount: float, who: int) -> None:
        case.meant.append(amount)
        body = {"verdict": "approve", "suggestion": case.suggestion, "action_digest": case.digest}
        if amount != case.amount:
            body |= {"arguments": {"order_id": case.order, "amount": amount}, "reason": "Half of it."}
        self._decide(case, body, who)

    def _reject(self, case: Case, who: int = 0) -> None:
        self._decide(case, {"verdict": "reject", "reason": "Not promised."}, who)

    def _decide(self, case: Case, body: dict[str, Any], who: int) -> None:
        reviewer = self.system.keys["reviewers"][who]
        answer = self.client.ask("POST", f"proposals/{case.proposal}/decisions/", reviewer, body)
        is_last = answer.status != 201 or answer.body["resolution"]
        case.said.append((body["verdict"] if is_last else "agree", answer))

    def _undo(self, case: Case) -> None:
        """Approve, undo within the grace, and say no, or yes to something else."""
        self._approve(case)
        reviewer = self.system.keys["reviewers"][0]
        answer = self.client.ask("POST", f"proposals/{case.proposal}/undo/", reviewer)
        case.said.append(("undo", answer))
        if answer.status == 200:
            case.meant.clear()
            say_again = self._edit if case.amount > 200 else self._reject
            say_again(case)

    def _race(self, case: Case) -> None:
        """Two people say opposite things at the same moment."""
        other = threading.Thread(target=self._reject, args=(case, 1))
        other.start()
        self._approve(case)
        other.join()

    def _tamper(self, case: Case) -> None:
        """Approve, and change what was approved in the database, before it is carried out."""
        self._approve(case)
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.system.database) as connection:
            done = connection.execute(_FORGE, {"proposal": case.proposal, "amount": str(FORGED)})
            connection.commit()
            case.is_forged = done.rowcount == 1

    def _leave(self, _case: Case) -> None:
        """Say nothing."""


_FORGE = """
UPDATE suggestions_resolution SET arguments = jsonb_set(arguments, '{amount}', %(amount)s::jsonb)
 WHERE proposal_id = %(proposal)s
   AND EXISTS (SELECT FROM execution_execution e
                WHERE e.proposal_id = %(proposal)s AND e.status = 'scheduled'
                  AND e.due_at > statement_timestamp() + interval '200 ms')
"""
_HANDLED: dict[str, Callable[[Load, Case], None]] = {
    "approve": Load._approve,
    "agree": Load._agree,
    "pass": Load._pass,
    "edit": Load._edit,
    "reject": Load._reject,
    "undo": Load._undo,
    "race": Load._race,
    "tamper": Load._tamper,
    "leave": Load._leave,
}


def _drawn(order: str, rng: random.Random) -> Case:
    [kind] = rng.choices(list(KINDS), list(KINDS.values()))
    [drawn] = rng.choices(list(ACTIONS), list(ACTIONS.values()))
    action = ACTIONS_OF.get(kind, drawn)
    return Case(order, action, kind, rng.randrange(200, 40_000) / 100)


def _keep(case: Case, proposal: dict[str, Any]) -> None:
    [suggestion] = proposal["suggestions"]
    case.proposal, case.suggestion = proposal["id"], suggestion["id"]
    case.digest, case.status = suggestion["action_digest"], proposal["status"]


class Operator:
    """A person who looks after what asks for one: into the books of the shop, and then has it tried again,
    undone, or says that it is done. Use it as a context."""

    LOOKS_EVERY = 0.5  # seconds
    WAITS = LEASE / 2  # seconds since it asked: by then a request that is under way has arrived

    def __init__(self, system: System, shop: Downstream) -> None:
        self.system, self.shop = system, shop
        self.client = Client(system.port)
        self.attended = 0
        self._going = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Operator:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._going.set()
        self._thread.join(30)

    def _work(self) -> None:
        while not self._going.wait(self.LOOKS_EVERY):
            with contextlib.suppress(psycopg.Error):
                for asking in self._asking():
                    self._attend(*asking)

    def _asking(self) -> Iterable[tuple[str, str, int, list[str], str]]:
        with psycopg.connect(self.system.database) as connection:
            return connection.execute(_ASKING, [self.WAITS]).fetchall()

    def _attend(self, execution: str, order: str, seen: int, steps: list[str], undo: str) -> None:
        """Undo what is offered to be undone; else look into the books."""
        self.shop.settle()
        done = {call.path.rpartition("/")[2] for call in self.shop.effects(order)}
        if undo:
            self._do("undo/approve", execution, digest=undo, reason="Nothing came of it.")
        elif set(steps) <= done:
            self._do("mark-done", execution, evidence="It stands in the books of the shop.")
        else:  # a step before the last honours its key
            self._do("retry", execution, checked="1", round=str(seen), reason="It is not in the books.")

    def close_breakers(self) -> None:
        """Have every route asked again, as somebody does who knows that all of it works."""
        client, session = Client(self.system.port), self.system.keys["operator"]
        with psycopg.connect(self.system.database) as connection:
            shut = connection.execute("SELECT route FROM execution_breaker WHERE state <> 'closed'")
            for (route,) in shut.fetchall():
                why = "All of it works again."
                client.fill_in("/executions/breakers/close/", session, route=route, reason=why)

    def _do(self, verb: str, execution: str, **said: str) -> None:
        session = self.system.keys["operator"]
        self.attended += self.client.fill_in(f"/executions/{execution}/{verb}/", session, **said)


# What was refused stays for somebody who finds out why.
_ASKING = """
SELECT e.id::text, p.subject_id, e.round,
       ARRAY (SELECT s.name FROM execution_step s
               WHERE s.execution_id = e.id AND s.status <> 'completed' AND (s.kind = 'undo') = e.undoing
               ORDER BY s.position),
       coalesce((SELECT c.digest FROM execution_compensation c
                  WHERE c.execution_id = e.id AND c.status = 'offered'), '')
  FROM execution_execution e JOIN suggestions_proposal p ON p.id = e.proposal_id
 WHERE e.status = 'needs_attention'
   AND (SELECT type FROM audit_event
         WHERE proposal_id = p.id AND type IN ('execution.refused', 'execution.needs_attention')
         ORDER BY id DESC LIMIT 1) <> 'execution.refused'
   AND greatest(
           e.created_at,
           e.started_at,
           (SELECT max(a.finished_at) FROM execution_attempt a JOIN execution_step s ON s.id = a.step_id
             WHERE s.execution_id = e.id)) < statement_timestamp() - make_interval(secs => %s)
"""
