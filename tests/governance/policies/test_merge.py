"""What several rules ask for becomes one: whatever their order, and never looser than one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.canonical import canonical
from audit.ground.durations import written
from governance.policies.obligations import Obligations
from governance.policies.policy import STRICTNESS, Matched, Policy, PolicyText
from governance.policies.verdict import Verdict, judge
from tests.searching import searched

SPANS = st.integers(1, 10**6).map(written)
SHARES = st.sampled_from([0, 0.05, 0.5, 1])
FLAGS = st.booleans()
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "verdict": st.sampled_from(STRICTNESS),
    "team": st.sampled_from(["finance", "operations", "legal"]),
    "approvals": st.integers(1, 10),
    "rejections": st.integers(1, 10),
    "decide_within": SPANS,
    "grace": SPANS,
    "ask_again_after": SPANS,
    "remind": SPANS,
    "priority": st.integers(0, 100),
    "sample": SHARES,
    "second_review": SHARES,
    "four_eyes": FLAGS,
    "owner_may_approve": FLAGS,
    "step_up": FLAGS,
    "bulk": FLAGS,
    "compensate": st.sampled_from(["ask", "automatic"]),
    "escalate_to": st.sampled_from(["board", "legal"]),
    "escalate_after": SPANS,
    "escalate_within": SPANS,
}
SAID = st.fixed_dictionaries({}, optional=MEMBERS).map(Obligations.model_validate)


def merged(*of_each_suggestion: list[Obligations], defaults: Obligations | None = None) -> Verdict:
    """The verdict on suggestions of which each met rules that ask for this; which rules is no matter."""
    policy = Policy(PolicyText(version=1, defaults=defaults or Obligations()), None)
    matched = [[Matched(f"r{n}", then) for n, then in enumerate(said)] for said in of_each_suggestion]
    return replace(judge(policy, matched), rules=[])


def escalation_of(verdict: Verdict) -> dict[str, Any]:
    return {name: value for name, value in verdict.as_json().items() if name.startswith("escalate")}


@searched(200)
@given(st.lists(SAID, min_size=1, max_size=4), SAID, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_makes_a_difference(
    said: list[Obligations], defaults: Obligations, chance: Any
) -> None:
    shuffled = [*said, *said]
    chance.shuffle(shuffled)
    assert merged(shuffled, defaults=defaults) == merged(said, defaults=defaults)


@searched(200)
@given(st.lists(SAID, max_size=3), st.lists(SAID, max_size=3), SAID)
def test_of_several_suggestions_the_strictest_verdict_counts(
    one: list[Obligations], other: list[Obligations], defaults: Obligations
) -> None:
    each = [merged(said, defaults=defaults).verdict for said in (one, other)]
    both = merged(one, other, defaults=defaults)

    assert both.verdict == max(each, key=STRICTNESS.index)
    assert both == merged(other, one, defaults=defaults)


# Of what two rules say of one thing, this one is asked for.
STRICTEST: dict[str, tuple[Any, Any, Any]] = {
    "approvals": (2, 3, 3),
    "rejections": (2, 3, 2),
    "decide_within": ("1h", "2h", 3_600),
    "grace": ("1h", "0s", 3_600),
    "ask_again_after": ("1h", "2h", 7_200),
    "remind": ("1h", "2h", 7_200),
    "priority": (0, 90, 90),
    "sample": (0, "5%", 0.05),
    "second_review": (0, 0.1, 0.1),
    "four_eyes": (False, True, True),
    "owner_may_approve": (False, True, False),
    "step_up": (False, True, True),
    "bulk": (False, True, False),
    "compensate": ("automatic", "ask", "ask"),
}
TOLD = {  # as a verdict tells it, where by another name than it is written
    "decide_within": "decide_within_seconds",
    "grace": "grace_seconds",
    "ask_again_after": "ask_again_after_seconds",
    "remind": "remind_seconds",
}


def told(name: str, verdict: Verdict) -> Any:
    return verdict.as_json().get(TOLD.get(name, name))


def asking(name: str, value: Any) -> Obligations:
    return Obligations.model_validate({"verdict": "auto_approve", name: value})


@pytest.mark.parametrize(("name", "one", "other", "strictest"), [(n, *row) for n, row in STRICTEST.items()])
def test_of_two_rules_the_stricter_counts(name: str, one: Any, other: Any, strictest: Any) -> None:
    rules = [asking(name, one), asking(name, other)]
    assert told(name, merged(rules)) == strictest
    assert told(name, merged(rules[:1], rules[1:])) == strictest  # of different suggestions, too


@pytest.mark.parametrize("name", STRICTEST)
def test_what_a_rule_says_takes_the_place_of_the_defaults_and_nothing_else_does(name: str) -> None:
    one, other, _ = STRICTEST[name]
    alone = [told(name, merged([asking(name, value)])) for value in (one, other)]
    assert alone[0] != alone[1]

    for value, said in zip((one, other), alone, strict=True):
        over = [merged([asking(name, value)], defaults=asking(name, default)) for default in (one, other)]
        assert [told(name, verdict) for verdict in over] == [said, said]
        silent = merged([Obligations(verdict="auto_approve")], defaults=asking(name, value))
        assert told(name, silent) == said


@pytest.mark.parametrize(
    ("said", "team", "teams"),
    [
        ([], "operations", ["operations"]),
        ([{"team": "legal"}], "legal", ["legal"]),
        ([{"team": "legal"}, {"team": "finance"}], "finance", ["finance", "legal"]),  # the first by name
        ([{"team": "legal", "priority": 1}, {"team": "finance"}], "legal", ["finance", "legal"]),
        ([{"team": "legal"}, {"priority": 99}], "legal", ["legal"]),
        ([{"team": ""}], "operations", ["operations"]),
        ([{"team": ""}, {"team": "legal"}], "legal", ["legal"]),
    ],
)
def test_every_team_that_is_named_has_to_agree_and_the_most_pressing_looks_first(
    said: list[dict[str, Any]], team: str, teams: list[str]
) -> None:
    verdict = merged([Obligations.model_validate(one) for one in said])
    assert (verdict.team, verdict.teams) == (team, teams)


@pytest.mark.parametrize(
    ("said", "escalates"),
    [
        ([], {}),
        ([{"escalate_to": "board"}], {}),  # one says nothing without the other
        ([{"escalate_to": "board"}, {"escalate_after": "1h"}], {}),
        (
            [
                {"escalate_to": "board", "escalate_after": "2h"},
                {"escalate_to": "legal", "escalate_after": "1h"},
            ],
            {"escalate_to": "legal", "escalate_after_seconds": 3_600},
        ),
        (
            [
                {"escalate_to": "legal", "escalate_after": "1h"},
                {"escalate_to": "board", "escalate_after": "1h"},
            ],
            {"escalate_to": "board", "escalate_after_seconds": 3_600},
        ),
        (  # whichever rule comes first
            [
                {"escalate_to": "board", "escalate_after": "1h"},
                {"escalate_to": "board", "escalate_after": "1h", "escalate_within": "2h"},
                {"escalate_to": "board", "escalate_after": "1h", "escalate_within": "1h"},
            ],
            {
                "escalate_to": "board",
                "escalate_after_seconds": 3_600,
                "escalate_within_seconds": 7_200,
            },
        ),
        (
            [{"escalate_to": "board", "escalate_after": "90s", "escalate_within": "500ms"}],
            {"escalate_to": "board", "escalate_after_seconds": 90, "escalate_within_seconds": 0.5},
        ),
    ],
)
def test_the_soonest_escalation_counts_as_a_whole(
    said: list[dict[str, Any]], escalates: dict[str, Any]
) -> None:
    rules = [Obligations.model_validate(one) for one in said]
    for verdict in (merged(rules), merged([], rules), merged(rules[:1], rules[1:]), merged(rules[::-1])):
        assert escalation_of(verdict) == escalates


def test_without_a_rule_that_names_both_the_defaults_escalate() -> None:
    defaults = Obligations.model_validate({"escalate_to": "board", "escalate_after": "1h"})
    board = {"escalate_to": "board", "escalate_after_seconds": 3_600}
    later = Obligations.model_validate({"escalate_to": "legal", "escalate_after": "2h"})

    assert escalation_of(merged([Obligations(escalate_to="legal")], defaults=defaults)) == board
    assert escalation_of(merged([later], defaults=defaults)) == {
        "escalate_to": "legal",
        "escalate_after_seconds": 7_200,
    }


@searched(200)
@given(st.lists(st.lists(SAID, max_size=3), min_size=1, max_size=3), SAID)
def test_every_verdict_can_be_kept_and_told(said: list[list[Obligations]], defaults: Obligations) -> None:
    verdict = merged(*said, defaults=defaults)
    body = verdict.as_json()

    assert canonical(body)
    assert verdict.wished == body["verdict"]
    assert [name for name, value in body.items() if value is None] == ["policy"]
    assert verdict.team in verdict.teams


def test_what_speaks_against_passing_is_asked_for_only_then_and_told_once() -> None:
    asked = []

    def against() -> list[str]:
        asked.append("")
        return ["The agent has not earned it.", "The agent has not earned it.", "A kill switch is on."]

    policy = Policy(PolicyText(version=1), None)
    for said in ("review", "block"):
        matched = [[Matched("r", Obligations(verdict=said))]]
        assert judge(policy, matched, against_passing=against).notes == []
    assert asked == []

    kept_back = judge(policy, [[Matched("r", Obligations(verdict="auto_approve"))]], against_passing=against)
    assert (kept_back.verdict, kept_back.wished) == ("review", "auto_approve")
    assert kept_back.notes == [
        "A rule would let this pass. The agent has not earned it.",
        "A rule would let this pass. A kill switch is on.",
    ]
    assert "sample" not in kept_back.as_json()
