"""How the API writes JSON: numbers have one spelling, and a replayed answer is the first one to the byte."""

from __future__ import annotations

import re
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer

from audit.asking.answers import Answer
from audit.ground.canonical import canonical

READING = {"GET", "HEAD"}
# What pydantic spells otherwise than RFC 8785: whole numbers with a fraction, and exponents. Inside a string
# it costs time only. Apart, as each is looked for by how it begins.
_OTHERWISE = [re.compile(r"\.0[,\]}]"), re.compile(r"e[+-]?\d+[,\]}]")]


class AnswerRenderer(JSONRenderer):
    """Canonical JSON where the data has that form; the framework's own otherwise.

    What only reads has its members in the order of the model: it is not given twice, and costs a third.
    """

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        if not isinstance(data, Answer):
            return self._sorted(data, accepted_media_type, renderer_context)
        if _reads(renderer_context):
            text = data.as_text()
            if not any(spelling.search(text) for spelling in _OTHERWISE):
                return text.encode()
        return self._sorted(data.as_json(), accepted_media_type, renderer_context)

    def _sorted(self, members: Any, accepted_media_type: Any, renderer_context: Any) -> bytes:
        try:
            return canonical(members)
        except (TypeError, ValueError):
            return super().render(members, accepted_media_type, renderer_context)


def _reads(context: Any) -> bool:
    request = (context or {}).get("request")
    return request is not None and request.method in READING


class JSONOnly(DefaultContentNegotiation):
    """There is one way to answer, whatever is asked for; bodies are still told apart by their type."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type
