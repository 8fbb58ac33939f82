"""What a proposal asks for in figures: the little of it that later proposals are judged by.

`{"": "refund_payment", "amount": 54.04}`: under each argument the greatest number that any of the
suggestions asks for, under `""` the action. Where suggestions name several actions, `""` holds each
with its own numbers. Once something is approved, only that counts, as it was approved.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import md5, sha256
from typing import Any
from uuid import UUID

from audit.ground.canonical import canonical
from audit.ground.refusals import Invalid
from suggestions.models import Proposal, Suggestion

MOST_BYTES = 2_000  # it stands in indexes, whose entries are at most 2,700 bytes
MOST_MARKS = 64


def asked_for(suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    """Of an open proposal. Raises `Invalid` for far more numbers than any action needs."""
    by_action: dict[str, dict[str, Any]] = {}
    for suggestion in suggestions:
        numbers = by_action.setdefault(suggestion.action_type.name, {})
        _raise(numbers, _numbers(suggestion.arguments))
    if len(by_action) == 1:
        [(action, numbers)] = by_action.items()
        found: dict[str, Any] = {"": action, **numbers}
    else:
        found = {"": by_action}
        for numbers in by_action.values():
            _raise(found, numbers)
    return _bounded(found)


def approved(action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Of an approved proposal: nothing but the action as it was approved, edits included."""
    return _bounded({"": action, **_numbers(arguments)})


def _bounded(found: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(found)) > MOST_BYTES:
        raise Invalid.field("/suggestions", "Their arguments have too many numbers at the top level.")
    return found


def of_action(numbers: dict[str, Any], action: str) -> dict[str, Any] | None:
    """What is asked for of one action (of any, if it is empty); None where it isn't asked for."""
    named = numbers.get("")
    if not action or named == action:
        return numbers
    return named.get(action) if isinstance(named, dict) else None


def _numbers(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        n: v for n, v in arguments.items() if n and isinstance(v, int | float) and not isinstance(v, bool)
    }


def _raise(numbers: dict[str, Any], others: dict[str, Any]) -> None:
    for name, value in others.items():
        numbers[name] = max(value, numbers.get(name, value))


def marks(key: UUID, arguments: dict[str, Any]) -> list[UUID]:
    """A mark for each plain value, and each plain value in a list, at the top level of the arguments."""
    found: dict[UUID, None] = {}
    for name, value in arguments.items():
        for one in value if isinstance(value, list) else [value]:
            if _is_plain(one) and len(found) < MOST_MARKS:
                found[mark(key, name, one)] = None
    return list(found)


def mark(key: UUID, argument: str, value: str | int | float) -> UUID:
    """The same for 54 and 54.0; different for each key, so that marks of several can't be joined."""
    return UUID(bytes=sha256(key.bytes + canonical([argument, value])).digest()[:16])


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def subject_key(type: str, id: str) -> UUID | None:
    """As the database makes it; None for a proposal that names no subject."""
    if not id:
        return None
    return UUID(md5(f"{type}\n{id}".encode(), usedforsecurity=False).hexdigest())


def keys_of(proposal: Proposal) -> list[UUID]:
    """Whose past it belongs to: the agent's, and the subject's if it names one."""
    subject = subject_key(proposal.subject_type, proposal.subject_id)
    return [proposal.agent_id, subject] if subject else [proposal.agent_id]
