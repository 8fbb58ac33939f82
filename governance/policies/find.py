"""Looking policies up: by name or how it begins, in pages, with what happened to each."""

from __future__ import annotations

import json
import re
from typing import Any

from django.db.models import Q

from audit.models import Event
from governance.models import PolicyVersion

PAGE = 50
MOVES = {
    "policy.drafted": "drafted it",
    "policy.validated": "validated it by a backtest",
    "policy.approved": "approved it",
    "policy.activated": "activated it",
    "policy.rolled_back": "went back to it",
    "policy.shadowed": "let it run in the shadow",
    "policy.unshadowed": "took it out of the shadow",
}
_HEX = re.compile(r"^[0-9a-f]{6,64}$")


def page(before: str = "") -> list[PolicyVersion]:
    """The newest versions, or those older than one; one more than a page where there are more."""
    versions = PolicyVersion.objects.select_related("author", "approved_by").order_by(
        "-created_at", "-digest"
    )
    if before and (last := PolicyVersion.objects.filter(pk=before).first()):
        same_time = Q(created_at=last.created_at, digest__lt=last.digest)
        versions = versions.filter(Q(created_at__lt=last.created_at) | same_time)
    return list(versions[: PAGE + 1])


def named(name: str) -> PolicyVersion | None:
    """The version with this digest, or the only one whose digest begins so; `active` is the one in force."""
    if name == "active":
        return PolicyVersion.objects.active().first()
    digits = name.removeprefix("sha256:")
    if not _HEX.match(digits):
        return None
    found = PolicyVersion.objects.filter(digest__startswith=f"sha256:{digits}")[:2]
    return found[0] if len(found) == 1 else None


def history(version: PolicyVersion) -> list[dict[str, Any]]:
    """What happened to a version and who did it, the oldest first, from the log."""
    events = Event.objects.filter(type__in=list(MOVES), body__contains=version.pk).order_by("pk")[:500]
    return [_told(json.loads(event.body), version) for event in events]


def _told(body: dict[str, Any], version: PolicyVersion) -> dict[str, Any]:
    move, actor = MOVES[body["type"]], body["actor"]["name"]
    if body["data"]["policy"] != version.pk:
        left = "went back to" if body["type"] == "policy.rolled_back" else "activated"
        move = f"{left} {short(body['data']['policy'])} in its place"
    return {"at": body["at"], "actor": actor, "move": move}


def short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def scored(score: dict[str, Any] | None) -> str:
    """A backtest's score in words: over what it was counted, and what it is made of."""
    if score is None:
        return ""
    proposals = score.get("proposals", 0)
    if not isinstance(proposals, int):
        return "measured"
    if not proposals:
        return "validated without recorded proposals, so there is no score"
    told = f"of {proposals:,} recorded proposals"
    if "passed" not in score:
        return f"{told} nothing else was noted"
    passed, blocked = _count(score["passed"]), _count(score["blocked"])
    told += f" {passed:,} would pass by themselves" + (
        f" (people had rejected {_count(score['passed_rejected']):,} of these"
        f" and edited {_count(score['passed_edited']):,})"
        if passed
        else ""
    )
    told += f", {blocked:,} would be blocked" + (
        f" (people had approved {_count(score['blocked_approved']):,} of these)" if blocked else ""
    )
    told += f", people look at the other {max(proposals - passed - blocked, 0):,}"
    errors = score.get("errors")
    return told + (f"; {errors:,} times a rule failed" if isinstance(errors, int) and errors else "")


def _count(share: Any) -> int:
    """Of a share as it is kept: how many."""
    count = share.get("count") if isinstance(share, dict) else None
    return count if isinstance(count, int) else 0
