"""Every mistake in a policy is named at its line and column."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.refusals import Invalid
from governance.expressions import known_facts
from governance.expressions.known_facts import FACTS, Fact, check
from governance.models import Team
from governance.policies import check_policy, policy


def marked(text: str) -> tuple[str, tuple[int, int]]:
    """The text without its mark `«`, and the line and column at which that stood."""
    at = text.index("«")
    return text.replace("«", ""), (text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def rule(when: str) -> str:
    return f"version: 1\nrules:\n  - name: a\n    when: {when}\n    then: {{verdict: block}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # YAML
        ("version: 1\nrules: [«", "This is not YAML"),
        ("version: 1\nrules: a«: b", "This is not YAML"),
        ("version: 1\n«\trules: []", "This is not YAML"),
        ("version: 1\nrules: []\n«rules: []", "rules stands twice; first in line 2."),
        ("version: 1\ndefaults: {team: operations, «team: finance}", "team stands twice"),
        ("version: 1\n«on: 1", "A key has to be a word"),
        ("version: 1\ndefaults: {team: «2020-13-45}", "no value that can be read"),
        # the form
        ("«", "begins with version: 1"),
        ("«- a", "begins with version: 1"),
        ("version: «2", "It has to be 1."),
        ("version: 1\n«rulez: []", "rulez is unknown here; did you mean rules?"),
        ("version: 1\n«zzz: []", "zzz is unknown here; known are version, defaults, may_pass, rules."),
        ("version: 1\ndefaults:\n  «vedrict: block", "vedrict is unknown here; did you mean verdict?"),
        ("version: 1\ndefaults:\n  verdict: «blocked", "'block'"),
        ("version: 1\ndefaults:\n  approvals: «0", "greater than or equal to 1"),
        ("version: 1\ndefaults: {decide_within: «soon}", "500ms"),
        ("version: 1\ndefaults: {escalate_to: «operations}", "escalate_to needs escalate_after beside it."),
        (
            "version: 1\nrules:\n  - {name: a, when: 'true', then: {escalate_within: «1h}}",
            "escalate_within needs escalate_to and escalate_after beside it.",
        ),
        ("version: 1\nrules:\n  - «when: 'true'\n    then: {}", "name is missing"),
        (
            "version: 1\nrules:\n  - name: «no\n    when: 'true'\n    then: {}",
            "YAML does not take no for text; put it in quotes.",
        ),
        ("version: 1\nrules:\n  - name: «A b\n    when: 'true'\n    then: {}", "small letters"),
        (
            "version: 1\nrules:\n - {name: a, when: 'true', then: {}}\n - {name: «a, when: 'true', then: {}}",
            "There is a rule a already.",
        ),
        (
            "version: 1\nrules:\n  - name: a\n    when: «true\n    then: {}",
            "YAML does not take true for text",
        ),
        # conditions, however they are written
        (rule("agent.name «== 1"), "== does not go with text and a whole number."),
        (rule("'args.x == ''y'' && «bad'"), "There is no bad here."),
        (rule('"args.x == \\"y\\" && «bad"'), "There is no bad here."),
        (rule('"args.x == 1 \\\n      && «bad"'), "There is no bad here."),
        (rule("args.x == 1 &&\n      «bad"), "There is no bad here."),
        (rule("|\n      args.x == 1 &&\n\n        «bad || true"), "There is no bad here."),
        (rule(">-\n      args.x == 1\n      && «bad\n\n      || true"), "There is no bad here."),
        (rule(">\n      args.x == 1\n      &&«\n"), "Something is missing at the end."),
        (rule("'\"é😀\" == «bad'"), "There is no bad here."),
        (rule("args.x «= 1"), "= does not belong here; write ==."),
        (rule("args.x == 1 «and true"), "and does not belong here; write &&."),
        (rule("(args.x == 1«"), "A ) is missing."),
        # facts and their types
        (rule("«agent.nmae == 'x'"), "Agent has no nmae; did you mean name?"),
        (rule("has(«agent.nmae)"), "Agent has no nmae; did you mean name?"),
        (rule("«acton.name == 'x'"), "There is no acton here; did you mean action?"),
        (rule("«mention(user_text, 'x')"), "There is no mention here; did you mean mentions?"),
        (rule("user_text.contains«(3)"), "contains does not take text, a whole number."),
        (rule("1 «in agent.name"), "in does not go with a whole number and text."),
        (rule("risk.indicators.exists(i, i «== 1)"), "== does not go with text and a whole number."),
        (rule("now «> 3"), "> does not go with a time and a whole number."),
        (rule("agent.stage «+ 1.5 > 2.0"), "+ does not go with a whole number and a number."),
        (rule("now > now || «history.agent.count('1x') > 3"), "is not a span of time"),
        (rule("3 > 2 && «history.agent.count('100d') > 3"), "at most 90d"),
        (rule("\"«history.agent.count('1h', {'status': 'aproved'}) > 3\""), "is no status"),
        (rule("history.agent.«cuont('1h') > 3"), "There is no cuont here"),
        (rule("«history.agnt.count('1h') > 3"), "did you mean agent?"),
        (rule("history.agent.count«(3) > 3"), "count does not take"),
        (rule("«agent.name"), "The answer has to be true or false"),
        (rule("«1 + 2"), "The answer has to be true or false"),
    ],
)
def test_a_mistake_is_named_at_its_place(text: str, said: str) -> None:
    text, place = marked(text)
    with pytest.raises(Invalid) as refusal:
        policy.read(text)
    [error] = refusal.value.errors
    assert said.casefold() in error["detail"].casefold()
    assert (error["line"], error["column"]) == place


@pytest.mark.parametrize(
    "when",
    [
        "args.whatever.it.may.be == 3",
        "has(agent.name) && agent.name == 'x'",
        "has(args.amount) && args.amount > 500.0",
        "has(proposal.context.order) && proposal.context.order.total > 3",
        "suggestion.confidence < 1 && agent.stage >= 2.5",  # numbers of two kinds compare well
        "'agent.nmae' != user_text // agent.nmae",
        "r'agent.n\\d' != user_text",
        "args.agent.nmae == 1",
        "risk.indicators.exists(one, one == 'new_account')",
        "now - timestamp('2020-01-01T00:00:00Z') > duration('3h')",
        "args.flag",
        "history.agent.count('1h') > 3 && history.subject.sum('amount', '24h') + args.amount > 500.0",
        "history.agent.seen('to', args.to, '90d') || history.agent.count(args.window) > 1",
    ],
)
def test_what_is_right_is_left_alone(when: str) -> None:
    assert check(when) == []


def test_everything_that_is_wrong_is_named_at_once() -> None:
    text = """
