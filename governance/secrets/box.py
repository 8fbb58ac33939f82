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
    return _opens(_keys(tuple(settings.SECRETS_KEYS), settings.SECRET_KEY)[0], sealed.encode())


# --- For other purposes than routes ---------------------------------------------------------------


def seal_for(purpose: str, value: str) -> bytes:
    """A value encrypted under a key of this purpose, which comes from the newest one."""
    return MultiFernet(_keys_for(purpose)).encrypt(value.encode())


def opened_for(purpose: str, sealed: bytes) -> str:
    """The value again. Raises `Unreadable`."""
    try:
        return MultiFernet(_keys_for(purpose)).decrypt(sealed).decode()
    except InvalidToken:
        raise Unreadable("it was encrypted under a key that is not among SECRETS_KEYS") from None


def resealed_for(purpose: str, sealed: bytes) -> bytes:
    """The same value under the newest key: the same bytes where it is already. Raises `Unreadable`."""
    keys = _keys_for(purpose)
    if _opens(keys[0], sealed):
        return sealed
    try:
        return MultiFernet(keys).rotate(sealed)
    except InvalidToken:
        raise Unreadable("it was encrypted under a key that is not among SECRETS_KEYS") from None


def _keys_for(purpose: str) -> list[Fernet]:
    """The newest first; what was sealed before there were any is opened with the one of SECRET_KEY."""
    given = [base64.urlsafe_b64decode(key) for key in settings.SECRETS_KEYS]
    made = [
        hmac.digest(key, purpose.encode(), hashlib.sha256) for key in (*given, settings.SECRET_KEY.encode())
    ]
    return [Fernet(base64.urlsafe_b64encode(key)) for key in made]


# --- Keys -----------------------------------------------------------------------------------------


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


def _opens(key: Fernet, sealed: bytes) -> bool:
    try:
        key.decrypt(sealed)
    except InvalidToken:
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
