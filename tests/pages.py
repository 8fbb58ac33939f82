"""A page as tests read it."""

from __future__ import annotations

import re


def in_one_line(html: str) -> str:
    """The page with each run of white space as one space: where a template breaks its lines says nothing."""
    return re.sub(r" (?=>)", "", " ".join(html.split()))
