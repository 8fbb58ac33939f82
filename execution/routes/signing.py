"""Signatures by which a service knows whose a request is, and that it is unchanged (Standard Webhooks)."""

from __future__ import annotations

import binascii
import math
import re
from datetime import UTC, datetime

from standardwebhooks import Webhook

from execution.routes.result import Unusable

_KEY = re.compile(r"(whsec_)?[A-Za-z0-9+/]{8,}={0,2}")


def signed(content: bytes, *, key: str, message: str) -> dict[str, str]:
    """The headers that sign this body. `key` is `whsec_` and base64; `message` names the request: the same
    again is the same request. Raises `Unusable` where it is no such key."""
    if not _KEY.fullmatch(key):  # the library would sign with whatever of it is base64
        raise Unusable("the key that signs is not base64 (`whsec_…`)")
    now = datetime.now(UTC)
    try:
        signature = Webhook(key).sign(message, now, content.decode())
    except binascii.Error:
        raise Unusable("the key that signs is not base64 (`whsec_…`)") from None
    return {
        "webhook-id": message,
        "webhook-timestamp": str(math.floor(now.timestamp())),
        "webhook-signature": signature,
    }
