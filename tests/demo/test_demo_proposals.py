import json
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import quote

import jsonschema_rs
import pytest
import yaml

from audit.asking import bodies, gate
from demo import seed
from demo.agents.generate import propose, revise
from demo.agents.world import World
from demo.shop import stock
from governance.expressions.cel import Expression
from governance.expressions.functions import FUNCTIONS
from suggestions.intake.bodies import ProposalBody

AN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WORLD = World(**stock.first_day())
AGENTS = [agent["name"] for agent in seed.AGENTS]
ALLOWED = {agent["name"]: agent["actions"] for agent in seed.AGENTS}
TYPES = {t["name"]: t for t in seed.action_types()}
SCHEMAS = {name: jsonschema_rs.Draft202012Validator(t["schema"]) for name, t in TYPES.items()}


def sold_out() -> World:
    """The shop after everything was paid back and everybody has left."""
    data = stock.first_day()
    for order in data["orders"].values():
        order |= {"status": "cancelled", "refunded": order["paid"]}
    for customer in data["customers"].values():
        customer["status"] = "closed"
    return World(**data)


def check(body, agent):
    bodies.check(ProposalBody, gate.read(json.dumps(body).encode(), limit=256 * 1024))
    suggestions = body["suggestions"]
    assert 1 <= len(suggestions) <= 3
    assert [s["rank"] for s in suggestions] == list(range(1, len(suggestions) + 1))
    assert body["title"]
    assert len(body["title"]) <= 200
    assert all(m["role"] in {"user", "assistant", "tool"} for m in body["context"]["messages"])
    for suggestion in suggestions:
        assert suggestion["action"] in ALLOWED[agent]
        SCHEMAS[suggestion["action"]].validate(suggestion["arguments"])
        assert set(suggestion.get("before", {})) <= {*suggestion["arguments"], "status"}
        assert 0 <= suggestion.get("confidence", 0) <= 1
        assert 0 <= suggestion.get("success_probability", 0) <= 1
        assert suggestion["risk"]["level"] in {"low", "medium", "high", "critical"}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("world", [WORLD, sold_out()], ids=["first-day", "sold-out"])
def test_what_an_agent_proposes_fits_the_schemas_and_its_boundaries(agent, world):
    for number in range(200):
        body = propose(number, agent, world, NOW).body
        check(body, agent)
        revised = revise(body, AN_ID, "Less, please.")
        check(revised, agent)
        assert revised["revises"] == AN_ID


def test_one_seed_gives_one_proposal():
    assert propose(7, AGENTS[0], WORLD, NOW) == propose(7, AGENTS[0], WORLD, NOW)
    assert len({json.dumps(propose(n, AGENTS[0], WORLD, NOW).body) for n in range(100)}) == 100


def test_about_one_in_ten_should_be_noticed_and_some_are_harmless():
    proposed = [propose(n, AGENTS[n % 3], WORLD, NOW) for n in range(1500)]

    oddities = Counter(p.oddity for p in proposed)
    assert 0.06 < 1 - oddities[None] / 1500 < 0.14
    assert set(oddities) - {None} == {
        "more_than_was_paid",
        "hidden_sign",
        "injected_address",
        "injected_recipient",
    }
    risks = Counter(p.body["suggestions"][0]["risk"]["level"] for p in proposed)
    assert set(risks) == {"low", "medium", "high", "critical"}


def test_labels_are_never_sent():
    for number in range(300):
        proposed = propose(number, AGENTS[0], WORLD, NOW)
        assert "oddity" not in json.dumps(proposed.body)


def test_an_amount_above_what_was_paid_is_just_that():
    for number in range(1500):
        proposed = propose(number, AGENTS[0], WORLD, NOW)
        if proposed.oddity == "more_than_was_paid":
            arguments = proposed.body["suggestions"][0]["arguments"]
            assert arguments["amount"] > WORLD.orders[arguments["order_id"]]["paid"]


def test_a_revision_answers_the_feedback():
    body = next(b for n in range(99) if len((b := propose(n, AGENTS[0], WORLD, NOW).body)["suggestions"]) > 1)

    again = revise(body, AN_ID, "Half would do.")

    assert (again["revises"], again["context"]["feedback"]) == (AN_ID, "Half would do.")
    assert len(again["suggestions"]) == len(body["suggestions"]) - 1
    assert "expires_at" not in again
    assert "revises" not in body


def test_most_everyday_proposals_can_be_carried_out_and_proved(open_shop):
    """The first suggestion of each, by the workflow of its type, on a fresh shop."""
    done = 0
    for number in range(60):
        proposed = propose(number, AGENTS[number % 3], WORLD, NOW)
        suggestion = proposed.body["suggestions"][0]
        if proposed.oddity is None:
            done += carried_out(open_shop, suggestion["action"], suggestion["arguments"])

    assert done >= 45


def carried_out(open_shop, action, arguments) -> bool:
    shop = open_shop()
    step = json.loads(json.dumps(TYPES[action]["workflow"]["steps"][0]).replace("http://127.0.0.1:9100", ""))
    route, verify = step["routes"][0], step["verify"]
    body = {
        name: Expression(text.removeprefix("="), ["args"]).evaluate({"args": arguments})
        for name, text in route.get("body", {}).items()
    }
    answer = shop.client.request(route["method"], filled(route["url"], arguments), json=body or arguments)
    probe = shop.client.get(filled(verify["url"], arguments))
    facts = {
        "args": arguments,
        "response": {"status": answer.status_code, "json": probe.json()},
    }
    succeeded = Expression(step["success_when"], ["args", "response"]).holds(facts)
    assert Expression(verify["expect"], ["args", "response"]).holds(facts) == succeeded, answer.text
    return succeeded


def filled(url: str, arguments: dict) -> str:
    for name, value in arguments.items():
        text = quote(str(value), safe="")
        url = url.replace(f"{{{name}}}", text).replace(f"{{?{name}}}", f"?{name}={text}")
    return url


FACTS = ["action", "args", "risk", "user_text", "tool_text"]
RULES = {
    rule["name"]: Expression(rule["when"], FACTS, FUNCTIONS)
    for rule in yaml.safe_load(seed.policy())["rules"]
}


def rules_that_match(proposed) -> set[str]:
    messages = proposed.body["context"]["messages"]
    said = {role: "\n".join(m["content"] for m in messages if m["role"] == role) for role in ("user", "tool")}
    found = set()
    for suggestion in proposed.body["suggestions"]:
        facts = {
            "action": {"name": suggestion["action"]},
            "args": suggestion["arguments"],
            "risk": suggestion["risk"],
            "user_text": said["user"],
            "tool_text": said["tool"],
        }
        found |= {name for name, rule in RULES.items() if rule.holds(facts)}
    return found


def test_the_policy_notices_what_a_tool_smuggled_in_and_leaves_the_everyday_alone():
    for number in range(600):
        proposed = propose(number, AGENTS[number % 3], WORLD, NOW)
        matched = rules_that_match(proposed)
        smuggled = matched & {
            "recipient-named-by-a-tool-only",
            "address-named-by-a-tool-only",
            "card-number-to-outside",
        }
        assert bool(smuggled) == (proposed.oddity in {"injected_address", "injected_recipient"})
        card = "4111" in json.dumps(proposed.body["suggestions"])
        assert ("card-number-to-outside" in matched) == card
