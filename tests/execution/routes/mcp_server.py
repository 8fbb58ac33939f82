"""A real MCP server with the tools of a shop, as a process of its own that says its port."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

import uvicorn
from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from pydantic import BaseModel

server = MCPServer("shop")
calls: list[dict[str, Any]] = []


class Refund(BaseModel):
    id: str
    amount: float


@server.tool()
def refund(order_id: str, amount: float, context: Context) -> Refund:
    """Refund an order."""
    headers: Any = context.request_context.request.headers  # type: ignore[union-attr]
    kept = ("idempotency-key", "traceparent", "authorization")
    meta = {name: (context.request_context.meta or {}).get(name) for name in kept}
    calls.append({"headers": {name: headers.get(name) for name in kept}, "meta": meta})
    return Refund(id=f"R-{order_id}", amount=amount)


@server.tool(structured_output=False)
def heard() -> str:
    """The headers and `_meta` of every refund, as JSON in a block of text."""
    return json.dumps(calls)


@server.tool(structured_output=False)
def plainly(text: str) -> str:
    return text


@server.tool()
def breaks() -> str:
    raise ValueError("the till is jammed")


@server.tool()
def refuses() -> str:
    raise MCPError(-32602, "no such order")


@server.tool()
def fails() -> str:
    raise MCPError(-32603, "something is wrong here")


@server.tool()
async def slowly(seconds: float, context: Context) -> str:
    for step in range(100):
        await context.report_progress(step, 100, "counting the money")
        await asyncio.sleep(seconds / 100)
    return "done"


@server.tool(structured_output=False)
def largely(size: int) -> str:
    return "x" * size


def main() -> None:
    logging.disable()  # it draws the traceback of every tool for two seconds
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    port = listening.getsockname()[1]
    app = server.streamable_http_app()
    print(port, flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)).run([listening])


if __name__ == "__main__":
    main()
