"""What is asked of those who decide: read from the verdict, and only ever made stricter afterwards."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.models import Risk
from governance.policies.obligations import Obligations
from governance.policies.policy import Matched, Policy, PolicyText
from governance.policies.verdict import Verdict, judge
from suggestions.answering.obligations import obligations_of, raise_to
from suggestions.models import Proposal
from tests.governance.policies.test_merge import SAID
from tests.searching import searched

STRICTER: dict[str, Any] = {
    "approvals": lambda a, b: a >= b,
    "rejections": lambda a, b: a <= b,  # fewer have to say no
    "four_eyes": lambda a, b: a >= b,
    "owner_may_approve": lambda a, b: a <= b,
    "step_up": lambda a, b: a >= b,
    "grace": lambda a, b: a >= b,
    "bulk": lambda a, b: a <= b,
}


def verdict_of(said: Obligations) -> Verdict:
    return judge(Policy(PolicyText(version=1), None), [[Matched("r", said)]])


def handed_in(said: Obligations, risk: int = Risk.LOW) -> Proposal:
    """A proposal as it comes in, with this verdict; in no database."""
    verdict = verdict_of(said)
    return Proposal(
        verdict=verdict.as_json(),
        raised={},
        team_id=verdict.team,
        also_teams=[team for team in verdict.teams if team != verdict.team],
        approvals_needed=verdict.approvals,
        risk=risk,
    )


def asks(**said: Any) -> Obligations:
    return Obligations.model_validate(said)


@pytest.mark.parametrize(
    ("said", "risk", "name", "value"),
    [
        ({}, 0, "approvals", 1),
        ({}, 0, "rejections", 1),  # one no ends it
        ({"rejections": 2}, 0, "rejections", 2),
        ({}, 0, "four_eyes", False),
        ({"approvals": 2}, 0, "four_eyes", True),  # who edits does not count where two have to agree
        ({"approvals": 2, "four_eyes": False}, 0, "four_eyes", False),
        ({"four_eyes": True}, 0, "four_eyes", True),
        ({}, 0, "owner_may_approve", False),
        ({"owner_may_approve": True}, 0, "owner_may_approve", True),
        ({}, Risk.HIGH, "step_up", False),
        ({}, Risk.CRITICAL, "step_up", True),
        ({"step_up": False}, Risk.CRITICAL, "step_up", True),  # nothing waives it
        ({"step_up": True}, 0, "step_up", True),
        ({}, 0, "grace", 0),
        ({"grace": "10m"}, 0, "grace", 600),
        ({}, 0, "bulk", True),
        ({"bulk": False}, 0, "bulk", False),
    ],
)
def test_what_nobody_says_has_a_careful_default(
    said: dict[str, Any], risk: int, name: str, value: Any
) -> None:
    assert getattr(obligations_of(handed_in(asks(**said), risk)), name) == value


@searched(200)
@given(SAID, SAID, st.sampled_from(Risk), st.sampled_from(Risk))
def test_an_edit_never_asks_for_less(
    before: Obligations, later: Obligations, risk: Risk, edited: Risk
) -> None:
    proposal = handed_in(before, risk)
    was, teams = obligations_of(proposal), proposal.teams

    raise_to(proposal, verdict_of(later), risk=edited)

    now = obligations_of(proposal)
    assert all(is_stricter(getattr(now, name), getattr(was, name)) for name, is_stricter in STRICTER.items())
    assert set(proposal.teams) >= set(teams)
    assert proposal.teams[0] == teams[0]  # who is asked first stays
    assert proposal.risk == max(risk, edited)


@searched(200)
@given(SAID, SAID, st.sampled_from(Risk))
def test_an_edit_asks_for_all_that_the_later_verdict_does(
    before: Obligations, later: Obligations, risk: Risk
) -> None:
    proposal, asked = handed_in(before, risk), handed_in(later, risk)

    raise_to(proposal, verdict_of(later), risk=risk)

    now, wanted = obligations_of(proposal), obligations_of(asked)
    assert all(is_stricter(getattr(now, n), getattr(wanted, n)) for n, is_stricter in STRICTER.items())
    assert set(proposal.teams) >= set(asked.teams)


@searched(100)
@given(SAID, SAID, st.sampled_from(Risk))
def test_the_same_again_changes_nothing_and_says_so(
    before: Obligations, later: Obligations, risk: Risk
) -> None:
    proposal = handed_in(before, risk)
    raise_to(proposal, verdict_of(later), risk=risk)
    once = deepcopy({f: getattr(proposal, f) for f in ("approvals_needed", "also_teams", "risk", "raised")})

    assert raise_to(proposal, verdict_of(later), risk=risk) == []
    assert {name: getattr(proposal, name) for name in once} == once


@pytest.mark.parametrize(
    ("later", "risk", "changed"),
    [
        ({}, Risk.LOW, []),
        ({"approvals": 2}, Risk.LOW, ["approvals_needed", "also_teams"]),
        ({"team": "finance"}, Risk.LOW, ["approvals_needed", "also_teams"]),
        ({}, Risk.HIGH, ["risk"]),
        ({"step_up": True}, Risk.LOW, ["raised"]),
        ({"grace": "1h"}, Risk.HIGH, ["risk", "raised"]),
        ({"priority": 99, "decide_within": "1s", "sample": 1}, Risk.LOW, []),  # these are of the queue
    ],
)
def test_the_fields_that_were_changed_are_named(later: dict[str, Any], risk: int, changed: list[str]) -> None:
    assert raise_to(handed_in(asks()), verdict_of(asks(**later)), risk=risk) == changed
