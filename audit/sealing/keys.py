"""The keys that sign checkpoints: those of `AUDIT_SIGNING_KEY`, else one made from `SECRET_KEY`."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.sealing.verifier import VerifierKey

SEED_BYTES = 32


class Signer:
    """An Ed25519 key under the name of the log, as C2SP signed notes have it."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifierKey(name, self._key.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        """The signature line of a note with this text, with its end."""
        signature = base64.b64encode(self.public.key_id + self._key.sign(text.encode())).decode()
        return f"\N{EM DASH} {self.public.name} {signature}\n"


def signers(name: str) -> list[Signer]:
    """Whoever signs now, the newest key first: while one takes the place of another both do."""
    return _signers(name, tuple(settings.AUDIT_SIGNING_KEYS), settings.SECRET_KEY)


def public_keys(name: str) -> list[VerifierKey]:
    """What checks the signatures of those who sign now, the newest key first."""
    return [signer.public for signer in signers(name)]


def new_key() -> str:
    """A key for `AUDIT_SIGNING_KEY`: 32 bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(SEED_BYTES)).decode()


def check(keys: Sequence[str]) -> None:
    """Raise `ImproperlyConfigured` unless each of `AUDIT_SIGNING_KEY` is a key, without a word of them."""
    for number, key in enumerate(keys, 1):
        try:
            good = len(_seed(key)) == SEED_BYTES
        except (binascii.Error, ValueError):
            good = False
        if not good:
            raise ImproperlyConfigured(
                f"AUDIT_SIGNING_KEY: key {number} of {len(keys)} is not 32 bytes in URL-safe base64, as "
                "`AUDIT_SIGNING_KEY= manage.py signing_key --new` prints."
            )


@lru_cache(maxsize=8)
def _signers(name: str, keys: tuple[str, ...], secret_key: str) -> list[Signer]:
    return [Signer(name, seed) for seed in map(_seed, keys)] or [Signer(name, _derived(secret_key))]


def _seed(key: str) -> bytes:
    return base64.b64decode(key.encode(), altchars=b"-_", validate=True)


def _derived(secret_key: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=None, info=b"reviewapp audit signing")
    return hkdf.derive(secret_key.encode())
