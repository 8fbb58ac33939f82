import json
import re

import jsonschema_rs
import pytest

from demo import seed
from governance.actions import workflow
from governance.policies import policy

TYPES = {t["name"]: t for t in seed.action_types()}
FIELDS = {
    "name",
    "description",
    "schema",
    "annotations",
    "reversibility",
    "data_classes",
    "template",
    "workflow",
}


@pytest.fixture(params=TYPES.values(), ids=TYPES)
def action_type(request):
    return request.param


def routes(action_type):
    return [route for step in action_type["workflow"]["steps"] for route in step["routes"]]


def test_an_action_type_is_complete(action_type):
    assert set(action_type) == FIELDS
    assert set(action_type["annotations"]) == {
        "readOnlyHint",
        "destructiveHint",
        "idempotentHint",
        "openWorldHint",
    }
    assert action_type["reversibility"] in {"reversible", "externally_reversible", "irreversible"}


def test_its_schema_is_valid_and_explains_every_argument(action_type):
    schema = action_type["schema"]

    jsonschema_rs.Draft202012Validator(schema)
    jsonschema_rs.meta.validate(schema)

    assert schema["additionalProperties"] is False
    assert all(p["title"] and p["description"] for p in schema["properties"].values())


def test_its_sentence_needs_only_arguments_that_are_always_there(action_type):
    placeholders = re.findall(r"\{(\w+)\}", action_type["template"])

    assert placeholders
    assert set(placeholders) <= set(action_type["schema"]["required"])


def test_its_addresses_are_filled_from_arguments_that_are_always_there(action_type):
    urls = [r["url"] for r in routes(action_type)]
    urls += [step["verify"]["url"] for step in action_type["workflow"]["steps"]]

    for url in urls:
        assert url.startswith("http://127.0.0.1:9100/")
        assert set(re.findall(r"\{\??(\w+)\}", url)) <= set(action_type["schema"]["required"])


def test_its_workflow_is_one_the_product_can_run(action_type):
    workflow.check(action_type["workflow"], action_type["schema"])

    assert all(route["idempotent"] for route in routes(action_type))


def test_agents_may_do_only_what_there_is():
    assert {action for agent in seed.AGENTS for action in agent["actions"]} == set(TYPES)


def test_everybody_is_recognisably_of_the_demo():
    names = [a["name"] for a in seed.AGENTS] + [p["username"] for p in seed.PEOPLE]

    assert all(name.startswith("demo-") for name in names)
    assert {a["owner"] for a in seed.AGENTS} == {"demo-operator"}
    assert {p["team"] for p in seed.PEOPLE if p["role"] == "reviewer"} == {"operations", "finance"}


def test_the_policy_is_valid_and_names_only_teams_with_a_reviewer():
    text, _ = policy.read(seed.policy())

    asked = [text.defaults, *(rule.then for rule in text.rules)]
    assert {part.team for part in asked if part.team} == {
        p["team"] for p in seed.PEOPLE if p["role"] == "reviewer"
    }


def test_the_files_name_the_shop_they_are_asked_for(tmp_path):
    written = seed.write(tmp_path / "demo", "http://127.0.0.1:9555/")

    assert [f.name for f in written] == ["action_types.json", "policy.yaml", "agents.json", "people.json"]
    text = written[0].read_text()
    assert "__SHOP__" not in text
    assert all(r["url"].startswith("http://127.0.0.1:9555/") for t in json.loads(text) for r in routes(t))


@pytest.mark.parametrize("shop", ["127.0.0.1:9100", "ftp://x", 'http://x"', "http://a@b", "http://x/y", ""])
def test_an_address_that_is_none_is_refused(tmp_path, shop):
    with pytest.raises(ValueError):
        seed.write(tmp_path, shop)
