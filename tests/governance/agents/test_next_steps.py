from __future__ import annotations

from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from governance.agents import next_steps
from governance.models import PolicyVersion
from governance.policies import lifecycle
from governance.policies.find import scored
from tests.conftest import in_force
from tests.pages import in_one_line
from tests.reviewapp.web.test_pages import browser

TEXT = "version: 1\ndefaults: {verdict: review}\n"


def test_a_policy_says_who_does_what_next(ana: Any, olga: Any, pia: Any) -> None:
    version = lifecycle.draft(TEXT, author=olga)[0]

    def told(person: Any) -> str:
        return next_steps.of_policy(PolicyVersion.objects.get(pk=version.pk), person)

    assert told(olga) == "Run a backtest, which validates it."
    lifecycle.mark_validated(version, {"proposals": 0}, actor=SYSTEM)
    assert told(olga) == "Ask another operator to approve it: it is yours."
    assert told(pia) == "Read it, and approve it or leave it."
    assert b"Read it, and approve it or leave it." in browser(pia).get("/governance/policies/").content
    assert b"waits for a second person" in browser(pia).get("/governance/policies/").content
    lifecycle.approve(version, by=pia)
    assert told(olga) == "Activate it."
    lifecycle.activate(version, by=olga)
    assert told(olga) == ""


SHARES = {"passed": 12, "passed_rejected": 1, "passed_edited": 2, "blocked": 3, "blocked_approved": 0}


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (None, ""),
        ({"proposals": "x"}, "measured"),
        ({"proposals": 0}, "validated without recorded proposals, so there is no score"),
        ({"proposals": 4}, "of 4 recorded proposals nothing else was noted"),
        (
            {"proposals": 1040, "errors": 2, **{name: {"count": n} for name, n in SHARES.items()}},
            "of 1,040 recorded proposals 12 would pass by themselves (people had rejected 1 of these and"
            " edited 2), 3 would be blocked (people had approved 0 of these), people look at the other"
            " 1,025; 2 times a rule failed",
        ),
    ],
)
def test_a_score_says_what_it_is_made_of(score: Any, said: str) -> None:
    assert scored(score) == said


def test_the_simulator_lets_one_choose(propose: Any, ana: Any, olga: Any, agent: Any) -> None:
    in_force(TEXT)
    proposal = propose()
    found = browser(olga).get("/governance/simulator/").context
    assert [one["id"] for one in found["proposals"]] == [str(proposal.pk)]
    assert found["proposals"][0]["label"].startswith(proposal.sentence)
    assert found["agents"] == [agent.name]
    chosen = browser(olga).get(f"/governance/simulator/?proposal={proposal.pk}")
    assert f'<option value="{proposal.pk}" selected>' in in_one_line(chosen.content.decode())
