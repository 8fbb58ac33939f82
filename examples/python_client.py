"""An agent's side of the API, with nothing but httpx: propose, wait, and learn what came of it.

    REVIEWAPP_KEY=rk_… python examples/python_client.py

Copy `Reviewapp` into an agent; what is below it is one conversation with the demo's shop.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

HOLDER = f"{socket.gethostname()}, process {os.getpid()}"  # told to whoever begins later
LONGEST_WAIT = 50  # seconds that one request is held; the API allows 55


class Refused(Exception):
    """The API understood the request and says no; sending it again would not help."""


class DidNothing(Exception):
    """What was to be carried out had no effect, for certain."""


class Reviewapp:
    """One agent, talking to reviewapp."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=LONGEST_WAIT + 10)

    def propose(self, proposal: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Hand a proposal in, once, however often the network makes us try.

        Give the `key` of the case you work on (an order, a ticket and a step), so that an agent that
        was restarted does not propose the same thing again.
        """
        return self._post("proposals/", proposal, {"Idempotency-Key": key or uuid.uuid4().hex})

    def answer(self, proposal_id: str, *, within: float = 3600) -> dict[str, Any]:
        """The proposal as soon as it is resolved; still pending when `within` seconds have passed."""
        until = time.monotonic() + within
        while True:
            wait = max(0, min(LONGEST_WAIT, int(until - time.monotonic())))
            proposal = self._get(f"proposals/{proposal_id}/", wait=wait)
            if proposal["status"] != "pending" or wait == 0:
                return proposal

    def execution(self, proposal_id: str, *, within: float = 120) -> dict[str, Any]:
        """What came of an approved proposal: succeeded, failed, or in a person's hands."""
        until = time.monotonic() + within
        while True:
            execution = self._get(f"proposals/{proposal_id}/execution/")
            if execution["status"] not in ("scheduled", "running") or time.monotonic() > until:
                return execution
            time.sleep(1)

    def carry_out(self, proposal_id: str, act: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
        """Carry out what was handed back: begin, act, report. Raises `Refused` where another process has it.

        `act` gets the grant: exactly its `arguments` are approved, and a service that honours keys should
        get its `idempotency_key`. It has until `lease_until`, says in words what it did, and raises
        `DidNothing` only where it is certain that nothing happened. Where it raises anything else, or we are
        killed, nothing is reported: the lease runs out, and a person looks at what became of it.
        """
        asked = time.monotonic()
        grant = self._post(f"proposals/{proposal_id}/execution/begin/", {"holder": HOLDER}, {})
        if time.monotonic() - asked > _seconds(grant):
            raise Refused("The lease was over before anything began; a person looks at it.")
        try:
            result = {"outcome": "succeeded", "detail": act(grant)}
        except DidNothing as error:
            result = {"outcome": "failed", "detail": str(error)}
        return self._post(f"proposals/{proposal_id}/result/", {**result, "token": grant["token"]}, {})

    def withdraw(self, proposal_id: str, reason: str = "") -> dict[str, Any]:
        """Take a pending proposal back."""
        return self._post(f"proposals/{proposal_id}/withdraw/", {"reason": reason}, {})

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._asked("GET", path, params=query)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        return self._asked("POST", path, json=body, headers=headers)

    def _asked(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask until there is an answer; what is temporary is asked again, later and later."""
        for attempt in range(8):
            try:
                answer = self.http.request(method, path, **request)
            except httpx.TransportError:
                time.sleep(min(30, 2**attempt))
                continue
            if answer.status_code in (429, 503) or _is_in_flight(answer):
                time.sleep(float(answer.headers.get("Retry-After", min(30, 2**attempt))))
                continue
            if answer.is_success:
                return dict(answer.json())
            raise Refused(_sentence(answer))
        raise ConnectionError("reviewapp does not answer.")


def _seconds(grant: dict[str, Any]) -> float:
    """How long a lease lasts, by the server's clock alone."""
    begun, until = (datetime.fromisoformat(grant[name]) for name in ("begun_at", "lease_until"))
    return (until - begun).total_seconds()


def _is_in_flight(answer: httpx.Response) -> bool:
    """Another request with the same key is still being answered."""
    return answer.status_code == 409 and "still-in-flight" in answer.text


def _sentence(answer: httpx.Response) -> str:
    problem = answer.json()
    fields = [f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", [])]
    return " ".join([str(answer.status_code), problem["detail"], *fields])


def refund(grant: dict[str, Any]) -> str:
    """Where an agent calls its own tool, with the arguments of the grant and with nothing else."""
    return f"Refunded {grant['arguments']['amount']} as {grant['idempotency_key']}."


def main() -> None:
    app = Reviewapp(os.environ.get("REVIEWAPP_URL", "http://localhost:8000"), os.environ["REVIEWAPP_KEY"])
    proposal = app.propose(
        {
            "title": "Refund a leaking water bottle",
            "subject": {"type": "customer", "id": "customer-19102"},
            "context": {"messages": [{"role": "user", "content": "The bottle from order #D1005 leaks."}]},
            "suggestions": [
                {
                    "rank": 1,
                    "action": "refund_payment",
                    "arguments": {
                        "order_id": "#D1005",
                        "customer_id": "customer-19102",
                        "amount": 18.2,
                        "reason": "leaks",
                    },
                    "confidence": 0.86,
                    "success_probability": 0.93,
                    "explanation": "Within thirty days of the delivery.",
                }
            ],
        }
    )
    print(f"Proposed {proposal['id']}, to be decided by {proposal['deadline']}. Waiting …")
    proposal = app.answer(proposal["id"])
    if proposal["resolution"]:
        resolution = proposal["resolution"]
        print(f"{resolution['status']} by {resolution['actor']}: {resolution['reason'] or 'no reason given'}")
    if proposal["status"] == "approved":
        execution = app.execution(proposal["id"])
        if execution["status"] == "handed_back":
            execution = app.carry_out(proposal["id"], refund)
        print(f"Execution {execution['status']}. {execution['reason']}".strip())


if __name__ == "__main__":
    main()
