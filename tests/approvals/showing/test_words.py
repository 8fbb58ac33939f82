"""Names one after the other, and what became of a proposal."""

from __future__ import annotations

import pytest

from approvals.showing.names import listed
from approvals.showing.statuses import status_label
from suggestions.models import Proposal, Resolution


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["Ana"], "Ana"),
        (["Ana", "Ben"], "Ana and Ben"),
        (["Ana", "Ben", "Cyd"], "Ana, Ben and Cyd"),
        (("Ana", "Ben and Cyd"), "Ana and Ben and Cyd"),
        (["", ""], " and "),
    ],
)
def test_names_are_read_one_after_the_other(names: list[str], said: str) -> None:
    assert listed(names) == said


@pytest.mark.parametrize(
    ("status", "by", "name", "said"),
    [
        ("pending", "human", "Ana", ""),
        ("approved", "human", "Ana", "approved by Ana"),
        ("approved", "policy", "the policy", "approved by the policy"),
        ("withdrawn", "agent", "support-bot", "withdrawn by support-bot"),
        ("expired", "timer", "the system", "expired"),
        ("rejected", "human", "\u202eAna\u200b", "rejected by [U+202E]Ana[U+200B]"),
    ],
)
def test_a_status_says_by_whom(status: str, by: str, name: str, said: str) -> None:
    proposal = Proposal(status=status)
    Resolution(proposal=proposal, status=status, by=by, actor_name=name)
    assert status_label(proposal) == said


def test_a_status_without_a_resolution_is_said_alone(db: None) -> None:
    assert status_label(Proposal(status="blocked")) == "blocked"
