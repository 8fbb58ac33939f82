"""What every client of an API does: send the same again until it is answered."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

LONGEST = 10.0  # seconds for an answer, then it is asked again
PAUSE = 0.1
GIVES_UP = 180.0
IN_FLIGHT = b"still-in-flight"  # an earlier try is being answered


class Answer(NamedTuple):
    """`is_first` says that no earlier try may have been heard whose answer was lost."""

    status: int
    body: Any
    is_first: bool


class Client(threading.local):
    """A connection for each thread, made anew whenever it is lost."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, key: str, body: Any = None, *, idempotency: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        content = None if body is None else json.dumps(body).encode()
        return self._insist(method, f"/api/v1/{path}", headers, content)

    def fill_in(self, path: str, session: str, **fields: str) -> bool:
        """Send a form of a page, once, as somebody does who is signed in; whether there was an answer.

        Nobody sends a form again who does not know what became of it: they look first.
        """
        token = "c" * 32
        headers = {
            "Cookie": f"{session}; reviewapp_csrf={token}",
            "X-CSRFToken": token,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            status, _ = self._once("POST", path, headers, urlencode(fields).encode())
        except (OSError, http.client.HTTPException):
            status = 0
        if not 0 < status < 500:
            self._hang_up()
        return 0 < status < 500

    def _insist(self, method: str, path: str, headers: dict[str, str], content: bytes | None) -> Answer:
        until, is_first = time.monotonic() + GIVES_UP, True
        while time.monotonic() < until:
            try:
                status, said = self._once(method, path, headers, content)
            except ConnectionRefusedError:
                status = 0  # nobody heard it
            except (OSError, http.client.HTTPException):
                status, is_first = 0, False
            if 0 < status < 500 and status != 429 and IN_FLIGHT not in said:
                return Answer(status, _read(said), is_first)
            is_first = is_first and not status
            self._hang_up()
            time.sleep(PAUSE)
        raise TimeoutError(f"{method} {path} was not answered within {GIVES_UP:.0f} s")

    def _once(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        self.connection.request(method, path, content, {"Host": "localhost", **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def _hang_up(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


def _read(said: bytes) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return None
