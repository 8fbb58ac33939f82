"""Addresses of people hold secrets: they lie in the database encrypted."""

from __future__ import annotations

from cryptography.fernet import InvalidToken

from governance.secrets.box import box_for


class Unreadable(Exception):
    """It was sealed with another SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__("This address can’t be read any more: the installation has a new key. Add it again.")


def sealed(address: str) -> bytes:
    """The address, encrypted and signed with a key derived from SECRET_KEY."""
    return box_for("notice-targets").encrypt(address.encode())


def opened(token: bytes) -> str:
    """The address again. Raises `Unreadable`."""
    try:
        return box_for("notice-targets").decrypt(token).decode()
    except InvalidToken:
        raise Unreadable from None
