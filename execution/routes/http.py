"""A call over HTTP, and what its answer means."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from audit.ground import egress
from audit.ground.ids import uuid7
from execution.routes import authorising, oauth2
from execution.routes.filling import address_of, filled, written
from execution.routes.result import (
    FAILED,
    NOT_SENT,
    REFUSED,
    SUCCEEDED,
    UNKNOWN,
    How,
    NoRead,
    Read,
    Result,
    Unusable,
    kept,
)
from governance.actions.credentials import named
from governance.actions.route_kinds import HttpRoute
from governance.actions.templates import KNOWN_AFTER
from governance.expressions import cel_bounds
from governance.expressions.cel import BadExpression, Expression, NoAnswer

NOT_DONE = {425, 429}  # the service says that it has not begun
LATER = {408, 425, 429}  # and the server's errors: they may pass


def call(route: HttpRoute, known: Mapping[str, Any], how: How) -> Result:
    """Make one call and judge it. Never raises for what the other side does.

    Raises `vault.NotRevealed` where a secret that it needs is not to be had: nothing was sent.
    """
    try:
        url = address_of(route, known)
        content = _content(route, known)
        message = how.headers.get("idempotency-key", "")
        carried = authorising.carried(route, known, content, message=message, until=how.began + how.timeout)
        sent = _with_type({**carried.headers, **how.headers}, content)
        answer = egress.request(
            route.method,
            url,
            door=egress.Door.ROUTES,
            headers=sent,
            content=content,
            timeout=how.timeout,
            began=how.began,
            may_send=how.may_send,
            certificate=carried.certificate,
        )
    except oauth2.NoToken as error:
        return Result(error.outcome, f"{NOT_SENT}{error}.", error.retry_after)
    except (Unusable, egress.Refused) as error:
        return Result(REFUSED, f"{NOT_SENT}{error}.")
    except egress.NotSent as error:
        return Result(FAILED, f"{NOT_SENT}{error}.")
    except egress.Lost as error:
        return Result(UNKNOWN, f"Sent, but no answer: {error}.")
    result = judge(answer, known, success_when=how.success_when, repeatable=how.repeatable)
    if answer.status == 401 and carried.token and result.outcome != SUCCEEDED:
        return _token_refused(answer, carried.token)
    return result


def asked(route: HttpRoute, known: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What `call` sends, where `headers` go with it. Raises `Unusable`."""
    content = _content(route, known)
    carried = authorising.named(route, message=headers["idempotency-key"])
    told = {
        "method": route.method,
        "url": address_of(route, known),
        "headers": _with_type({**carried, **headers}, content),
    }
    if route.client_certificate:
        told["certificate"] = named(route.client_certificate)
    return {**told, "body": json.loads(content)} if content else told


def _token_refused(answer: egress.Answer, token: oauth2.Token) -> Result:
    """401 says that nothing was done for want of good credentials. One that was kept may have been taken back
    early: it is tried again with another one, which is not given up in its turn."""
    token.drop()
    return _of(answer, REFUSED if token.is_new else FAILED, "HTTP 401: the token was not taken.")


def judge(
    answer: egress.Answer, known: Mapping[str, Any], *, success_when: str, repeatable: bool, said: str = ""
) -> Result:
    """What an answer means. Other kinds of route, whose answers are judged alike, have `said` it in words.

    Success is what the condition says. Otherwise: 429 and 425, and 503 with `Retry-After`, say that
    nothing was begun: later again. 408 and the server's other errors may follow an effect: unknown,
    unless asking twice acts once. Everything else is a refusal, final for this route where asking
    twice could act twice or where the request itself is at fault.
    """
    said, heard = said or f"HTTP {answer.status}.", response(answer)
    try:
        succeeded = Expression(success_when, KNOWN_AFTER).holds({**known, "response": heard})
    except (NoAnswer, BadExpression) as error:
        if answer.status < 300:
            return _of(answer, UNKNOWN, f"{said} Success cannot be told: {error}.")
        succeeded = False
    if succeeded:
        return _of(answer, SUCCEEDED, said, told=heard["json"])
    wait = answer.retry_after
    if answer.status in NOT_DONE or (answer.status == 503 and "retry-after" in answer.headers):
        return _of(answer, FAILED, said, wait)
    if answer.status in LATER or answer.status >= 500:
        return _of(answer, FAILED if repeatable else UNKNOWN, said, wait)
    if repeatable and (answer.status == 409 or answer.status < 300):
        # 409 is how a service says that the first request with this key is still under way.
        return _of(answer, FAILED, said, wait)
    return _of(answer, REFUSED, said)


def _of(answer: egress.Answer, outcome: str, detail: str, retry_after: float = 0, told: Any = None) -> Result:
    return Result(outcome, detail, retry_after, answer.status, kept(answer.text), digest_of(answer), told)


def read(route: HttpRoute, known: Mapping[str, Any], timeout: float) -> Read:
    """Ask, changing nothing. Raises `NoRead` where no answer can be had, and `vault.NotRevealed`."""
    began = time.monotonic()
    try:
        url = address_of(route, known)
        content = _content(route, known)
        carried = authorising.carried(route, known, content, message=str(uuid7()), until=began + timeout)
        answer = egress.request(
            route.method,
            url,
            door=egress.Door.ROUTES,
            headers=_with_type(carried.headers, content),
            content=content,
            timeout=timeout,
            began=began,
            certificate=carried.certificate,
        )
    except (Unusable, oauth2.NoToken, egress.Refused, egress.NotSent, egress.Lost) as error:
        raise NoRead(str(error)) from error
    if answer.status == 401 and carried.token:
        carried.token.drop()
    return Read(**response(answer), digest=digest_of(answer))


def response(answer: egress.Answer) -> dict[str, Any]:
    """The answer as expressions see it; JSON that holds too much for them reads as none."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    content = answer.json
    if not cel_bounds.fits(content, cel_bounds.ANSWER):
        content = None
    return {"status": answer.status, "json": content, "text": answer.text, "headers": headers}


def digest_of(answer: egress.Answer) -> str:
    """Names the body of an answer without telling it."""
    return "sha256:" + hashlib.sha256(answer.body).hexdigest()


def _with_type(headers: dict[str, str], content: bytes) -> dict[str, str]:
    return {**headers, "content-type": "application/json"} if content else headers


def _content(route: HttpRoute, known: Mapping[str, Any]) -> bytes:
    if route.body is None and route.method in ("GET", "DELETE"):
        return b""
    return written(known["args"] if route.body is None else filled(route.body, known))
