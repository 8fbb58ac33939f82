"""What the formats of a schema let pass: a value that passes means one thing only, to whoever reads it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urlsplit

_LOCAL = re.compile(r"[A-Za-z0-9#$&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9#$&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_NUMERIC = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)", re.ASCII)  # 127.1, 0x7f.1 and 2130706433 are addresses
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_OF_HOSTS = {"http", "https", "ws", "wss", "ftp", "ftps"}
_RUN = {"javascript", "data", "vbscript", "blob", "about", "view-source"}  # no address: something to run
_DOTS = "。．｡"  # dots to a resolver, letters to a reader

WORDS = {
    "email": "an e-mail address alone, without a name, such as ana@example.com",
    "idn-email": "an e-mail address alone, without a name, such as ana@example.com",
    "uri": "one web address with a host and without user name, such as https://example.com/",
    "iri": "one web address with a host and without user name, such as https://example.com/",
    "uri-reference": "a web address, or a part of one",
    "hostname": "a host name such as www.example.com",
    "idn-hostname": "a host name such as www.example.com",
    "date": "a date such as 2026-11-22",
    "date-time": "a date and time with its zone, such as 2026-11-22T10:00:00Z",
    "time": "a time with its zone, such as 14:30:00Z",
    "duration": "a span of time such as P3DT12H",
    "ipv4": "an address such as 192.0.2.7",
    "ipv6": "an address such as 2001:db8::7",
    "uuid": "a UUID such as 0b3f8a52-7c1e-4f0a-9a55-2f8d3c1e6b70",
}


def is_email(text: str) -> bool:
    """One address in letters of ASCII, nothing around it: no name, comment, quotes, route or list."""
    local, at, host = text.rpartition("@")
    return bool(at) and len(local) <= 64 and bool(_LOCAL.fullmatch(local)) and is_hostname(host)


def is_idn_email(text: str) -> bool:
    """The same with letters of any script, none of them hidden or in another spelling of itself."""
    local, at, host = text.rpartition("@")
    return (
        bool(at)
        and 0 < len(local) <= 64
        and _is_plain(local)
        and bool(_LOCAL.fullmatch(_as_ascii(local)))
        and is_idn_hostname(host)
    )


def is_hostname(text: str) -> bool:
    """A name, or four numbers; never a number that is read as an address only by some."""
    labels = text.split(".")
    if not 0 < len(text) <= 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    return not _NUMERIC.fullmatch(labels[-1])


def is_idn_hostname(text: str) -> bool:
    return _is_plain(text) and not any(dot in text for dot in _DOTS) and is_hostname(_as_ascii(text))


def is_uri(text: str) -> bool:
    """An address with a scheme; of a host whatever reaches one, and nothing that is run instead."""
    return text.isascii() and _is_address(text, is_hostname)


def is_iri(text: str) -> bool:
    return _is_plain(text) and _is_address(text, is_idn_hostname)


def is_uri_reference(text: str) -> bool:
    """A part of an address; where it has a scheme or a host, as `is_uri`."""
    if not text.isascii() or not _is_plain(text) or re.search(r"[\s\\<>\"{}|^`]", text):
        return False
    if text.startswith("//"):
        return _is_address(f"https:{text}", is_hostname)
    scheme = text.partition(":")[0]
    return is_uri(text) if ":" in text and _SCHEME.fullmatch(scheme) else True


def is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_address(text: str, is_host: Callable[[str], bool]) -> bool:
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or not _SCHEME.fullmatch(scheme) or scheme.lower() in _RUN:
        return False
    if re.search(r"[\s\\<>\"{}|^`\x00-\x1f]", text) or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return False
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if scheme.lower() not in _OF_HOSTS:
        return True
    if not rest.startswith("//") or "@" in parts.netloc:  # https://bank.example@thief.example/
        return False
    return is_host(host) or _is_ip(host)


def _is_ip(text: str) -> bool:
    for kind in (IPv4Address, IPv6Address):
        try:
            kind(text)
            return True
        except AddressValueError:
            continue
    return False


def _is_plain(text: str) -> bool:
    """Nothing hidden in it, and no letter that is another spelling of others."""
    return text == unicodedata.normalize("NFKC", text) and not any(
        unicodedata.category(letter)[0] in "CZ" for letter in text
    )


def _as_ascii(text: str) -> str:
    """With an x for each letter, digit or accent beyond ASCII, for a look at the form alone."""
    return "".join(
        "x" if not letter.isascii() and unicodedata.category(letter)[0] in "LNM" else letter
        for letter in text
    )


# What `jsonschema_rs` asks instead of its own, which follow their standards to the letter.
CHECKS: dict[str, Callable[[str], bool]] = {
    "email": is_email,
    "idn-email": is_idn_email,
    "hostname": is_hostname,
    "idn-hostname": is_idn_hostname,
    "uri": is_uri,
    "iri": is_iri,
    "uri-reference": is_uri_reference,
    "date": is_date,
}
