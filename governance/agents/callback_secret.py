"""The secret that signs what we send to an agent (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from django.conf import settings

from governance.models import Agent


def callback_secret(agent: Agent) -> str:
    """`whsec_` and 32 bytes in base64, computed and never stored: raising the version makes a new one."""
    message = f"callback:{agent.pk}:{agent.callback_secret_version}"
    key = hmac.digest(settings.SECRET_KEY.encode(), message.encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(key).decode()
