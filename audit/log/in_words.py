"""Each event as a whole sentence: who did what."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from audit.log.event_types import EVENT_TYPES
from audit.log.summary import said, worth_telling

_NOTHING = "not said"


def sentence(body: str) -> str:
    """Who did what, in words; of a type that another version wrote still a sentence."""
    event = json.loads(body)
    kind, actor, data = event["type"], event["actor"]["name"], event.get("data", {})
    told = {name: said(value) for name, value in data.items() if worth_telling(value)}
    facts = defaultdict(lambda: _NOTHING, told)
    known = EVENT_TYPES.get(kind)
    if known is None:
        return f"{actor} wrote down: {label(kind).lower()}."
    return f"{actor} {known.did.format_map(facts)}".replace(f" ({_NOTHING})", "")


def is_refusal(kind: str) -> bool:
    """Somebody asked for what they may not have, or came too late: many of them say little each."""
    return kind.endswith(".refused") and kind != "execution.refused"


def label(kind: str) -> str:
    """A type of event for a list of choices: "Proposal submitted"."""
    noun, _, participle = kind.partition(".")
    return f"{noun} {participle}".replace("_", " ").strip().capitalize()


def grouped(kinds: list[str]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The types as choices by what they are about: its prefix, its label, the types with theirs."""
    by_noun: dict[str, list[tuple[str, Any]]] = {}
    for kind in kinds:
        by_noun.setdefault(kind.partition(".")[0], []).append((kind, label(kind)))
    return [(f"{noun}.", f"Everything about: {label(noun).lower()}", rows) for noun, rows in by_noun.items()]
