"""What carrying out an action means: who does it, what it may do, and how far it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from governance.actions.words import hazards
from governance.models import ActionType
from suggestions.answering.obligations import obligations_of
from suggestions.models import Proposal


@dataclass(frozen=True, slots=True)
class Undone:
    """`sentences` say what undoing it would mean, `by` who or what carries it out."""

    sentences: list[str]
    by: str


def undone(kind: ActionType, proposal: Proposal) -> Undone:
    """What it means to let this kind of action run, here."""
    sentences = hazards(kind)
    grace = obligations_of(proposal).grace
    if grace:
        sentences.append(f"After an approval there are {grace:g} s to undo it, before anything runs.")
    return Undone(sentences, _by(kind.workflow))


def _by(workflow: Any) -> str:
    """ "shop.internal · 2 routes"; the agent itself where nothing else is known."""
    steps = workflow.get("steps", []) if isinstance(workflow, dict) else []
    routes = [route for step in steps for route in step.get("routes", [])]
    if not routes:
        return "done by the agent"
    places = list(dict.fromkeys(filter(None, map(_place, routes))))
    counted = [f"{len(steps)} steps"] if len(steps) > 1 else []
    counted += [f"{len(routes)} routes"] if len(routes) > 1 else []
    return " · ".join([", ".join(places), *counted])


def _place(route: dict[str, Any]) -> str:
    if route.get("kind") == "handback":
        return "the agent"
    return urlsplit(str(route.get("url", ""))).hostname or str(route.get("call", ""))
