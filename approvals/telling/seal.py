"""Addresses of people hold secrets: they lie in the database encrypted."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(Exception):
    """It was sealed with another SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__("This address can’t be read any more: the installation has a new key. Add it again.")


def sealed(address: str) -> bytes:
    """The address, encrypted and signed with a key derived from SECRET_KEY."""
    return _fernet().encrypt(address.encode())


def opened(token: bytes) -> str:
    """The address again. Raises `Unreadable`."""
    try:
        return _fernet().decrypt(token).decode()
    except InvalidToken:
        raise Unreadable from None


def _fernet() -> Fernet:
    key = hmac.digest(settings.SECRET_KEY.encode(), b"notice-targets", hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))
