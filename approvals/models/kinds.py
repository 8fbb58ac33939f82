"""What there is to tell a person, and how each of it is told where they wished nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from governance.models import Risk


class Kind(models.TextChoices):
    """What happened. A notice says this, a team, a risk and a number; nothing of what an agent wrote."""

    NEW = "new"
    ASSIGNED = "assigned"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    SECOND = "second", "second person"
    OVERTAKEN = "overtaken"
    UNDONE = "undone"
    TAKEN_OVER = "taken_over", "claim taken over"
    ATTENTION = "attention", "needs attention"
    STUCK = "stuck", "waits for the team"
    INCIDENT = "incident"
    CHECK = "check"
    BY_HAND = "by_hand", "to be done by hand"
    PAUSED = "paused", "an agent can’t be told"
    TARGET = "target", "an address stopped working"
    FAILED_TRIES = "failed_tries", "somebody tried to sign in as you"
    NEW_DEVICE = "new_device", "signed in from a new browser"


OF_THE_ACCOUNT = frozenset({Kind.TARGET, Kind.FAILED_TRIES, Kind.NEW_DEVICE})  # not about proposals


class Outside(models.TextChoices):
    """How something is told to a person's addresses."""

    OFF = "off", "not at all"
    DIGEST = "digest", "in the digest"
    AT_ONCE = "at_once", "at once"


@dataclass(frozen=True)
class Wish:
    """How one topic is told: in the list behind the bell, by the browser, to the person's addresses."""

    page: bool = True
    browser: bool = False
    outside: str = Outside.OFF


@dataclass(frozen=True)
class Topic:
    """A line of the settings: what people choose for together."""

    name: str
    words: str
    usual: Wish
    help: str = ""


TOPICS = (
    Topic("new_urgent", "New, of high or critical risk", Wish(browser=True, outside=Outside.AT_ONCE)),
    Topic("new_calm", "New, of low or medium risk", Wish(outside=Outside.DIGEST)),
    Topic("assigned", "Assigned to me", Wish(browser=True, outside=Outside.AT_ONCE)),
    Topic("reminder", "A deadline comes near", Wish(browser=True, outside=Outside.AT_ONCE)),
    Topic("escalated", "Escalated to my team", Wish(browser=True, outside=Outside.AT_ONCE)),
    Topic(
        "second",
        "Waits for a second person",
        Wish(outside=Outside.DIGEST),
        "Somebody approved, one more is needed.",
    ),
    Topic(
        "overtaken",
        "Ended otherwise than I said",
        Wish(outside=Outside.DIGEST),
        "Decided against me, undone by somebody else, or my claim was taken over.",
    ),
    Topic("attention", "What I approved needs attention", Wish(browser=True, outside=Outside.AT_ONCE)),
    Topic(
        "stuck",
        "Waits for my team to see to it",
        Wish(browser=True, outside=Outside.AT_ONCE),
        "It could not be carried out, or nobody knows whether it was. Reminders come until it is seen to.",
    ),
    Topic(
        "incident",
        "An incident of my team",
        Wish(browser=True, outside=Outside.AT_ONCE),
        "Something failed in silence. Reminders come until somebody takes it on.",
    ),
    Topic(
        "check",
        "To be checked afterwards",
        Wish(outside=Outside.DIGEST),
        "What passed by itself and was chosen to be looked at.",
    ),
    Topic(
        "by_hand",
        "To be done by hand",
        Wish(browser=True, outside=Outside.AT_ONCE),
        "What was approved and my team carries out, when it comes and before its time is over.",
    ),
    Topic(
        "paused",
        "An agent of mine can’t be told",
        Wish(browser=True, outside=Outside.AT_ONCE),
        "What is sent to its callback address does not arrive, so that is paused.",
    ),
)
USUAL = {topic.name: topic.usual for topic in TOPICS}
_TOPIC = {Kind.UNDONE: "overtaken", Kind.TAKEN_OVER: "overtaken"}
ALWAYS_ON_THE_PAGE = Wish()  # what no topic is about, such as an address that stopped working
SECURITY = Wish(browser=True, outside=Outside.AT_ONCE)  # nothing to choose: it is for who can't see the page


def topic_of(kind: str, *, urgent: bool) -> str:
    """The line of the settings that this falls under; empty where there is nothing to choose."""
    if kind == Kind.NEW:
        return "new_urgent" if urgent else "new_calm"
    if kind in OF_THE_ACCOUNT:
        return ""
    return _TOPIC.get(Kind(kind), kind)


def is_urgent(risk: int) -> bool:
    return risk >= Risk.HIGH


def may_ring_at_night(kind: str, risk: int) -> bool:
    """Whether it is told in quiet hours to those who wish that."""
    return risk >= Risk.CRITICAL or kind == Kind.INCIDENT
