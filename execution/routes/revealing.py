"""Where routes ask for the value of a secret: the only place that does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module

from audit.ground.egress import NotSent
from execution.routes.result import Unusable

_NAMED = re.compile(r"\{secret:([A-Za-z0-9_.-]{1,64})\}")


def revealed(name: str, place: str) -> str:
    """The value of a secret, for a route. Raises `Unusable`, and `NotSent` where it may be had later."""
    vault = import_module("governance.secrets.vault")
    try:
        value: str = vault.reveal(name, user=place)
    except vault.NotNow as error:
        raise NotSent(str(error)) from error
    except vault.NotRevealed as error:
        raise Unusable(str(error)) from error
    return value


def in_headers(headers: Mapping[str, str], place: str) -> dict[str, str]:
    """Headers as they are sent, with the secrets that they name."""
    return {name: _NAMED.sub(lambda m: revealed(m[1], place), value) for name, value in headers.items()}
