"""`docs/events.md`, written from the list of event types."""

from __future__ import annotations

from itertools import groupby

from audit.log.event_fields import COUNT, FIELDS, FLAG, LIST, NUMBER, OBJECT, TEXT, Field
from audit.log.event_types import EVENT_TYPES, EventType

_HEAD = """\
# Events

Everything that matters becomes an event of the log, written in the transaction of the change that it tells
of. This page lists every type: `record` refuses any other, and data of another shape. It is made from
`audit/log/event_types.py` by `python manage.py list_events`.

Each event is one line of canonical JSON (RFC 8785):

| name | what it holds |
| --- | --- |
| `v` | version of this format: 1 |
| `id` | UUID, version 7 |
| `type` | one of the types below |
| `at` | the database's time, UTC, with microseconds |
| `actor` | who did it: `type` (user, agent, system), `id`, `name`, and how they proved who they are |
| `proposal` | id of the proposal that it is about, if of one |
| `data` | facts: versions, digests and commitments, never personal or free text |

A *commitment* is a salted digest of words that stand elsewhere. What is marked with ? may be missing.
"""
_SHAPES = {
    TEXT: "text",
    NUMBER: "number",
    COUNT: "whole number",
    FLAG: "true or false",
    LIST: "list",
    OBJECT: "object",
}


def events_page() -> str:
    """The whole page, as Markdown: the types by what they are about, then what their facts mean."""
    types = sorted(EVENT_TYPES.values(), key=lambda one: one.name)
    lines = [_HEAD]
    for noun, found in groupby(types, key=lambda one: one.noun):
        lines += [f"## {noun.replace('_', ' ').capitalize()}", ""]
        lines += ["| type | who did what | written by | data |", "| --- | --- | --- | --- |"]
        lines += [*map(_row, found), ""]
    lines += ["## Data", "", "| name | shape | what it holds |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {_SHAPES[field.shape]} | {field.said} |" for name, field in FIELDS.items()]
    return "\n".join([*lines, ""])


def _row(event: EventType) -> str:
    told = f" Notices tell {event.tells.value}." if event.tells else ""
    data = ", ".join(_named(name, field, name in event.optional) for name, field in event.data.items())
    return f"| `{event.name}` | Somebody {event.did}{told} | `{event.floor}` | {data} |"


def _named(name: str, field: Field, is_optional: bool) -> str:
    """The name of a fact, with what it holds where that is not what it holds elsewhere."""
    own = f" ({field.said})" if FIELDS.get(name) is not field else ""
    return f"`{name}`{'?' if is_optional else ''}{own}"