version: 1
defaults: {vedrict: block}
rules:
  - {name: one, when: 'agent.nmae == 1 || agent.name == 2', then: {}}
  - {name: two, when: 'args.', then: {team: 3}}
"""
    with pytest.raises(Invalid) as refusal:
        policy.read(text)
    assert [(e["line"], e["pointer"]) for e in refusal.value.errors] == [
        (3, "/defaults/vedrict"),
        (5, "/rules/0/when"),
        (5, "/rules/0/when"),
        (6, "/rules/1/when"),
        (6, "/rules/1/then/team"),
    ]


def test_a_team_that_nobody_knows_or_decides_in_is_named_at_its_place(ana: Any) -> None:
    text, place = marked("version: 1\ndefaults:\n  verdict: review\n  team: «finance\n")
    [error] = check_policy.check(text).errors
    assert (error["line"], error["column"]) == place
    assert "No such team: finance" in error["detail"]


@pytest.mark.parametrize("exists", [True, False])
def test_whoever_is_asked_after_a_silence_has_to_be_there_and_decide(ana: Any, exists: bool) -> None:
    if exists:
        Team.objects.create(slug="finance", name="Finance")
    then = "{escalate_after: 1h, escalate_to: «finance}"
    text, place = marked(f"version: 1\nrules:\n  - {{name: a, when: 'true', then: {then}}}\n")
    [error] = check_policy.check(text).errors
    assert (error["line"], error["column"]) == place
    said = "The rule a escalates every action type to finance, where nobody" if exists else "No such team"
    assert said in error["detail"]


def test_an_unknown_team_is_named_beside_all_other_mistakes(ana: Any) -> None:
    rule = "{name: a, when: 'args.', then: {tem: x, team: nowhere}}"
    text = f"version: 1\ndefaults: {{team: nobody}}\nrules:\n  - {rule}"
    found = check_policy.check(text).errors
    assert [(e["line"], e["pointer"]) for e in found] == [
        (2, "/defaults/team"),
        (4, "/rules/0/when"),
        (4, "/rules/0/then/tem"),
        (4, "/rules/0/then/team"),
    ]


def test_too_few_people_for_the_approvals_asked_for_is_a_warning(ana: Any) -> None:
    found = check_policy.check("version: 1\ndefaults: {approvals: 2, team: operations}")
    assert found.errors == []
    [warning] = found.warnings
    assert "asks for 2 approvals, but only 1 person may decide there" in warning["detail"]
    assert (warning["line"], warning["column"]) == (2, 32)


NONSENSE = ["[" * 100_000, "{" * 3_000, "a: &a [*a]", "a: \ud800", "x: \x00", "a" * 300_000, "\n" * 20_000]


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: ascii(text[:10]))
def test_what_is_no_policy_at_all_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        policy.read(text)
    assert refusal.value.errors[0]["line"] >= 1


def test_a_text_that_grows_without_end_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Invalid):
        policy.read("\n".join(lines))


@given(st.text(alphabet="agent.stnmuric() =<>&|!'\"[]{},:?-+1\n \\rx/", max_size=60))
def test_whatever_is_written_has_an_answer_with_a_place_inside_it(when: str) -> None:
    lines = when.split("\n")
    for problem in check(when):
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.text


@given(st.text(max_size=200))
def test_whatever_is_sent_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(Invalid) as refusal:  # nobody writes `version: 1` by chance
        policy.read(text)
    assert all(error["line"] >= 1 and error["column"] >= 1 for error in refusal.value.errors)


def test_a_proposal_yields_exactly_the_known_facts(proposal: Any, agent: Any) -> None:
    from governance.actions import catalogue
    from governance.trust.passing import NOTHING_KNOWN
    from suggestions.intake.facts import facts_of

    suggestion = proposal.suggestions.get()
    entry = catalogue.entry(suggestion.action_type)
    facts = facts_of(agent, proposal, suggestion, entry, NOTHING_KNOWN, stage=2)

    kinds = {"STRING": str, "INT": int, "DOUBLE": float, "BOOL": bool, "LIST": list}
    assert set(facts) == set(FACTS)
    for name, known in FACTS.items():
        members = {name: known} if isinstance(known, Fact) else known
        values = {name: facts[name]} if isinstance(known, Fact) else facts[name]
        assert set(values) == set(members)
        for member, fact in members.items():
            kind = kinds.get(fact.type.name().upper())
            assert kind is None or type(values[member]) is kind, (name, member)


def test_every_function_is_known_by_name() -> None:
    assert {"mentions", "has_secret", "host"} <= set(known_facts._functions())


LARGE = {
    "a number of many parts": "x: " + ":".join(["1"] * 120_000),
    "a long list": "x: [" + "1," * 120_000 + "1]",
    "a wide map": "x: {" + "".join(f"k{n}: 1, " for n in range(20_000)) + "}",
    "one text in many rules": f"a: &a '{'x' * 200_000}'\nrules: ["
    + "{name: r, when: *a, then: {}}," * 1_200
    + "]",
    "lists of lists of lists": "a: &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)),
}


@pytest.mark.parametrize("kind", LARGE)
def test_no_text_takes_long_to_be_refused(kind: str) -> None:
    began = time.process_time()
    with pytest.raises(Invalid):
        policy.read("version: 1\n" + LARGE[kind])
    assert time.process_time() - began < 5  # of the processor; some took a minute
