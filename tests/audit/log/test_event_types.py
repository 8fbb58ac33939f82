"""The closed list of event types, and that nothing is written or read beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from audit.ground.actors import SYSTEM
from audit.log.event_types import EVENT_TYPES, Tells, WrongEvent, event_type
from audit.log.events_page import events_page
from audit.log.record import record
from audit.models import Event

FLOORS = ("audit", "governance", "suggestions", "execution", "approvals", "insights", "reviewapp")
ROOT = Path(settings.BASE_DIR)
# Names of the same form that mean something else: permissions, a module, a file, what rules ask for.
NO_EVENTS = re.compile(r"execution\.(view|attend)_\w+|execution\.urls|policy\.yaml|agent\.(name|stage)")


def _literals() -> Iterator[tuple[str, str]]:
    """Every literal of the product that looks like a type of event: its file, and the literal."""
    nouns = {event.noun for event in EVENT_TYPES.values()}
    for floor in FLOORS:
        for file in (ROOT / floor).rglob("*.py"):
            if "migrations" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found = re.fullmatch(r"([a-z_]+)\.[a-z_]+", node.value)
                    if found and found[1] in nouns:
                        yield file.relative_to(ROOT).as_posix(), node.value


def test_every_literal_that_names_an_event_is_in_the_list() -> None:
    found = list(_literals())
    assert len({name for _, name in found}) > 100
    assert [pair for pair in found if pair[1] not in EVENT_TYPES and not NO_EVENTS.fullmatch(pair[1])] == []


def test_every_type_is_written_somewhere_by_the_floor_that_it_names() -> None:
    """A type is written as such, or its participle is put behind its noun."""
    texts = {
        floor: "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / floor).rglob("*.py"))
        for floor in FLOORS
    }
    texts["audit"] = texts["audit"].replace((ROOT / "audit/log/event_types.py").read_text(), "")
    for event in EVENT_TYPES.values():
        noun, _, participle = event.name.partition(".")
        text = texts[event.floor]
        parts = re.search(rf'f"({noun}|{{kind}})\.{{', text) and re.search(rf"\b{participle}\b", text)
        assert f'"{event.name}"' in text or parts, event.name


def test_the_page_about_events_is_the_list() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert page == events_page(), "python manage.py list_events > docs/events.md"


def test_names_are_a_noun_and_a_participle_and_each_has_a_sentence() -> None:
    for event in EVENT_TYPES.values():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.name), event.name
        assert event.did.endswith("."), event.name
        facts = set(re.findall(r"{(\w+)}", event.did + event.on_proposal)) - {"actor"}
        assert facts <= set(event.data), event.name


def test_every_audience_is_told_of_something() -> None:
    assert {event.tells for event in EVENT_TYPES.values()} == {None, *Tells}


@pytest.mark.parametrize(
    ("type", "data", "said"),
    [
        ("proposal.eaten", {}, "proposal.eaten is not a type of event."),
        ("claim.taken", {"until": "2026-01-01", "note": "x"}, "claim.taken: note is not part of its data."),
        ("claim.taken", {}, "claim.taken: until is missing."),
        ("claim.taken", {"until": None}, "claim.taken: until is no str."),
        ("claim.taken", {"until": 5}, "claim.taken: until is no str."),
        ("sample.chosen", {"sample": "1", "share": True}, "sample.chosen: share is no int/float."),
        ("sample.chosen", {"sample": "1"}, "sample.chosen: share is missing."),
        ("second_review.dropped", {"second_review": None}, "second_review.dropped: second_review is no str."),
    ],
)
def test_nothing_else_is_written(db: None, type: str, data: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongEvent, match=re.escape(said)):
        record(type, actor=SYSTEM, data=data)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "data",
    [{"until": "2026-01-01"}, {"until": "2026-01-01", "taken_over_from": None}],
    ids=["left out", "none"],
)
def test_what_may_be_missing_may_be_none(data: dict[str, Any]) -> None:
    event_type("claim.taken").check(data)
