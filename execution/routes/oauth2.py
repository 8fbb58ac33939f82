"""Tokens that a service gives to its clients (OAuth 2.0, client credentials), kept while they are good."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote_plus

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

from audit.ground import egress
from execution.routes.result import FAILED, REFUSED
from governance.actions.credentials import OAuth2
from governance.secrets import masking, vault

EARLY = 30.0  # seconds before its end, from which on a token is not used any more
WITHOUT_END = 300.0  # seconds that one is kept of which nothing is said
_MOST = 256
_LATER = {408, 425, 429}  # and the server's errors: it may answer otherwise soon
_PASSING = {"temporarily_unavailable", "server_error"}  # of the errors that the protocol knows
Key = tuple[OAuth2, str]


class NoToken(Exception):
    """None can be had: `outcome` says whether it may be had later. Nothing was sent to the route."""

    def __init__(self, why: str, outcome: str, retry_after: float = 0) -> None:
        super().__init__(f"no token from the token address: {why}")
        self.outcome, self.retry_after = outcome, retry_after


@dataclass(frozen=True)
class Token:
    """`is_new`: fetched for this very call. One that is refused is no use to anybody: `drop` it."""

    value: str
    key: Key
    is_new: bool

    def drop(self) -> None:
        kept = _tokens.get(self.key)
        if kept and kept[0] == self.value:
            _tokens.pop(self.key, None)


_tokens: dict[Key, tuple[str, float]] = {}  # of this process: each with the moment at which it ends
_fetching: dict[Key, threading.Lock] = {}


def token(of: OAuth2, *, user: str, until: float) -> Token:
    """A token that is good, fetched where none is known; before `until` (of `time.monotonic`).

    Whoever asks meanwhile waits for the same one. `user` is the place that the client's secret is revealed
    to. Raises `NoToken`, and `vault.NotRevealed`.
    """
    secret = vault.reveal(of.client_secret, user=user)
    key = (of, hashlib.sha256(secret.encode()).hexdigest())
    with _alone(key, until):
        kept = _tokens.get(key)
        if kept is not None and kept[1] <= time.monotonic():
            kept = None
        value, _ = kept or _keep(key, _fetched(of, secret, until))
    masking.note(value)
    return Token(value, key, is_new=kept is None)


def forget() -> None:
    """Keep no token any more."""
    _tokens.clear()
    _fetching.clear()


@contextmanager
def _alone(key: Key, until: float) -> Iterator[None]:
    lock = _fetching.setdefault(key, threading.Lock())
    if not lock.acquire(timeout=max(0.0, until - time.monotonic())):
        raise NoToken("another request for it takes too long", FAILED)
    try:
        yield
    finally:
        lock.release()


def _keep(key: Key, found: tuple[str, float]) -> tuple[str, float]:
    if len(_tokens) >= _MOST:
        _tokens.clear()
    _tokens[key] = found
    return found


def _fetched(of: OAuth2, secret: str, until: float) -> tuple[str, float]:
    """A new token, and until when it is used."""
    began = time.monotonic()
    headers, body = _request(of, secret)
    try:
        answer = egress.request(
            "POST",
            of.token_url,
            door=egress.Door.ROUTES,
            headers={
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
                **headers,
            },
            content=body.encode(),
            timeout=until - began,
        )
    except egress.Refused as error:
        raise NoToken(str(error), REFUSED) from error
    except (egress.NotSent, egress.Lost) as error:
        raise NoToken(str(error), FAILED) from error
    value, lasts = _read(answer)
    return value, began + max(lasts - EARLY, 0.0)


def _request(of: OAuth2, secret: str) -> tuple[dict[str, str], str]:
    client = BackendApplicationClient(of.client_id)
    more = {"audience": of.audience} if of.audience else {}
    if of.send_as == "body":
        body = client.prepare_request_body(
            scope=of.scope, include_client_id=True, client_secret=secret, **more
        )
        return {}, body
    pair = base64.b64encode(f"{quote_plus(of.client_id)}:{quote_plus(secret)}".encode()).decode()
    masking.note(pair)
    return {"authorization": f"Basic {pair}"}, client.prepare_request_body(scope=of.scope, **more)


def _read(answer: egress.Answer) -> tuple[str, float]:
    """The token in an answer, and the seconds that it lasts. Raises `NoToken`."""
    if answer.status in _LATER or answer.status >= 500:
        raise NoToken(f"HTTP {answer.status}", FAILED, answer.retry_after)
    try:
        found = BackendApplicationClient("").parse_request_body_response(answer.text)
    except OAuth2Error as error:
        outcome = FAILED if error.error in _PASSING else REFUSED
        raise NoToken(f"HTTP {answer.status}, {str(error.error)[:100]}", outcome) from error
    except Exception as error:  # of any kind, for what is no answer at all
        raise NoToken(f"HTTP {answer.status}, which is no answer of a token address", REFUSED) from error
    value, kind = found["access_token"], found.get("token_type", "Bearer")
    if answer.status != 200 or not isinstance(value, str) or not value or str(kind).lower() != "bearer":
        raise NoToken(f"HTTP {answer.status}, without a bearer token", REFUSED)
    lasts = found.get("expires_in")
    return value, float(lasts) if isinstance(lasts, int | float) else WITHOUT_END
