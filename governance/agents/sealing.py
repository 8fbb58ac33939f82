"""How the callback secrets of agents lie in the database: encrypted, by these two functions and no others."""

from __future__ import annotations

from cryptography.fernet import InvalidToken

from governance.secrets.box import box_for


class Unreadable(Exception):
    """It was sealed with another SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__("The callback secret can’t be read: the installation has a new key. Make a new one.")


def sealed(secret: str) -> bytes:
    """The secret, encrypted and signed with a key derived from SECRET_KEY."""
    return box_for("callback-secrets").encrypt(secret.encode())


def opened(token: bytes) -> str:
    """The secret again. Raises `Unreadable`."""
    try:
        return box_for("callback-secrets").decrypt(token).decode()
    except InvalidToken:
        raise Unreadable from None
