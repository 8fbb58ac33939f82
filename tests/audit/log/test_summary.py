from __future__ import annotations

import json
from typing import Any

import pytest

from audit.log.summary import LONGEST, summary

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({}, ""),
        ({"rank": 1, "action": "refund@1"}, "rank 1 · action refund@1"),
        ({"action_digest": DIGEST}, "action digest sha256:abababa…"),
        ({"execution": "01a20424-4d38-7c96-8696-50b2fa3c0c27", "fence": 2}, "fence 2"),
        ({"rules": ["a", "b"], "nothing": None, "deep": {"x": 1}, "ok": True}, "rules a, b · ok true"),
    ],
)
def test_a_summary_tells_the_facts_and_leaves_identifiers_out(data: Any, line: str) -> None:
    assert summary(json.dumps({"data": data})) == line


def test_a_long_summary_ends_with_an_ellipsis() -> None:
    line = summary(json.dumps({"data": {"note": "x" * 500}}))
    assert len(line) == LONGEST
    assert line.endswith("…")
