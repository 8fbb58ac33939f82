"""Notices in words: what happened, for which team, how risky, how many, and where to look.

Nothing else is at hand here: no title, no sentence, no argument, no name of a customer or an agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode

from approvals.models.kinds import Kind
from governance.models import Risk

PRODUCT = "reviewapp"


@dataclass(frozen=True)
class NoticeInWords:
    """A line as people read it, and the address on this site where what it tells of is."""

    text: str
    path: str


def said(
    kind: str,
    *,
    team: str,
    team_slug: str,
    risk: int,
    urgent: bool,
    count: int,
    proposals: Sequence[UUID],
    incident: UUID | None = None,
) -> NoticeInWords:
    """One notice in words."""
    if kind == Kind.INCIDENT:
        path = reverse("incidents:one", args=[incident]) if incident else reverse("incidents:list")
        return NoticeInWords(f"An incident of {team} waits for somebody to take it on", path)
    path = _path(kind, team_slug, count, proposals)
    if kind == Kind.TARGET:
        return NoticeInWords("An address of yours stopped working, and nothing is sent there any more", path)
    if kind == Kind.PAUSED:
        return NoticeInWords(_PAUSED, path)
    if kind in _OF_THE_ACCOUNT:
        return NoticeInWords(_OF_THE_ACCOUNT[Kind(kind)], path)
    one = count == 1
    how = f", {Risk(risk).label} risk" if one else ", high or critical risk" if urgent else ""
    return NoticeInWords(
        _WORDS[Kind(kind)][0 if one else 1].format(count=f"{count:,}", team=team) + how, path
    )


_PAUSED = "A callback address of an agent of yours is paused: nothing arrives there"
_OF_THE_ACCOUNT: dict[Kind, str] = {
    Kind.FAILED_TRIES: "Somebody tried wrong passwords for your account. If it was not you, choose another",
    Kind.NEW_DEVICE: "You signed in from a new browser. If it was not you, change your password",
}
_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.NEW: ("1 new proposal for {team}", "{count} new proposals for {team}"),
    Kind.ASSIGNED: ("A proposal for {team} was assigned to you", "{count} proposals were assigned to you"),
    Kind.REMINDER: ("A proposal for {team} is due soon", "{count} proposals for {team} are due soon"),
    Kind.ESCALATED: ("A proposal was escalated to {team}", "{count} proposals were escalated to {team}"),
    Kind.SECOND: (
        "A proposal for {team} waits for a second person",
        "{count} proposals for {team} wait for a second person",
    ),
    Kind.OVERTAKEN: (
        "A proposal for {team} ended otherwise than you had said",
        "{count} proposals ended otherwise than you had said",
    ),
    Kind.UNDONE: (
        "Somebody undid an approval for {team} that you had given too",
        "{count} approvals that you had given too were undone",
    ),
    Kind.TAKEN_OVER: (
        "Somebody took over a proposal for {team} that you had claimed",
        "{count} proposals that you had claimed were taken over",
    ),
    Kind.ATTENTION: (
        "What you approved for {team} is not carried out as it should be and needs attention",
        "{count} things that you approved need attention",
    ),
    Kind.STUCK: (
        "Something approved for {team} is not carried out as it should be and waits to be seen to",
        "{count} things approved for {team} are not carried out as they should be and wait to be seen to",
    ),
    Kind.CHECK: (
        "Something for {team} passed by itself and is to be checked",
        "{count} things for {team} passed by themselves and are to be checked",
    ),
    Kind.BY_HAND: (
        "Something is to be done by hand by {team}",
        "{count} things are to be done by hand by {team}",
    ),
}


def _path(kind: str, team: str, count: int, proposals: Sequence[UUID]) -> str:
    if kind == Kind.TARGET:
        return reverse("approvals:notice-settings")
    if kind in _OF_THE_ACCOUNT:
        return reverse("account_change_password")
    if kind == Kind.CHECK:
        return reverse("approvals:check")
    if kind == Kind.BY_HAND:
        return f"{reverse('approvals:by-hand')}?{urlencode({'team': team})}"
    if kind == Kind.PAUSED:
        return reverse("callbacks:paused")
    if count == 1 and proposals:
        return reverse("approvals:proposal", args=[proposals[0]])
    return f"{reverse('approvals:queue')}?{urlencode({'team': team})}" if team else reverse("approvals:queue")


def message(lines: Sequence[NoticeInWords]) -> tuple[str, str]:
    """Title and text of a message that says all of this, the weightiest first."""
    first, *rest = lines
    title = f"{PRODUCT}: {first.text}" + (f", and {len(rest)} more" if rest else "")
    body = "\n\n".join(f"{line.text}:\n{settings.PUBLIC_URL}{line.path}" for line in lines)
    foot = f"How you are told: {settings.PUBLIC_URL}{reverse('approvals:notice-settings')}"
    return title[:200], f"{body}\n\n{foot}"


def test_message() -> tuple[str, str]:
    """What is sent to try an address."""
    foot = f"How you are told: {settings.PUBLIC_URL}{reverse('approvals:notice-settings')}"
    return f"{PRODUCT}: a test", f"Notices arrive here.\n\n{foot}"
