"""How secrets lie in the database: encrypted under the newest of `SECRETS_KEYS`, each bound to its name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Unreadable(Exception):
    """It was sealed under a key that is not among `SECRETS_KEYS`, or under another name."""


def box_for(purpose: str) -> Fernet:
    """What seals for another purpose than routes, with a key of its own derived from SECRET_KEY."""
    key = hmac.digest(settings.SECRET_KEY.encode(), purpose.encode(), hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))


def seal(name: str, value: str) -> str:
    """A value encrypted under the newest key. It can be opened as the value of this name alone."""
    return _box().encrypt(json.dumps([name, value]).encode()).decode()


def opened(name: str, sealed: str) -> str:
    """The value again. Raises `Unreadable`."""
    try:
        found, value = json.loads(_box().decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable("it was encrypted under a key that is not among SECRETS_KEYS") from None
    if found != name:
        raise Unreadable("it was written under another name")
    return str(value)


def resealed(sealed: str) -> str:
    """The same value under the newest key. Raises `Unreadable`."""
    try:
        return _box().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable("it was encrypted under a key that is not among SECRETS_KEYS") from None


def is_under_newest_key(sealed: str) -> bool:
    try:
        _keys(tuple(settings.SECRETS_KEYS), settings.SECRET_KEY)[0].decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def new_key() -> str:
    """A key for `SECRETS_KEYS`."""
    return Fernet.generate_key().decode()


def check(keys: Sequence[str]) -> None:
    """Raise `ImproperlyConfigured` unless each of `SECRETS_KEYS` is a key, without a word of them."""
    for number, key in enumerate(keys, 1):
        if not _is_key(key):
            raise ImproperlyConfigured(
                f"SECRETS_KEYS: key {number} of {len(keys)} is not 32 bytes in URL-safe base64, as "
                "`SECRETS_KEYS= manage.py rotate_secrets --new-key` prints."
            )


def _is_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def _box() -> MultiFernet:
    return MultiFernet(_keys(tuple(settings.SECRETS_KEYS), settings.SECRET_KEY))


@lru_cache(maxsize=4)
def _keys(keys: tuple[str, ...], secret_key: str) -> list[Fernet]:
    """The newest first. The key that counts while there are none goes on to open what was sealed with it."""
    return [Fernet(key) for key in keys] + [Fernet(_derived(secret_key))]


def _derived(secret_key: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"reviewapp secrets")
    return base64.urlsafe_b64encode(hkdf.derive(secret_key.encode()))
