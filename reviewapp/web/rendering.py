"""How the API writes JSON: members in one order, so that a replayed answer is the first one to the byte."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer

from audit.asking.answers import Answer
from audit.ground.canonical import canonical


class SortedJSONRenderer(JSONRenderer):
    """Canonical JSON where the data has that form; the framework's own otherwise."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        members = data.as_json() if isinstance(data, Answer) else data
        try:
            return canonical(members)
        except (TypeError, ValueError):
            return super().render(members, accepted_media_type, renderer_context)


class JSONOnly(DefaultContentNegotiation):
    """There is one way to answer, whatever is asked for; bodies are still told apart by their type."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type
