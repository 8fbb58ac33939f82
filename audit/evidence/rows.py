"""An event as pages show it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import NoReverseMatch, reverse

from audit.ground.unseen import pieces
from audit.log.in_words import sentence
from audit.log.summary import summary
from audit.models import Event

LONGEST = 300


def row_of(event: Event) -> dict[str, Any]:
    """What pages show of an event; texts of others as pieces with their unseen characters marked."""
    return {
        "id": event.pk,
        "at": event.at,
        "type": event.type,
        "sentence": pieces(sentence(event.body)[:LONGEST]),
        "actor": event.actor_name,
        "proposal_id": event.proposal_id,
        "proposal_url": _proposal_url(event.proposal_id),
        "summary": summary(event.body),
        "body": pieces(event.body),
    }


def _proposal_url(proposal_id: UUID | None) -> str:
    return url_if_there("approvals:proposal", proposal_id) if proposal_id else ""


def url_if_there(name: str, *arguments: object) -> str:
    """The address of a page; empty where it is not installed: the log has its pages all the same."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
