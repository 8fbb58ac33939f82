"""The table of obligations: how the words of several rules become one, and that all of it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from governance.policies.obligations import ASKS, ESCALATION, KEPT, Obligations, compared, merged
from governance.policies.policy import Matched, Policy, PolicyText
from governance.policies.verdict import judge

NOTHING = Obligations()


def asks(**said: Any) -> Obligations:
    return Obligations.model_validate(said)


@pytest.mark.parametrize(
    ("name", "mild", "strict"),
    [
        ("approvals", 1, 3),
        ("decide_within", "4h", "30m"),
        ("grace", "0s", "1m"),
        ("priority", 10, 90),
        ("risk", "medium", "critical"),
        ("sample", 0.05, 0.2),
        ("rejections", 3, 1),
        ("four_eyes", False, True),
        ("owner_may_approve", True, False),
        ("step_up", False, True),
        ("remind", "5m", "1h"),
        ("ask_again_after", "1h", "7d"),
        ("second_review", 0.0, 0.5),
        ("bulk", True, False),
        ("compensate", "automatic", "ask"),
    ],
)
def test_the_strictest_word_counts_whoever_says_it(name: str, mild: Any, strict: Any) -> None:
    wanted = asks(**{name: strict}).stated[name]
    for rules in ([mild, strict], [strict, mild], [strict], [strict, strict]):
        assert merged([asks(**{name: value}) for value in rules], NOTHING)[name] == wanted


def test_every_obligation_but_the_team_is_tried_above() -> None:
    [mark] = test_the_strictest_word_counts_whoever_says_it.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(ASKS) - {"team"}


def test_a_rule_overrules_the_defaults_in_both_directions_and_silence_leaves_them() -> None:
    defaults = asks(approvals=2, step_up=True, bulk=False)
    assert merged([asks(approvals=1, step_up=False)], defaults) == {
        "approvals": 1,
        "step_up": False,
        "bulk": False,
    }


def test_the_soonest_escalation_counts_whole_and_is_never_mixed() -> None:
    late = asks(escalate_to="board", escalate_after="2h", escalate_within="1h")
    soon = asks(escalate_to="finance", escalate_after="1h")
    without_time = asks(escalate_to="audit")

    assert merged([late, soon, without_time], NOTHING) == {"escalate_to": "finance", "escalate_after": 3600}
    assert merged([soon], late) == {"escalate_to": "finance", "escalate_after": 3600}
    assert merged([], late) == {"escalate_to": "board", "escalate_after": 7200, "escalate_within": 3600}


def test_what_a_verdict_keeps_carries_its_unit() -> None:
    assert KEPT["remind_seconds"] == "remind"
    assert KEPT["escalate_after_seconds"] == "escalate_after"
    assert KEPT["four_eyes"] == "four_eyes"
    assert not {"team", "risk"} & set(KEPT)


def test_a_verdict_tells_every_obligation_as_json_and_in_lines() -> None:
    then = asks(
        verdict="review",
        team="finance",
        approvals=2,
        remind="1h",
        rejections=2,
        ask_again_after="1d",
        escalate_to="board",
        escalate_after="30m",
        escalate_within="15m",
        step_up=True,
    )
    verdict = judge(Policy(PolicyText(version=1), None), [[Matched("all", then)]])

    told = verdict.as_json()
    assert told["remind_seconds"] == 3600
    assert (told["escalate_to"], told["escalate_after_seconds"]) == ("board", 1800)
    assert told["ask_again_after_seconds"] == 86400
    lines = verdict.obligations.in_lines()
    assert lines[:3] == [("Decided by", "finance"), ("Approvals", "2"), ("Decide within", "4h")]
    assert ("Grace", "none") in lines
    assert [words for label, words in lines if label == "Also"] == [
        "2 people to say no",
        "a fresh log-in and the key figure",
        "a reminder 1h before the end",
        "what is rejected may be asked again after 1d",
        "board after 30m of silence, within 15m",
    ]
    assert not any(label == "Checked afterwards" for label, _ in lines)  # only what passes is


@pytest.mark.parametrize(
    ("kept", "was", "would", "said"),
    [
        ("approvals", 1, 2, "approvals: 2 instead of 1"),
        ("grace_seconds", 0, 90, "grace: 90s instead of none"),
        ("step_up", None, True, "step up: a fresh log-in and the key figure instead of as usual"),
        ("escalate_to", "board", None, "escalate to: as usual instead of board"),
        ("escalate_after_seconds", 3600, 60, "escalate after: 1m instead of 1h"),
        ("sample", 0.05, 0.1, "checked afterwards: 10% instead of 5%"),
    ],
)
def test_a_difference_is_told_in_words(kept: str, was: Any, would: Any, said: str) -> None:
    assert compared(kept, was, would) == said


def test_the_guide_names_every_obligation() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "policies.md").read_text(encoding="utf-8")
    rows = " ".join(line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `"))
    assert [name for name in (*ASKS, *ESCALATION) if f"`{name}`" not in rows] == []
