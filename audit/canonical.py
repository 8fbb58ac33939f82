"""One spelling for every JSON value (RFC 8785, "JCS"), and what is computed over it."""

import hashlib
import os
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value. Raises `ValueError` where it has none (NaN, huge integers)."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def digest(value: Any) -> str:
    """`sha256:` and the hex SHA-256 of the canonical form."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def new_salt() -> bytes:
    return os.urandom(16)


def commitment(salt: bytes, content: Any) -> str:
    """`sha256:` and hex SHA-256(salt ‖ JCS(content)).

    An event holds this instead of personal or free text: once salt and content are
    erased, nothing can be learned from it, and the log still verifies.
    """
    return "sha256:" + hashlib.sha256(salt + canonical(content)).hexdigest()
