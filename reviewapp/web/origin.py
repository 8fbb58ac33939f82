"""Sockets are for our own pages: cookies alone would let a page of any other port in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class OwnOrigin:
    """Refuses a socket whose page came from elsewhere than the address it asks, or `PUBLIC_URL`."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        app = self.app if _is_ours(scope) else WebsocketDenier()
        await app(scope, receive, send)


def _is_ours(scope: dict[str, Any]) -> bool:
    headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
    origin, host = headers.get(b"origin", ""), headers.get(b"host", "")
    if origin == settings.PUBLIC_URL.lower():
        return True
    domain, _port = split_domain_port(host)
    is_known = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
    return is_known and origin in (f"http://{host}", f"https://{host}")
