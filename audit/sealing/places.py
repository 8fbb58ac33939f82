"""Where checkpoints are pushed, as `CHECKPOINT_COPIES` names the places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

from audit.sealing.verifier import VerifierKey, Wrong


class PlaceKind(Enum):
    FILE = "file"
    WEBHOOK = "webhook"
    WITNESS = "witness"


@dataclass(frozen=True)
class Place:
    """One place: a file that grows, an address that is posted to, or a witness with its key."""

    kind: PlaceKind
    address: str
    key: VerifierKey | None = None

    @property
    def label(self) -> str:
        """What of it may be shown: an address may hold a secret besides its host."""
        if self.kind is PlaceKind.FILE:
            return f"file {self.address}"
        return f"{self.kind.value} {urlsplit(self.address).hostname}"


def by_name(texts: Sequence[str]) -> dict[str, Place]:
    """The places by the names that they have on pages; of two at one host the second is named (2)."""
    found: dict[str, Place] = {}
    for place in map(read, texts):
        alike = sum(one.label == place.label for one in found.values())
        found[f"{place.label} ({alike + 1})" if alike else place.label] = place
    return found


def read(text: str) -> Place:
    """A place: `file:/path`, `https://…`, or `witness:https://… KEY`. Raises `ImproperlyConfigured`."""
    kind, _, rest = text.strip().partition(":")
    if kind == "file" and Path(rest).is_absolute():
        return Place(PlaceKind.FILE, rest)
    if kind == "witness":
        address, _, key = rest.strip().partition(" ")
        try:
            return Place(PlaceKind.WITNESS, _address(address), VerifierKey.parse(key))
        except Wrong as error:
            raise ImproperlyConfigured(
                f"CHECKPOINT_COPIES: a witness has an address and its key. {error}"
            ) from None
    return Place(PlaceKind.WEBHOOK, _address(text.strip()))


def hosts(texts: Sequence[str]) -> list[str]:
    """Host and port of every place that is asked over the network, as allow-lists write them."""
    found = (urlsplit(read(text).address) for text in texts)
    return [_host_and_port(one) for one in found if one.hostname]


def _host_and_port(address: SplitResult) -> str:
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    return f"{host}:{address.port or (443 if address.scheme == 'https' else 80)}"


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ImproperlyConfigured(
            "CHECKPOINT_COPIES: a place is file:/an/absolute/path, https://an.address or "
            "witness:https://an.address KEY, with commas between."
        )
    return text.rstrip("/")
