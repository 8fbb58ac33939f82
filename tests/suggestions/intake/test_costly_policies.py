"""A policy that would take the server's memory is refused; one that was kept before is never asked."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.ground.canonical import digest as digest_of
from audit.ground.refusals import Invalid
from governance.actions.action_types import InvalidActionType, register
from governance.models import ActionType, PolicyVersion
from governance.policies import lifecycle, policy
from suggestions.trying import backtest
from suggestions.trying.rejudge import Chosen
from tests.conftest import DEPLOYED, approved, in_force, make_person, proposal_body
from tests.governance.expressions.test_cel_cost import ATTACK

TEXT = f"""version: 1
defaults: {{verdict: auto_approve, team: operations}}
rules:
  - name: ordinary
    when: args.amount > 500.0
    then: {{verdict: review}}
  - name: eats-the-server
    when: >-
      {ATTACK}
    then: {{priority: 90}}
"""
SAID = "Rule eats-the-server: it can become too large: what + puts together here can take"
CONTEXT = {"messages": [{"role": "user", "content": "a" * 16_000}]}


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """Whatever goes wrong here must not take the machine's memory."""
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 1_000_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.fixture
def otto(db: None) -> Any:
    return make_person("otto", "operator")


@pytest.fixture
def stored(olga: Any, otto: Any, ana: Any) -> PolicyVersion:
    """The same policy, kept, approved and activated before anybody looked at its cost."""
    in_force("version: 1\n")
    PolicyVersion.objects.active().update(status="retired")
    return PolicyVersion.objects.create(
        digest=digest_of(TEXT), text=TEXT, author=olga, status="active", approved_by=otto
    )


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


# --- Refused before it is kept ---------------------------------------------------------------


def test_a_draft_is_refused_with_its_rule_its_line_and_what_is_too_large(olga: Any) -> None:
    with pytest.raises(Invalid) as refused:
        lifecycle.draft(TEXT, author=olga)
    [error] = refused.value.errors
    assert error["pointer"] == "/rules/1/when"
    assert error["line"] == 9
    assert error["detail"].startswith(SAID)
    assert "64 MB is the most" in error["detail"]
    assert not PolicyVersion.objects.exists()


def test_the_editor_says_so_and_keeps_what_was_typed(olga: Any) -> None:
    for address in ("/governance/policies/new/", "/governance/policies/check/"):
        answer = browser(olga).post(address, {"text": TEXT, "note": "Mine."})
        page = answer.content.decode()
        assert SAID in page, address
    assert not PolicyVersion.objects.exists()


def test_programs_are_told_too(olga: Any, api_as: Any) -> None:
    api = api_as(olga)
    checked = api.post("policies/check/", {"text": TEXT}).json()
    assert [error["detail"][: len(SAID)] for error in checked["errors"]] == [SAID]
    assert api.post("policies/", {"text": TEXT}).status_code == 422


def test_many_rules_that_pass_alone_are_refused_together(olga: Any, ana: Any) -> None:
    rule = "  - {{name: r{n}, when: 'args.l{n}.map(x, x).size() > 2', then: {{priority: 3}}}}\n"
    text = "version: 1\ndefaults: {team: operations}\nrules:\n"
    some = text + "".join(rule.format(n=n) for n in range(6))
    assert policy.read(some)
    with pytest.raises(Invalid) as refused:
        policy.read(text + "".join(rule.format(n=n) for n in range(8)))
    errors = refused.value.errors
    assert [(e["pointer"], e["line"]) for e in errors] == [("/rules/6/when", 10), ("/rules/7/when", 11)]
    assert "Rule r6: it and the rules before it can together take more than 5.0 seconds or 128 MB" in str(
        errors[0]["detail"]
    )


def test_a_thousand_rules_are_refused_and_five_hundred_read(olga: Any) -> None:
    rules = [f"  - {{name: r{n}, when: 'args.amount > {n}', then: {{priority: 3}}}}\n" for n in range(1_001)]
    head = "version: 1\ndefaults: {team: operations}\nrules:\n"
    assert len(policy.read(head + "".join(rules[:500]))[0].rules) == 500
    with pytest.raises(Invalid) as refused:
        policy.read(head + "".join(rules))
    assert refused.value.errors[0]["pointer"] == "/rules"


# --- Kept before it was refused -----------------------------------------------------------------


def test_a_stored_rule_that_costs_too_much_lets_nothing_pass(
    stored: PolicyVersion, propose: Any, trusted: Any
) -> None:
    proposal = propose(provenance=DEPLOYED, context=CONTEXT)
    assert (proposal.status, proposal.verdict["verdict"]) == ("pending", "review")
    [rule] = proposal.verdict["rules"]
    assert rule["name"] == "eats-the-server"
    assert "can become too large" in rule["error"]
    assert "The rule eats-the-server could not be evaluated: " in proposal.verdict["notes"][0]


