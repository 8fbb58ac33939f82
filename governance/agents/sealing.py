"""How the callback secrets of agents lie in the database: encrypted, by these two functions and no others."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(Exception):
    """It was sealed with another SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__("The callback secret can’t be read: the installation has a new key. Make a new one.")


def sealed(secret: str) -> bytes:
    """The secret, encrypted and signed with a key derived from SECRET_KEY."""
    return _fernet().encrypt(secret.encode())


def opened(token: bytes) -> str:
    """The secret again. Raises `Unreadable`."""
    try:
        return _fernet().decrypt(token).decode()
    except InvalidToken:
        raise Unreadable from None


def _fernet() -> Fernet:
    key = hmac.digest(settings.SECRET_KEY.encode(), b"callback-secrets", hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))
