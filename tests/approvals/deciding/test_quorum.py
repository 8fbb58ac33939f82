"""Who counts among those who agree, whatever order they said it in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.deciding.quorum import counting_among, disagree, missing_teams, standing_of
from approvals.models import Decision
from suggestions.answering.obligations import obligations_of
from suggestions.models import Proposal

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def said(person: int, minute: int = 0, *, edited: bool = False, **fields: Any) -> Decision:
    return Decision(
        **{
            "pk": UUID(int=person),
            "reviewer_id": person,
            "verdict": "approve",
            "action_digest": "sha256:1",
            "standing": True,
            "at": BEGIN + timedelta(minutes=minute),
            "arguments": {"amount": 1} if edited else None,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("decisions", "alone", "with_four_eyes"),
    [
        ([], (), ()),
        ([said(1)], (1,), (1,)),
        ([said(1, edited=True)], (1,), ()),
        ([said(1, edited=True), said(2, 1)], (1, 2), (2,)),
        ([said(1, 1, edited=True), said(2, 0, edited=True)], (1, 2), (1,)),  # the first who edited
        ([said(1), said(1, 1)], (1,), (1,)),
        ([said(1, edited=True), said(1, 1)], (1,), ()),  # saying it twice does not help
        ([said(3), said(1), said(2)], (3, 1, 2), (3, 1, 2)),
    ],
)
def test_who_made_the_action_does_not_count_where_four_eyes_are_asked_for(
    decisions: list[Decision], alone: tuple[int, ...], with_four_eyes: tuple[int, ...]
) -> None:
    assert counting_among(decisions, four_eyes=False) == alone
    assert counting_among(decisions, four_eyes=True) == with_four_eyes


WHO, WHEN, EDITED = st.integers(1, 4), st.integers(0, 3), st.booleans()


@settings(max_examples=60)
@given(st.lists(st.tuples(WHO, WHEN, EDITED), max_size=6), st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_read_does_not_count(
    of_each: list[tuple[int, int, bool]], random: Any
) -> None:
    decisions = [said(who, when, edited=edited) for who, when, edited in of_each]
    shuffled = random.sample(decisions, len(decisions))
    for four_eyes in (False, True):
        counting = counting_among(decisions, four_eyes=four_eyes)
        assert set(counting_among(shuffled, four_eyes=four_eyes)) == set(counting)
        assert len(set(counting)) == len(counting)
    assert set(counting_among(decisions, four_eyes=True)) <= set(counting_among(decisions, four_eyes=False))
    assert (
        len(counting_among(decisions, four_eyes=False)) - len(counting_among(decisions, four_eyes=True)) <= 1
    )


@pytest.mark.parametrize(
    ("decisions", "needed", "enough"),
    [
        ([], 2, False),
        ([said(1)], 1, False),
        ([said(1), said(2)], 0, True),
        ([said(1), said(2), said(3)], 0, True),
        ([said(1), said(2, standing=False)], 1, False),
        ([said(1), said(2, verdict="reject")], 1, False),
        ([said(1), said(2, action_digest="sha256:2")], 1, False),
    ],
)
def test_enough_is_so_many_of_exactly_this_action(
    decisions: list[Decision], needed: int, enough: bool
) -> None:
    asked = obligations_of(Proposal(risk=1, verdict={"four_eyes": False}, approvals_needed=2))

    standing = standing_of(Proposal(team_id="operations"), "sha256:1", decisions, asked)

    assert (standing.needed, standing.enough, standing.editor) == (needed, enough, None)


def test_where_one_team_is_asked_any_of_them_is_enough() -> None:
    proposal = Proposal(team_id="operations")
    assert missing_teams(proposal, []) == ["operations"]
    assert missing_teams(proposal, [7]) == []


@pytest.mark.parametrize(
    ("decisions", "differ"),
    [
        ([], False),
        ([said(1)], False),
        ([said(1), said(2)], False),
        ([said(1), said(2, action_digest="sha256:2")], True),
        ([said(1), said(2, action_digest="sha256:2", standing=False)], False),
        ([said(1), said(2, action_digest="", verdict="reject")], False),
    ],
)
def test_people_disagree_who_stand_behind_different_actions(decisions: list[Decision], differ: bool) -> None:
    assert disagree(decisions) is differ
