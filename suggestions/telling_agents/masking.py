"""What people may see of a message and of what was answered to it: without the values that are marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from governance.models import ActionType
from governance.schemas.data_classes import MASK, SensitivePlaces, masked
from governance.showing.sentences import wording
from suggestions.models import Callback, Suggestion
from suggestions.models.callbacks import LONGEST_ANSWER

SHORTEST = 4  # letters of a value that is looked for in an answer: less is anywhere


def payload(callback: Callback) -> dict[str, Any]:
    """What the message says, with a mark in the place of each argument that is sensitive."""
    arguments = callback.data.get("arguments")
    if not isinstance(arguments, dict):
        return dict(callback.data)
    shown: Any = arguments
    for found in _places(callback, arguments):
        shown = masked(shown, found) if isinstance(shown, dict) else shown
    return {**callback.data, "arguments": shown}


def kept(answer: str, callback: Callback, secrets: Sequence[str]) -> str:
    """How an answer begins, as it may be stored: secrets and sensitive values that it repeats are masked."""
    if not answer:
        return ""
    for secret in secrets:
        answer = answer.replace(secret, MASK).replace(secret.removeprefix("whsec_"), MASK)
    for value in sorted(_sensitive_values(callback), key=len, reverse=True):
        answer = answer.replace(value, MASK)
    return answer.replace("\x00", "\ufffd")[:LONGEST_ANSWER]


def _sensitive_values(callback: Callback) -> set[str]:
    arguments = callback.data.get("arguments")
    if not isinstance(arguments, dict):
        return set()
    values = {
        text
        for found in _places(callback, arguments)
        for place in found.sensitive
        for text in _texts(_at(arguments, place))
    }
    return {value for value in values if len(value) >= SHORTEST}


def _places(callback: Callback, arguments: dict[str, Any]) -> list[SensitivePlaces]:
    """Where the arguments are sensitive, by the action types that they may be of."""
    return [wording(action_type).marks.of(arguments) for action_type in _action_types(callback)]


def _action_types(callback: Callback) -> list[ActionType]:
    """The one that the message names, by its suggestion or itself; else each that was suggested."""
    suggestions = Suggestion.objects.filter(proposal=callback.proposal_id).select_related("action_type")
    each = {one.action_type_id: one.action_type for one in suggestions}
    named = (callback.data.get("action"), callback.data.get("version"))
    meant = [
        one.action_type
        for one in suggestions
        if str(one.pk) == callback.data.get("suggestion")
        or (one.action_type.name, one.action_type.version) == named
    ]
    return meant[:1] or list(each.values())


def _at(value: Any, place: Sequence[str | int]) -> Any:
    for step in place:
        value = value[step]
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)
