"""From where a request came, past the proxies that this installation trusts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"  # no peer is told, as behind a Unix socket


def address_of(request: Any) -> str:
    """The address of whoever asks: of an HTTP request (Django's or DRF's) or the scope of a socket.

    It is the peer of the connection. Where that is one of TRUSTED_PROXIES, `X-Forwarded-For` is read from
    its right end, where each proxy writes whom it heard, up to the first address that is no trusted proxy:
    what stands further left was written by that client, and counts for nothing. An entry that is
    no address ends the walk at the proxy that passed it on. `Forwarded` and `X-Real-IP` are never read:
    a proxy that writes one header passes the others on as a client sent them.
    """
    peer, forwarded = _scope(request) if isinstance(request, dict) else _request(request)
    return _past_proxies(peer, forwarded) if forwarded else _alone(peer)


def _past_proxies(peer: str, forwarded: str) -> str:
    here = parsed(peer)
    if here is None:
        return UNKNOWN
    trusted = _trusted(tuple(settings.TRUSTED_PROXIES))
    for entry in reversed(forwarded.split(",")):
        before = parsed(entry)
        if not _is_in(here, trusted) or before is None:
            break
        here = before
    return str(here)


def source_of(address: str) -> str:
    """What counts as one source where requests are counted: an IPv4 address, or the /64 that an IPv6
    address is in, for whoever has one address of it has all of them."""
    found = parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, 64), strict=False))
    return str(found or UNKNOWN)


def parsed(text: str) -> Address | None:
    """An address as proxies write it: with a port or without, IPv6 in brackets or bare. None where it is
    none. An IPv4 address that is written as IPv6 is an IPv4 address; a zone is left out."""
    text = text.strip()
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and not _is_port(port.removeprefix(":"))):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(port):
            return None
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of TRUSTED_PROXIES. Raises `ValueError` that names the one that is none."""
    return tuple(ip_network(text.strip()) for text in written if text.strip())


_trusted = lru_cache(maxsize=8)(networks)


@lru_cache(maxsize=1_000)  # the server says who the peer is, and has no long names for it
def _alone(peer: str) -> str:
    return str(parsed(peer) or UNKNOWN)


def _is_in(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _request(request: Any) -> tuple[str, str]:
    return request.META.get("REMOTE_ADDR") or "", request.META.get("HTTP_X_FORWARDED_FOR", "")


def _scope(scope: dict[str, Any]) -> tuple[str, str]:
    said = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    return (scope.get("client") or ("",))[0] or "", ",".join(said)