def test_the_policys_page_says_which_rule_is_never_asked(stored: PolicyVersion, olga: Any, ana: Any) -> None:
    page = browser(olga).get(f"/governance/policies/{stored.pk}/").content.decode()
    assert "One of its rules is never asked" in page
    assert 'href="#rule-eats-the-server"' in page
    assert "can become too large" in page
    other = in_force("version: 1\n")
    assert "never asked" not in browser(olga).get(f"/governance/policies/{other.pk}/").content.decode()


def test_it_is_not_activated_again_nor_put_into_the_shadow(
    stored: PolicyVersion, olga: Any, ana: Any
) -> None:
    PolicyVersion.objects.filter(pk=stored.pk).update(status="retired")
    in_force("version: 1\n")
    for move in (lifecycle.activate, lifecycle.set_shadow):
        with pytest.raises(Invalid) as refused:
            move(stored, by=olga)
        assert "eats-the-server" in refused.value.errors[0]["detail"]
    assert PolicyVersion.objects.get(pk=stored.pk).status == "retired"


def test_a_simulation_of_it_says_what_it_is_and_asks_nothing(
    stored: PolicyVersion, agent: Any, action_type: Any, ana: Any, api_as: Any
) -> None:
    body = {"agent": agent.name, "proposal": proposal_body(context=CONTEXT), "policy": stored.pk}
    answer = api_as(ana).post("simulations/", body).json()
    [suggestion] = answer["suggestions"][:1]
    [costly] = [rule for rule in suggestion["rules"] if rule["name"] == "eats-the-server"]
    assert (costly["outcome"], costly["conditions"]) == ("failed", [])
    assert "can become too large" in costly["error"]


def test_a_backtest_of_it_comes_to_its_end(stored: PolicyVersion, propose: Any, olga: Any, ana: Any) -> None:
    PolicyVersion.objects.filter(pk=stored.pk).update(status="draft")
    in_force("version: 1\n")
    propose(context=CONTEXT)
    asked = backtest.ask(stored, chosen=Chosen(), by=None, actor=SYSTEM, alone=True)
    done = backtest.work_until_done(asked.pk, lambda *_: None)
    assert (done.status, done.result["proposals"]) == ("done", 1)


# --- The shadow ------------------------------------------------------------------------------------


def test_its_author_alone_makes_no_submission_wait_for_a_policy(propose: Any, olga: Any, ana: Any) -> None:
    in_force("version: 1\n")
    version, _ = lifecycle.draft("version: 1\ndefaults: {priority: 77}\n", author=olga)
    with pytest.raises(lifecycle.WrongState):
        lifecycle.set_shadow(version, by=olga)
    # An older installation may have one there.
    PolicyVersion.objects.filter(pk=version.pk).update(shadow=True)
    assert propose().shadow_id is None
    approved(version)
    PolicyVersion.objects.filter(pk=version.pk).update(shadow=True)
    assert propose().shadow_id == version.pk


# --- Explanations ------------------------------------------------------------------------------------


def test_an_explanation_shows_the_beginning_of_a_long_value_once_for_every_rule(
    propose: Any, ana: Any, api_as: Any
) -> None:
    when = "\"user_text != 'x' && args.order_id != user_text\""
    rules = "".join(f"  - {{name: r{n}, when: {when}, then: {{priority: 3}}}}\n" for n in range(50))
    in_force(f"version: 1\ndefaults: {{team: operations}}\nrules:\n{rules}")
    proposal = propose(context=CONTEXT)
    answer = api_as(ana).get(f"proposals/{proposal.pk}/explanation/")
    assert len(answer.content) < 300_000
    value = answer.json()["suggestions"][0]["rules"][0]["conditions"][0]["values"]["user_text"]
    assert value == "a" * 1_000 + "… (and 15,000 more characters)"


# --- Workflows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"body": {"note": f"={ATTACK.replace('user_text', 'args.note')}"}}, "can become too large"),
        ({"body": {f"n{n}": "=args" for n in range(40)}}, "it says too much too often"),
    ],
)
def test_a_workflow_whose_body_could_be_too_large_is_not_registered(
    db: None, step: dict[str, Any], said: str
) -> None:
    route = {"kind": "http", "url": "http://shop.internal/x", **step}
    definition = {
        "name": "write_note",
        "description": "x",
        "schema": {"type": "object", "properties": {"note": {"type": "string"}}},
        "workflow": {"steps": [{"name": "one", "routes": [route]}]},
    }
    with pytest.raises(InvalidActionType, match=said):
        register(definition, actor=SYSTEM)
    assert not ActionType.objects.exists()
