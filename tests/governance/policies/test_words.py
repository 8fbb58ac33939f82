"""Policies in words, and what changes from one to another."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.policies.diff import of_texts
from governance.policies.obligations import Obligations
from governance.policies.policy import parse
from governance.policies.words import conditions, defaults, sentences, wants
from tests.conftest import in_force


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            'action.name == "refund_payment" && args.amount > 500.0',
            ["the action is refund_payment", "the amount is above 500"],
        ),
        ("agent.stage < 3", ["the agent's stage is below 3"]),
        ('risk.level in ["high", "critical"]', ["the risk is one of high, critical"]),
        ("!mentions(user_text, args.order_id)", ["the user never mentions the order id"]),
        ("mentions(agreed_text, args.order_id)", ["what the user agreed to mentions the order id"]),
        ("mentions(tool_text, args.to)", ["a tool mentions the to"]),
        ("has(args.note) && !has(args.to)", ["the note is given", "the to is not given"]),
        (
            "action.destructiveHint && !action.readOnlyHint",
            ["the action may destroy", "the action does not only read"],
        ),
        ("!deployment.registered", ["the deployment is not the registered one"]),
        ("true", ["always"]),
        ('args.note == "given"', ["the note is “given”"]),  # not has(args.note)
        ('args.note == "1 and the amount is above 500"', ["the note is “1 and the amount is above 500”"]),
        ('args.note == "x && y"', ["the note is “x && y”"]),
        ('args.note == "500"', ["the note is “500”"]),
        ("args.note == 500", ["the note is 500"]),
        ('args.note == ""', ["the note is “”"]),
        ('args.note == "a  b"', ["the note is “a b”"]),
        ('args.note == "\u202ex"', ["the note is “[U+202E]x”"]),
        ("args.note == 'say “no”'", ["the note is “say \\“no\\””"]),
        ("args.to in ['a','b']", ["the to is one of “a”, “b”"]),
        ('args.to in ["a, b"]', ["the to is one of “a, b”"]),
        ("args.to in [ 1, -2.0 ]", ["the to is one of 1, -2"]),
        ('args.order in ["#D1031"]', ["the order is one of #D1031"]),
        ('subject.id == "nobody, or the risk is low"', ["the subject is “nobody, or the risk is low”"]),
        ('subject.id == "12"', ["the subject is “12”"]),
        ("args.a > 1 // not 2\n  && args.b > 2", ["the a is above 1", "the b is above 2"]),
    ],
)
def test_plain_conditions_are_said_in_words(when: str, said: list[str]) -> None:
    assert [(part.text, part.is_code) for part in conditions(when)] == [(text, False) for text in said]


@pytest.mark.parametrize(
    "when",
    [
        'args.a == 1 || action.name == "x"',
        '(args.a == 1 || args.b == 2) && action.name == "x"',
        "args.to.endsWith('@x.example')",
        'args.a == "x\\"y"',
        "action.noHint",
        "args.to in [a]",  # no text but a variable
        "args.to in [args.from]",
        'args.to in ["a" "b"]',
        "args.to in []",
        "args.to in ['a', b]",
        "args.a == args.b",
    ],
)
def test_what_words_would_blur_stays_as_it_is_written(when: str) -> None:
    said = conditions(when)
    assert all(part.is_code for part in said)
    assert " && ".join(part.text for part in said) == when


def test_a_text_that_reads_like_our_words_is_a_change() -> None:
    before, after = (
        f"version: 1\nrules:\n  - {{name: noted, when: '{when}', then: {{verdict: review}}}}\n"
        for when in ("has(args.note)", 'args.note == "given"')
    )
    assert of_texts(before, after).changed == [
        ("noted", ["now also asks that the note is “given”", "no longer asks that the note is given"])
    ]


def test_a_rule_says_what_it_asks_for() -> None:
    then = Obligations.model_validate(
        {"verdict": "review", "team": "finance", "approvals": 2, "decide_within": "30m", "priority": 80}
    )
    assert wants(then) == "goes to people: finance, 2 approvals, within 30m, priority 80"
    assert wants(Obligations(verdict="block", team="finance")) == "is blocked"
    assert wants(Obligations(approvals=2)) == "takes, whatever else is said, 2 approvals"
    assert wants(Obligations()) == "takes nothing more"
    escalates = Obligations.model_validate(
        {"escalate_to": "board", "escalate_after": "1h", "escalate_within": "2h"}
    )
    assert wants(escalates) == "takes, whatever else is said, board after 1h of silence, within 2h"


ONE_OF_EACH = {
    "verdict": "review",
    "team": "finance",
    "risk": "high",
    "compensate": "automatic",
    "escalate_to": "board",
    "sample": "5%",
    "second_review": 0.1,
    **dict.fromkeys(["approvals", "priority", "rejections"], 3),
    **dict.fromkeys(["decide_within", "grace", "ask_again_after", "remind"], "2h"),
    **dict.fromkeys(["escalate_after", "escalate_within"], "1h"),
    **dict.fromkeys(["four_eyes", "owner_may_approve", "step_up", "bulk"], True),
}
TOGETHER = {"escalate_to", "escalate_after", "escalate_within"}  # one says nothing without the others


@pytest.mark.parametrize("name", sorted(Obligations.model_fields.keys() - {"reason"} - TOGETHER))
def test_nothing_that_a_rule_asks_for_is_left_out(name: str) -> None:
    asked = Obligations.model_validate({name: ONE_OF_EACH[name]})
    assert wants(asked) != "takes nothing more"
    everything = Obligations.model_validate(ONE_OF_EACH)
    assert wants(everything) != wants(everything.model_copy(update={name: None}))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("grace", "0s", "no time to take it back"),  # though the defaults may leave some
        ("priority", 0, "priority 0"),
        ("sample", 0, "0% of what passes is checked afterwards"),
        ("ask_again_after", "0s", "what is rejected may be asked again after 0ms"),
        ("second_review", 0, "0% decided a second time, blind"),
        ("four_eyes", False, "who edits counts too"),
        ("owner_may_approve", False, "the agent's owner may not approve"),
        ("step_up", False, "no fresh log-in"),
        ("bulk", False, "never decided together with others"),
    ],
)
def test_what_a_rule_sets_to_nothing_is_said_too(name: str, value: Any, said: str) -> None:
    assert wants(Obligations.model_validate({name: value})) == f"takes, whatever else is said, {said}"
    rule = "version: 1\nrules: [{name: a, when: 'true', then: {...}}]"
    before, after = (rule.replace("...", then) for then in ("", f"{name}: {value}"))
    assert of_texts(before, after).sentences != []


def test_the_defaults_are_told_whole() -> None:
    assert defaults(parse("version: 1\ndefaults: {team: finance}")).startswith(
        "goes to people: finance, 1 approval, within 4h, priority 50"
    )
    assert "30m to take it back" in defaults(parse("version: 1\ndefaults: {grace: 30m}"))
    assert "take it back" not in defaults(parse("version: 1\ndefaults: {grace: 0s}"))


OLD = """version: 1
# the same
may_pass: [send_email]
rules:
  - name: stays
    when: args.a == 1
    then: {verdict: block}
  - name: goes
    when: args.b == 1
    then: {verdict: block}
  - name: differs
    when: args.c > 1
    then: {verdict: review, approvals: 2, reason: "Why"}
