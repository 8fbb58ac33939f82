"""Who is asking, as the log will print it."""

from __future__ import annotations

import hashlib
from typing import Any

from audit.ground.actors import ANONYMOUS, Actor


def actor_of(request: Any) -> Actor:
    """The signed-in person, agent or token behind a request, and how they proved who they are.

    Takes Django's requests and DRF's. A session is named by a hash of its key: the key
    itself would let a reader of the log become that person.
    """
    user = request.user
    if user is None or not user.is_authenticated:
        return ANONYMOUS
    shown = getattr(request, "auth", None)  # DRF: the first characters of the key or token
    if shown and not shown.startswith("rt_"):
        return user.as_actor()
    if shown:
        return user.as_actor(session=shown, authenticated_by="api_token")
    session = request.session
    return user.as_actor(session=name_of(session.session_key), authenticated_by=_strength_of(session, user))


def methods_of(session: Any, user: Any) -> list[tuple[str, float]]:
    """By what this session was proved to be its person's, and when (seconds since 1970, by the web
    processes' clock). What was proved for somebody else, or says no method and time, is left out."""
    if str(session.get("account_authentication_methods_user")) != str(user.pk):
        return []
    found = []
    for record in session.get("account_authentication_methods") or []:
        # allauth tells a second factor by its type; other methods have none that counts.
        method = record.get("type") if record.get("method") == "mfa" else record.get("method")
        if method and isinstance(record.get("at"), int | float):
            found.append((str(method), float(record["at"])))
    return found


def _strength_of(session: Any, user: Any) -> str:
    """By what the session was proved to be its person's: "password", "password+totp"."""
    return "+".join(sorted({method for method, _ in methods_of(session, user)})) or "unknown"


def name_of(session_key: str | None) -> str:
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:16]
