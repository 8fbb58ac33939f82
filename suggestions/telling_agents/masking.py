"""What people may see of a message and of what was answered to it: without the values that are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from governance.models import ActionType
from governance.schemas.covering import sensitive_texts
from governance.schemas.data_classes import MASK, SensitivePlaces, masked
from governance.showing.sentences import wording
from suggestions.models import Callback, Suggestion
from suggestions.models.callbacks import LONGEST_ANSWER


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
    places = _places(callback, arguments)
    return {text for found in places for text in sensitive_texts(arguments, found)}


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
