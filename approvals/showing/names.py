"""Several names as one reads them."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """As in "Ana", "Ana and Ben", "Ana, Ben and Cyd"; empty for none."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
