"""One call of an MCP tool by the official client, over connections that reach only judged addresses.

Importing this takes a second and 60 MB: `mcp_tool` does so when the first tool is called.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Protocol, cast

import anyio
import httpcore2
import httpx
import httpx2
import mcp_types as types
from httpcore2._backends.anyio import AnyIOBackend
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from pydantic import TypeAdapter

from audit.ground import egress

ACROSS: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)
NEEDS_INPUT = 428
# Errors by which a server says that it has not begun: the request itself is at fault.
AT_FAULT = {types.METHOD_NOT_FOUND, types.INVALID_PARAMS, types.HEADER_MISMATCH}
AT_FAULT |= {types.MISSING_REQUIRED_CLIENT_CAPABILITY, types.UNSUPPORTED_PROTOCOL_VERSION}
# Errors that the client makes up where no answer came, or none that can be read.
LOST = {types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT, types.PARSE_ERROR, types.INVALID_REQUEST}
GOODBYE = 1.0  # seconds for ending a session, whose answer changes nothing

# What servers send stands with the attempt, bounded; the client would write it into the log.
logging.getLogger("mcp").setLevel(logging.CRITICAL)

_is_the_call: ContextVar[bool] = ContextVar("is_the_call", default=False)


class Asking(Protocol):
    """Who says whether the call may leave; an `Errand`."""

    deadline: float

    @property
    def left(self) -> float: ...

    def may_send(self) -> bool: ...


async def call_tool(
    url: str,
    tool: str,
    arguments: dict[str, Any],
    *,
    headers: Mapping[str, str],
    with_call: Mapping[str, str],
    errors_mean: int,
    asking: Asking,
) -> tuple[egress.Answer, str]:
    """What the tool answered, as if it were over HTTP, and a sentence of what that was.

    `with_call` goes with the call itself, as headers and in `_meta`, and not with the handshake. An `isError`
    counts as the status `errors_mean`. Raises `egress.Refused`, and whatever keeps the answer away.
    """
    way = _Way(asking, with_call)
    talk = _Talk(way, tool, arguments, with_call)
    # A client of its own: no cookies, no proxies of the environment, no redirects.
    limits = {"timeout": asking.left, "max_redirects": 0, "trust_env": False}
    http = httpx2.AsyncClient(transport=way, headers=dict(headers), **cast(Any, limits))
    try:
        with anyio.fail_after(asking.left):
            async with http, Client(streamable_http_client(url, http_client=http), cache=None) as client:
                await talk.hold(client)
    except Exception as error:
        if talk.answered is None:
            raise _why(way, talk, error) from error
    return _judged(way, talk, errors_mean)


class _Talk:
    """The one call, and what is heard of it."""

    answered: types.CallToolResult | types.InputRequiredResult | MCPError | None = None
    progress = ""

    def __init__(self, way: _Way, tool: str, arguments: dict[str, Any], meta: Mapping[str, str]) -> None:
        self.way, self.tool = way, tool
        given = types.CallToolRequestParams(
            name=tool, arguments=arguments, **cast(Any, {"_meta": dict(meta)})
        )
        self.request = types.CallToolRequest(params=given)

    async def hold(self, client: Client) -> None:
        self.answered = await self._ask(client)
        if isinstance(self.answered, MCPError) and self.answered.code == types.HEADER_MISMATCH:
            # Arguments that the server wants in headers are known from its list; nothing was begun.
            await client.list_tools()
            self.answered = await self._ask(client)

    async def _ask(self, client: Client) -> types.CallToolResult | types.InputRequiredResult | MCPError:
        """The result, or the server's own error. Raises `MCPError` where no answer came."""
        try:
            # Not `client.call_tool`: that would check the result against a schema of the server's own making,
            # whose patterns can take for ever, and would answer what the server asks back.
            return await client.session.send_request(self.request, ACROSS, progress_callback=self._progressed)
        except MCPError as error:
            if error.code in LOST and self.way.status < 300:
                raise
            return error

    async def _progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """It prolongs nothing; where no answer comes it is all that is known."""
        of = "" if total is None else f" of {total:g}"
        self.progress = f"{progress:g}{of} {message or ''}".strip()[:200]


def _judged(way: _Way, talk: _Talk, errors_mean: int) -> tuple[egress.Answer, str]:
    match talk.answered:
        case types.CallToolResult(is_error=True) as result:
            text = _texts(result)
            return _answer(errors_mean, text), f"The tool says that it failed: {_line(text)}."
        case types.CallToolResult(structured_content=None) as result:
            return _answer(200, _texts(result)), "The tool answered."
        case types.CallToolResult(structured_content=content):
            return _answer(200, json.dumps(content, ensure_ascii=False)), "The tool answered."
        case types.InputRequiredResult():
            return _answer(NEEDS_INPUT, ""), "The tool asks for more than was approved."
        case MCPError() as error if way.status >= 300:
            answer = _answer(way.status, error.message, way.headers)
            return answer, f"HTTP {way.status}: {_line(error.message)}."
        case MCPError() as error:
            status = 400 if error.code in AT_FAULT else 500
            return _answer(status, error.message), f"MCP error {error.code}: {_line(error.message)}."
    raise AssertionError("nothing was answered")


