"""A downstream service behind TLS, which may ask for a client certificate."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from tests.execution.conftest import Downstream
from tests.governance.secrets.made import Authority


class Encrypted(Downstream):
    """For the name `localhost`, which an authority of its own says that it is.

    Where `clients` is given, only who shows a certificate of that one is listened to; whose is remembered
    in `shown`.
    """

    def __init__(self, folder: Path, *, clients: Authority | None = None, newest: Any = None) -> None:
        self.authority = Authority.new()
        self.shown: list[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = folder / "own.pem"
        own.write_text(self.authority.issue("localhost"))
        self._context.load_cert_chain(own)
        if newest:
            self._context.maximum_version = newest
        if clients:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(cadata=clients.pem)
        super().__init__()

    @property
    def place(self) -> str:
        return f"localhost:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"https://{self.place}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        line = self._context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        try:
            line.do_handshake()
        except ssl.SSLError:
            _hear_to_the_end(line)
            return
        if found := line.getpeercert():
            self.shown.append(dict(pair for [pair] in found["subject"])["commonName"])
        with line:
            super().finish_request(line, client_address)


def _hear_to_the_end(line: ssl.SSLSocket) -> None:
    """Or the system would break the line off before the other side has read why."""
    with socket.socket(fileno=line.detach()) as plain:
        plain.settimeout(5)
        while plain.recv(65_536):
            pass
