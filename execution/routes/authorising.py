"""What a call carries to prove who asks: secrets in headers, a token, a signature, a certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.routes import oauth2, signing
from governance.actions import credentials
from governance.actions.route_kinds import HttpRoute
from governance.secrets import vault


@dataclass(frozen=True)
class Carried:
    """The headers of a call, PEM of a client certificate, and the token among the headers."""

    headers: dict[str, str] = field(repr=False)
    certificate: str = field(default="", repr=False)
    token: oauth2.Token | None = field(default=None, repr=False)


def carried(
    route: HttpRoute, known: Mapping[str, Any], content: bytes, *, message: str, until: float
) -> Carried:
    """All that this route is to carry. A token is fetched before `until` (of `time.monotonic`).

    `message` names the request where it is signed. Raises `vault.NotRevealed`, `oauth2.NoToken`, `Unusable`.
    """
    place = place_of(route, known)
    headers = in_headers(route.headers, place)
    token = oauth2.token(route.oauth2, user=place, until=until) if route.oauth2 else None
    if token:
        headers["authorization"] = f"Bearer {token.value}"
    if route.sign:
        key = vault.reveal(route.sign, user=place)
        headers |= signing.signed(content, key=key, message=message)
    certificate = vault.reveal(route.client_certificate, user=place) if route.client_certificate else ""
    return Carried(headers, certificate, token)


def named(route: HttpRoute, *, message: str) -> dict[str, str]:
    """The headers of `carried` for people: each secret by its name, and what is made of one by how."""
    headers = dict(route.headers)
    if route.oauth2:
        client = f"{route.oauth2.client_id} by {credentials.named(route.oauth2.client_secret)}"
        headers["authorization"] = f"Bearer (a token of {route.oauth2.token_url} for {client})"
    if route.sign:
        headers |= {
            "webhook-id": message,
            "webhook-timestamp": "(when it was sent)",
            "webhook-signature": f"(a signature with {credentials.named(route.sign)})",
        }
    return headers


def in_headers(headers: Mapping[str, str], place: str) -> dict[str, str]:
    """Headers with the secrets in the place of their names. Raises `vault.NotRevealed`."""
    return {
        name: credentials.filled_in(value, lambda secret: vault.reveal(secret, user=place))
        for name, value in headers.items()
    }


def place_of(route: Any, known: Mapping[str, Any]) -> str:
    """What a route is called where the use of a secret is written down: `refund_payment@3 POST https://…`."""
    return f"{known['proposal'].get('action', '')} {route}"[:300]