def _answer(status: int, text: str, headers: list[tuple[str, str]] | None = None) -> egress.Answer:
    return egress.Answer(status, httpx.Headers(headers or []), text.encode("utf-8", "replace"))


def _texts(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


def _line(text: str) -> str:
    return " ".join(text[:1_000].split())[:200].rstrip(".")


def _why(way: _Way, talk: _Talk, error: Exception) -> Exception:
    """What kept the answer away, in words; `Refused` where it would again, and nothing was sent."""
    if way.refused is not None:
        return way.refused
    told = f"; the tool had told of progress: {talk.progress}" if talk.progress else ""
    if way.trouble:
        return ConnectionError(way.trouble + told)
    if isinstance(error, TimeoutError):
        return TimeoutError(f"no answer in time{told}")
    if 300 <= way.status < 500 and way.status != 429:
        return egress.Refused(f"HTTP {way.status} to the handshake")
    if way.status >= 400:
        return ConnectionError(f"HTTP {way.status} to the handshake")
    return ConnectionError(f"{_innermost(error)}{told}")


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)[:200] or type(error).__name__


class _Way(httpx2.AsyncBaseTransport):
    """How requests of the client leave: to judged addresses, with answers of a bounded size."""

    def __init__(self, asking: Asking, with_call: Mapping[str, str]) -> None:
        self.asking, self.with_call = asking, with_call
        self.refused: egress.Refused | None = None
        self.trouble = ""
        self.status = 0  # of the last answer
        self.headers: list[tuple[str, str]] = []
        self._pool = httpcore2.AsyncConnectionPool(ssl_context=_trusted(), network_backend=_Judged(self))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET" and "last-event-id" not in request.headers:
            return httpx2.Response(405)  # nobody listens to what a server says by itself
        if request.method == "DELETE":
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), GOODBYE)
        if _is_call(request):
            _is_the_call.set(True)
            request.headers.update(self.with_call)
        request.headers["user-agent"] = egress.USER_AGENT
        request.headers["accept-encoding"] = "identity"
        try:
            return await self._sent(request)
        except Exception as error:
            if request.method != "DELETE":
                self.trouble = self.trouble or _innermost(error)
            raise

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        asked = httpcore2.Request(
            request.method,
            target,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = await self._pool.handle_async_request(asked)
        if any(name.lower() == b"content-encoding" for name, _ in answer.headers):
            # A few bytes can become more than there is memory for.
            await answer.aclose()
            raise httpx2.ReadError("the answer is compressed, which was not asked for")
        heard = httpx2.Response(
            answer.status, headers=answer.headers, stream=_Bounded(self, answer), extensions=answer.extensions
        )
        if request.method == "POST":
            self.status, self.headers = heard.status_code, list(heard.headers.items())
        return heard

    async def aclose(self) -> None:
        await self._pool.aclose()


def _is_call(request: httpx2.Request) -> bool:
    if request.method != "POST":
        return False
    try:
        return bool(json.loads(request.content).get("method") == "tools/call")
    except (ValueError, AttributeError):
        return False


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, as long as it is not too large."""

    def __init__(self, way: _Way, answer: httpcore2.Response) -> None:
        self._way, self._answer = way, answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in cast(AsyncIterator[bytes], self._answer.stream):
                size += len(piece)
                if size > egress.LARGEST:
                    raise httpx2.ReadError(f"the answer is larger than {egress.LARGEST // 1024} KiB")
                yield piece
        except Exception as error:
            self._way.trouble = self._way.trouble or _innermost(error)
            raise

    async def aclose(self) -> None:
        await self._answer.aclose()


class _Judged(httpcore2.AsyncNetworkBackend):
    """Connects to what `EGRESS_ALLOW` lists, at an address that was judged, and to nothing else."""

    def __init__(self, way: _Way) -> None:
        self._way = way

    async def connect_tcp(self, host: str, port: int, *given: Any, **named: Any) -> _Gated:
        asking = self._way.asking
        try:
            addresses = egress.addresses_of(host, port, door=egress.Door.ROUTES, deadline=asking.deadline)
        except egress.Refused as error:
            self._way.refused = error
            raise
        for index, address in enumerate(addresses):
            share = max(asking.left, 0.01) / (len(addresses) - index)
            try:
                return _Gated(await AnyIOBackend().connect_tcp(address, port, share), asking)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if index == len(addresses) - 1:
                    raise
        raise httpcore2.ConnectError("the name has no address")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _Gated(httpcore2.AsyncNetworkStream):
    """A connection that asks before the first byte of the call leaves."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, asking: Asking) -> None:
        self._stream, self._asking = stream, asking

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if _is_the_call.get():
            _is_the_call.set(False)
            if not self._asking.may_send():
                raise httpcore2.WriteTimeout("the request could not be handed over in time")
        await self._stream.write(buffer, timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def start_tls(self, *given: Any, **named: Any) -> _Gated:
        return _Gated(await self._stream.start_tls(*given, **named), self._asking)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
