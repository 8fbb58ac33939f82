"""Templates as they are sent: how they are indented is for those who write them, and a sixth of a page."""

from __future__ import annotations

import re

from django.template import Origin
from django.template.loaders.filesystem import Loader

_INDENTATION = re.compile(r"\n[ \t]+")
_TO_THE_LETTER = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL)


class Unindented(Loader):
    """Our HTML without what its lines begin with. Values are put in later and stay as they are."""

    def get_contents(self, origin: Origin) -> str:
        text = super().get_contents(origin)
        return unindented(text) if str(origin.name).endswith(".html") else text


def unindented(text: str) -> str:
    """The template's text; what stands in <pre> is kept to the letter."""
    parts = _TO_THE_LETTER.split(text)
    parts[::2] = [_INDENTATION.sub("\n", part) for part in parts[::2]]
    return "".join(parts)
