"""Sending proposals to the API as an agent does: a few at a time, patiently, each under its key."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from suggestions.trying.replay import Recorded

CONNECTIONS = 4
TRIES = 5  # of one request whose answer did not come
MOST_PATIENCE = 300.0  # seconds that a server may ask us to wait in one go
FIRST_WORDS = 8
_VALUE = re.compile(
    r"""^(["[{\d-]|null|true|false).*?(?= is not )""", re.DOTALL
)  # what was sent, before what it is not


class CannotSend(Exception):
    """There is no sense in going on; the message says why."""


@dataclass
class Summary:
    """What became of the rows."""

    rows: int = 0
    nothing_to_propose: int = 0
    accepted: Counter[str] = field(default_factory=Counter)  # by the status they got
    replayed: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    waited_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        sent = self.accepted.total() + self.replayed + self.refused.total()
        return sent / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "accepted": self.accepted.total(),
            "accepted_by_status": dict(self.accepted),
            "replayed": self.replayed,
            "nothing_to_propose": self.nothing_to_propose,
            "refused": self.refused.total(),
            "refused_by_reason": dict(self.refused.most_common()),
            "waited_seconds": round(self.waited_seconds, 1),
            "seconds": round(self.seconds, 2),
            "per_second": round(self.per_second, 1),
        }


class Feed:
    """Feeds recorded requests to one API, `rate` a second or as fast as a few connections go."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        rate: float | None = None,
        tell: Callable[[Summary], None] = lambda _: None,
    ) -> None:
        self.client = client
        self.rate = rate
        self.tell = tell
        self.summary = Summary()
        self._lock = threading.Lock()
        self._not_before = 0.0  # the server asked for a pause until then
        self._stop = threading.Event()

    def run(self, recorded: Iterator[Recorded]) -> Summary:
        """Send everything, at most once each. Raises `CannotSend` and what reading `recorded` raises."""
        began = time.monotonic()
        slots = self._paced(recorded, began)
        with ThreadPoolExecutor(CONNECTIONS) as connections:
            try:
                for worker in [connections.submit(self._send_all, slots) for _ in range(CONNECTIONS)]:
                    worker.result()
            finally:
                self._stop.set()
        self.summary.seconds = time.monotonic() - began
        return self.summary

    def _paced(self, recorded: Iterator[Recorded], began: float) -> Iterator[tuple[Recorded, float]]:
        """Each request with the time it is due."""
        for number, request in enumerate(recorded):
            yield request, began + number / self.rate if self.rate else 0.0

    def _send_all(self, slots: Iterator[tuple[Recorded, float]]) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    slot = next(slots, None)
                if slot is None:
                    return
                self._one(*slot)
        except BaseException:
            self._stop.set()
            raise

    def _one(self, request: Recorded, due: float) -> None:
        if request.body is not None:
            self._stop.wait(max(0.0, due - time.monotonic()))
            answer = self._answered(request)
        with self._lock:
            self.summary.rows += 1
            if request.body is None:
                self.summary.nothing_to_propose += 1
            elif answer is not None:
                self._count(answer)
            self.tell(self.summary)

    def _count(self, answer: httpx.Response) -> None:
        if answer.status_code != 201:
            self.summary.refused[reason_of(answer)] += 1
        elif answer.headers.get("Idempotent-Replayed") == "true":
            self.summary.replayed += 1
        else:
            self.summary.accepted[answer.json()["status"]] += 1

    def _answered(self, request: Recorded) -> httpx.Response | None:
        """The API's final answer; a lost or temporary one is asked for again, under the same key."""
        failed = 0
        while not self._stop.is_set():
            self._wait_as_asked()
            try:
                answer = self._post(request)
            except httpx.TransportError as error:
                failed += 1
                if failed == TRIES:
                    raise CannotSend(f"{self.client.base_url} does not answer: {error}") from error
                self._stop.wait(failed * 0.5)
                continue
            if answer.status_code == 401:
                raise CannotSend("The key is not accepted: give an agent's key with --key or REVIEWAPP_KEY.")
            if answer.status_code == 429:
                self._heed(answer)
            elif answer.status_code >= 500 and failed < TRIES - 1:
                failed += 1
                self._heed(answer)
            else:
                return answer
        return None

    def _post(self, request: Recorded) -> httpx.Response:
        # In ASCII, so that whatever was recorded can be sent, and be refused by the API rather than here.
        content = json.dumps(request.body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": request.key}
        return self.client.post("/api/v1/proposals/", content=content, headers=headers)

    def _heed(self, answer: httpx.Response) -> None:
        """Take the pause that `Retry-After` asks for, all connections together."""
        asked = answer.headers.get("Retry-After", "1")
        pause = min(float(asked) if asked.isdecimal() else 1.0, MOST_PATIENCE)
        with self._lock:
            now = time.monotonic()
            longer = now + pause - max(self._not_before, now)
            self.summary.waited_seconds += max(0.0, longer)
            self._not_before = max(self._not_before, now + pause)
            self.tell(self.summary)

    def _wait_as_asked(self) -> None:
        while (pause := self._not_before - time.monotonic()) > 0 and not self._stop.is_set():
            self._stop.wait(pause)


def reason_of(answer: httpx.Response) -> str:
    """Status, field and first words of a refusal: the same for all that were refused for the same reason."""
    try:
        problem = answer.json()
    except ValueError:
        return str(answer.status_code)
    first = (problem.get("errors") or [{"pointer": "", "detail": problem.get("detail", "")}])[0]
    field = re.sub(r"/\d+", "/*", str(first.get("pointer", "")))
    detail = _VALUE.sub("…", str(first.get("detail", "")).partition(";")[0])
    words = " ".join(detail.split()[:FIRST_WORDS])
    return " ".join(part for part in (str(answer.status_code), field, words) if part)