"""
NEW = """version: 1
# the same
may_pass: [close_account]
defaults: {approvals: 2}
rules:
  - name: stays
    when: >-
      args.a
      == 1
    then: {verdict: block}
  - name: differs
    when: args.c > 2
    then: {verdict: review, approvals: 3, reason: "Because"}
  - name: comes
    when: args.d == 1
    then: {verdict: auto_approve}
"""


def test_a_difference_is_told_by_rule() -> None:
    found = of_texts(OLD, NEW)
    assert [rule.name for rule in found.added] == ["comes"]
    assert [rule.name for rule in found.removed] == ["goes"]
    assert found.changed == [
        (
            "differs",
            [
                "now also asks that the c is above 2",
                "no longer asks that the c is above 1",
                "goes to people: 3 approvals instead of goes to people: 2 approvals",
                "gives the reason “Because” instead of “Why”",
            ],
        )
    ]
    assert found.others[1:] == [
        "May pass by rule from now on: close_account.",
        "May no longer pass by rule: send_email.",
    ]
    assert (
        "Where no rule says otherwise, it now goes to people: operations, 2 approvals" in found.sentences[0]
    )
    removed = [line.text for line in found.lines if line.kind == "removed"]
    added = [line.text for line in found.lines if line.kind == "added"]
    assert "  - name: goes" in removed
    assert "  - name: comes" in added
    for line in found.lines:
        for number, text in ((line.before, OLD), (line.after, NEW)):
            assert number is None or text.splitlines()[number - 1] == line.text


def test_what_is_the_same_is_left_out_but_counted() -> None:
    filler = "".join(f"# {n}\n" for n in range(50))
    found = of_texts(
        f"version: 1\n{filler}may_pass: [a]\n{filler}", f"version: 1\n{filler}may_pass: [b]\n{filler}"
    )
    assert [line.text for line in found.lines if line.kind == "skipped"] == [
        "48 lines are the same",
        "47 lines are the same",
    ]
    assert of_texts(OLD, OLD).sentences == []


@pytest.mark.parametrize("kinds", [1, 100, 4_000])
def test_long_texts_are_compared_in_a_moment(kinds: int) -> None:
    filler = [f"# {n % kinds}" for n in range(4_900)]
    before, after = ["version: 1", *filler], ["version: 1", *reversed(filler), "may_pass: [a]"]
    began = time.process_time()
    found = of_texts("\n".join(before), "\n".join(after))
    assert found.others == ["May pass by rule from now on: a."]
    assert time.process_time() - began < 5


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def test_versions_are_listed_and_compared_on_the_command_line(olga: Any, tmp_path: Any) -> None:
    first, second = in_force(OLD), in_force(NEW)
    listed = run("policies").splitlines()
    assert [line.split()[:3] for line in listed] == [
        [second.pk[7:19], "active", "writes-policies"],
        [first.pk[7:19], "retired", "writes-policies"],
    ]

    told = run("policy_diff", first.pk[7:15], "active")
    assert "New rule comes: may pass by itself." in told
    assert "-   - name: goes" in told.splitlines()

    file = tmp_path / "policy.yaml"
    file.write_text(OLD)
    assert run("policy_diff", first.pk, str(file)).splitlines()[0] == "They say the same."
    for wrong in ("nothing", "000000"):
        with pytest.raises(CommandError, match="neither"):
            run("policy_diff", wrong, "active")
    file.write_text("version: 2")
    with pytest.raises(CommandError, match=r"policy\.yaml:1:10"):
        run("policy_diff", str(file), "active")


def test_sentences_keep_the_order_of_the_rules() -> None:
    assert [sentence.name for sentence in sentences(parse(NEW))] == ["stays", "differs", "comes"]
