from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from audit.asking.addresses import address_of, networks, source_of

PROXIES = ["10.0.0.0/8", "2001:db8:1::/48"]


@pytest.fixture(autouse=True)
def _proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = PROXIES


def request(peer: str, forwarded: str | None) -> Any:
    said = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=peer, **said)


def scope(peer: str, forwarded: str | None) -> dict[str, Any]:
    """With a header for each entry, which says the same as one header with commas."""
    entries = forwarded.split(",") if forwarded is not None else []
    headers = [(b"x-forwarded-for", entry.encode()) for entry in entries]
    return {"client": (peer, 4711), "headers": [(b"host", b"a"), *headers]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody whom we trust said that
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"),  # two proxies
        ("10.0.0.1", "198.51.100.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"),  # the left one was made up
        ("10.0.0.1", "10.0.0.9, 192.0.2.7", "192.0.2.7"),  # even as one of ours
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # a client inside
        ("10.0.0.1", "192.0.2.7:54321", "192.0.2.7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "[2001:DB8:0::7]:443", "2001:db8::7"),
        ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:1::5", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:2::5", "192.0.2.7", "2001:db8:2::5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7, unknown", "10.0.0.1"),  # what stands left of it is nobody's word
        ("10.0.0.1", "192.0.2.7,,10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "192.0.2.7:", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7:x", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::7", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.007", "10.0.0.1"),
        ("10.0.0.1", "3232235777", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7<script>", "10.0.0.1"),
        ("10.0.0.1", "1" * 5000, "10.0.0.1"),
        ("", "192.0.2.7", "unknown"),
    ],
)
@pytest.mark.parametrize("heard", [request, scope, lambda *told: Request(request(*told))])
def test_the_address_is_that_of_the_first_who_is_no_trusted_proxy(
    heard: Any, peer: str, forwarded: str | None, address: str
) -> None:
    assert address_of(heard(peer, forwarded)) == address


def test_without_trusted_proxies_the_peer_counts(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    assert address_of(request("127.0.0.1", "192.0.2.7")) == "127.0.0.1"


@pytest.mark.parametrize("header", ["FORWARDED", "X_REAL_IP", "CF_CONNECTING_IP", "TRUE_CLIENT_IP"])
def test_other_headers_are_not_read(header: str) -> None:
    asked = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", **{f"HTTP_{header}": "for=192.0.2.7"})
    assert address_of(asked) == "10.0.0.1"


def test_a_socket_without_a_peer_is_unknown() -> None:
    assert address_of({"client": None, "headers": []}) == "unknown"


def test_one_source_is_an_address_or_the_64_bits_that_a_household_has() -> None:
    assert source_of("192.0.2.7") == "192.0.2.7"
    assert source_of("2001:db8:5:6:7::8") == source_of("2001:db8:5:6::1") == "2001:db8:5:6::/64"
    assert source_of("unknown") == "unknown"


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"proxy\.example"):
        networks(("10.0.0.0/8", "proxy.example"))
