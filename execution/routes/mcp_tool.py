"""A call of a tool of an MCP server, and what its answer means.

An answer is judged as one over HTTP would be (`http.judge`): a result has the status 200 and as its JSON
what the tool returned as structured content, else what stands in its text. A tool that answers with
`isError` may have done a part before: 500, which is unknown unless asking twice acts once; or 422, a refusal,
where the route says `errors: refused`. A protocol error that names a fault of the request is 400, others are
500. What asks back for input is 428: more is asked than was approved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from audit.ground import egress
from execution.routes import http
from execution.routes.aside import Errand
from execution.routes.authorising import in_headers, place_of
from execution.routes.filling import address_of, filled, written
from execution.routes.result import (
    FAILED,
    NOT_SENT,
    REFUSED,
    UNKNOWN,
    How,
    NoRead,
    Read,
    Result,
    Unusable,
)
from governance.actions.route_kinds import McpRoute


def call(route: McpRoute, known: Mapping[str, Any], how: How) -> Result:
    """Call the tool once and judge its answer. Never raises for what the other side does."""
    try:
        errand: Errand[tuple[egress.Answer, str]] = Errand(how.may_send, how.began + how.timeout)
        answer, said = _ask(route, known, errand, with_call=how.headers)
    except (Unusable, egress.Refused) as error:
        return Result(REFUSED, f"{NOT_SENT}{error}.")
    except egress.NotSent as error:
        return Result(FAILED, f"{NOT_SENT}{error}.")
    except egress.Lost as error:
        return Result(UNKNOWN, f"Sent, but no answer: {error}.")
    return http.judge(answer, known, success_when=how.success_when, repeatable=how.repeatable, said=said)


def read(route: McpRoute, known: Mapping[str, Any], timeout: float) -> Read:
    """Ask a tool that changes nothing. Raises `NoRead` where no answer can be had."""
    errand: Errand[tuple[egress.Answer, str]] = Errand(lambda: True, time.monotonic() + timeout)
    try:
        answer, _said = _ask(route, known, errand)
    except (Unusable, egress.Refused, egress.NotSent, egress.Lost) as error:
        raise NoRead(str(error)) from error
    return Read(**http.response(answer), digest=http.digest_of(answer))


def asked(route: McpRoute, known: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What `call` sends, where `headers` go with it. Raises `Unusable`."""
    return {
        "url": address_of(route, known),
        "headers": {**route.headers, **headers},
        "tool": route.tool,
        "arguments": _given(route, known),
    }


def _given(route: McpRoute, known: Mapping[str, Any]) -> Any:
    """The arguments of the tool. Raises `Unusable`."""
    return json.loads(written(known["args"] if route.arguments is None else filled(route.arguments, known)))


def _ask(
    route: McpRoute,
    known: Mapping[str, Any],
    errand: Errand[tuple[egress.Answer, str]],
    *,
    with_call: Mapping[str, str] | None = None,
) -> tuple[egress.Answer, str]:
    url = address_of(route, known)
    if not egress.is_listed(url, egress.Door.ROUTES):
        raise egress.Refused("the address is not in EGRESS_ALLOW")
    arguments = _given(route, known)
    told = {
        "headers": in_headers(route.headers, place_of(route, known)),
        "with_call": with_call or {},
        "errors_mean": 422 if route.errors == "refused" else 500,
        "asking": errand,
    }
    return errand.run(partial(_work, url, route.tool, arguments, told))


def _work(url: str, tool: str, arguments: Any, told: Mapping[str, Any]) -> tuple[egress.Answer, str]:
    import anyio

    from execution.routes.mcp_client import call_tool

    ask: Callable[..., Any] = partial(call_tool, url, tool, arguments, **told)
    answer: tuple[egress.Answer, str] = anyio.run(ask)
    return answer
