"""The shop over HTTP: reads a call, lets a fault have its way with it, answers."""

import json
import socket
import struct
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from demo.shop import page, routes
from demo.shop.effects import Refused
from demo.shop.faults import Fault, Faults
from demo.shop.state import Answer, Call, State

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 64
HEAD_OF_THE_SHOP = {"", "healthz", "faults", "reset", "ledger"}  # never spoiled by a fault


class ShopServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], state: State) -> None:
        super().__init__(address, Handler)
        self.state = state
        self.faults = Faults()
        self.stopping = threading.Event()  # ends the waiting of slow calls


class Handler(BaseHTTPRequestHandler):
    server: ShopServer
    protocol_version = "HTTP/1.1"
    server_version = "DemoShop"
    disable_nagle_algorithm = True
    timeout = 75

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        if self.command != "GET":
            print(f"shop: {format % args}", flush=True)

    # --- One request --------------------------------------------------------------------------

    def _serve(self) -> None:
        self.raw_path, _, self.query = self.path.partition("?")
        self.parts = [unquote(part) for part in self.raw_path.strip("/").split("/")]
        try:
            answer = self._meet_fault(self._read_call())
        except Refused as refusal:
            answer = _problem(refusal.status, refusal.detail)
        if answer is None:
            self._hang_up()
        elif isinstance(answer.body, str):
            self._send(
                answer.status, answer.body.encode("utf-8", "backslashreplace"), "text/html; charset=utf-8"
            )
        else:
            problem = answer.status >= 400
            kind = "application/problem+json" if problem else "application/json"
            self._send(answer.status, json.dumps(answer.body).encode(), kind, replayed=answer.replayed)

    def _meet_fault(self, call: Call) -> Answer | None:
        """The answer, or none where the caller shall get none."""
        spoilable = self.parts[0] not in HEAD_OF_THE_SHOP
        fault = self.server.faults.take(call.method, call.path) if spoilable else None
        if fault is None:
            return self._answer(call)
        if fault.kind == "slow":
            self.server.stopping.wait(fault.seconds)
        answer = self._answer_or_problem(call) if fault.lets_the_effect_happen else None
        return answer if fault.kind == "slow" else self._spoil(fault)

    def _spoil(self, fault: Fault) -> Answer | None:
        if fault.kind == "error":
            return _problem(int(fault.status), "this failure was wished for")
        if fault.kind == "garbage":
            return Answer(200, "<html><p>%$#@ you have reached a proxy that is not the shop")
        if fault.kind == "timeout":
            self.server.stopping.wait(fault.seconds)
        return None

    def _answer_or_problem(self, call: Call) -> Answer:
        try:
            return self._answer(call)
        except Refused as refusal:
            return _problem(refusal.status, refusal.detail)

    def _answer(self, call: Call) -> Answer:
        if self.parts in ([""], ["healthz"], ["faults"], ["reset"]):
            return self._answer_about_itself(call)
        if call.method == "GET":
            return routes.ask(self.server.state, self.parts, self.query)
        return routes.act(self.server.state, call, self.parts)

    def _answer_about_itself(self, call: Call) -> Answer:
        state, faults = self.server.state, self.server.faults
        match call.method, self.parts[0]:
            case "GET", "":
                return Answer(200, page.draw(state.read(page.newest), faults.all()))
            case "GET", "healthz":
                return Answer(200, {"status": "ok"})
            case "GET", "faults":
                return Answer(200, {"faults": faults.all()})
            case "PUT", "faults":
                return Answer(200, {"faults": faults.put(call.body)})
            case "DELETE", "faults":
                faults.clear()
                return Answer(200, {"faults": []})
            case "POST", "reset":
                faults.clear()
                state.reset()
                return Answer(200, {"ok": True})
        raise Refused(405, "there is nothing to do here")

    # --- Reading and writing ------------------------------------------------------------------

    def _read_call(self) -> Call:
        body = self._read_body()
        if self.command != "GET" and self.headers.get("Origin"):
            raise Refused(403, "pages of browsers may look, but not act")
        key = (self.headers.get("Idempotency-Key") or "").strip().strip('"')
        if len(key) > 255:
            raise Refused(422, "an Idempotency-Key has at most 255 characters")
        return Call(self.command, "/" + "/".join(self.parts), body, key or None)

    def _read_body(self) -> Any:
        if self.headers.get("Transfer-Encoding"):
            raise self._close_with(411, "send a Content-Length")
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal():
            raise self._close_with(400, "Content-Length is not a number")
        if int(length) > MOST_BYTES:
            raise self._close_with(413, f"a body has at most {MOST_BYTES} bytes")
        raw = self.rfile.read(int(length))
        return parse(raw) if raw else {}

    def _close_with(self, status: int, detail: str) -> Refused:
        self.close_connection = True  # what follows on this connection would be the body left unread
        return Refused(status, detail)

    def _send(self, status: int, content: bytes, kind: str, *, replayed: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        if replayed:
            self.send_header("Idempotent-Replayed", "true")
        if self.close_connection:
            self.send_header("Connection", "close")
        try:
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True  # the caller did not wait

    def _hang_up(self) -> None:
        """End the connection without a word, by a reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True


def parse(raw: bytes) -> Any:
    """The JSON in a body; raises `Refused` for what is not JSON or too deep."""
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if _deeper_than(body, MOST_DEPTH):
        raise Refused(422, f"the body is nested deeper than {MOST_DEPTH}")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _deeper_than(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(v, levels - 1) for v in inner)


def _problem(status: int, detail: str) -> Answer:
    title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    return Answer(status, {"type": "about:blank", "title": title, "status": status, "detail": detail})
