"""Where checkpoints are pushed, as `CHECKPOINT_COPIES` names the places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

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
    def name(self) -> str:
        """As pages and the database name it: without what an address holds besides its host."""
        if self.kind is PlaceKind.FILE:
            return f"file {self.address}"
        return f"{self.kind.value} {urlsplit(self.address).hostname}"


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
    return [
        f"{one.hostname}:{one.port or (443 if one.scheme == 'https' else 80)}"
        for one in found
        if one.hostname
    ]


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ImproperlyConfigured(
            "CHECKPOINT_COPIES: a place is file:/an/absolute/path, https://an.address or "
            "witness:https://an.address KEY, with commas between."
        )
    return text.rstrip("/")
