"""Templates as they are sent: how they are laid out is for those who write them, and a fifth of a page."""

from __future__ import annotations

import re

from django.template import Origin
from django.template.loaders.filesystem import Loader

_TO_THE_LETTER = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL)
_INDENTATION = re.compile(r"\n[ \t]+")
# The end of a line on which nothing stands but what decides on others; the line before it has ended already.
_EMPTY = re.compile(r"(?<=\n)((?:{% (?:if|elif|else|endif|for|empty|endfor|with|endwith)\b[^\n}]*%})+)\n")


class Unindented(Loader):
    """Our HTML without what its lines begin with, and without lines that would be empty.

    Values are put in later and stay as they are.
    """

    def get_contents(self, origin: Origin) -> str:
        text = super().get_contents(origin)
        return unindented(text) if str(origin.name).endswith(".html") else text


def unindented(text: str) -> str:
    """The template's text; what stands in <pre> is kept to the letter."""
    parts = _TO_THE_LETTER.split(text)
    parts[::2] = [_EMPTY.sub(r"\1", _INDENTATION.sub("\n", part)) for part in parts[::2]]
    return "".join(parts)
