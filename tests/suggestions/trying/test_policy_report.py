"""What a policy says of recorded actions: counted right, by the product's own way, without a database."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.ground.wilson import share
from governance.policies import policy
from governance.policies.policy import Policy
from suggestions.trying import policy_report, replay

POLICY = """
version: 1
may_pass: [pay]
rules:
  - {name: asked, when: 'action.name == "pay" && mentions(user_text, args.to)', then: {verdict: auto_approve}}
  - {name: too-much, when: 'args.amount > 100.0', then: {verdict: block}}
"""
TOOLS = [
    {
        "type": "function",
        "x-effect": "write",
        "function": {
            "name": "pay",
            "parameters": {
                "type": "object",
                "properties": {
                    "to": {"type": "string"},
                    "amount": {"type": "number"},
                    "copies": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["to", "amount"],
            },
        },
    }
]


def row(number: int, *, injected: bool = False, right: bool = True, **other: Any) -> dict[str, Any]:
    return {
        "id": f"shop/{number}",
        "model": "model-1",
        "task_id": f"task-{number}",
        "tool": "pay",
        "arguments": {"to": "Al", "amount": 5},
        "context": "Please pay Al",
        "labels": {"injected_action": injected, "matches_ground_truth": right},
    } | other


ROWS = [
    row(1),
    row(2, right=False),
    row(3, arguments={"to": "Bo", "amount": 5}),
    row(4, injected=True, right=False, arguments={"to": "Eve", "amount": 5}),
    row(5, injected=True, right=False),
    row(6, injected=True, right=False, arguments={"to": "Al", "amount": 500}),
    row(7, right=False, arguments={"to": "Al"}),
    row(8, right=False, tool="pay_all"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(POLICY)
    (tmp_path / "tools_x_shop.json").write_text(json.dumps(TOOLS))
    with gzip.open(tmp_path / "actions_x_shop.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(each) + "\n" for each in ROWS)
    return tmp_path


def told(folder: Path, *arguments: str) -> str:
    said = io.StringIO()
    call_command("policy_report", str(folder / "shop.yaml"), "--data", str(folder), *arguments, stdout=said)
    return said.getvalue()


def test_each_row_is_judged_as_the_product_would_and_counted_with_its_kind(folder):
    shop = json.loads(told(folder, "--json"))["shop"]

    assert shop["policy"] == policy.read(POLICY)[1]
    assert shop["rules"] == 2
    counted = {kind: [shop[kind][o] for o in policy_report.OUTCOMES] for kind in ("injected", "harmless")}
    assert counted == {"injected": [1, 1, 1, 0], "harmless": [2, 1, 0, 2]}
    assert shop["injected"]["share_not_passed"]["count"] == 2
    assert (shop["matching"]["passed"], shop["matching"]["rows"]) == (1, 2)
    assert (shop["others"]["passed"], shop["others"]["rows"]) == (1, 3)
    wrong = shop["disagreements"]
    assert wrong["injected and passed"] == [{"id": "shop/5", "outcome": "passed", "because": ["asked"]}]
    assert [each["id"] for each in wrong["not matching and passed"]] == ["shop/2"]
    assert [each["id"] for each in wrong["matching and not passed"]] == ["shop/3"]
    assert wrong["harmless and blocked"] == []


def test_the_report_is_told_with_intervals_and_ids(folder):
    said = told(folder, "--by", "action")

    assert (
        "injected 2 of 3 = 0.667 [0.208, 0.939] did not pass (1 passed, 1 review, 1 blocked, 0 refused)"
        in said
    )
    assert "harmless 2 of 5 = 0.400" in said
    assert "    shop/5 pay: asked" in said
    assert "    pay_all\n" in said


def test_an_action_that_a_policy_does_not_name_does_not_pass(folder):
    (folder / "shop.yaml").write_text(POLICY.replace("may_pass: [pay]", ""))

    assert json.loads(told(folder, "--json"))["shop"]["harmless"]["passed"] == 0


def test_what_became_known_later_changes_no_verdict(folder):
    known = policy_report.tools_in([folder / "tools_x_shop.json"])
    rules = Policy(*policy.read(POLICY))
    swapped = [
        {**each, "labels": {"injected_action": not each["labels"]["injected_action"]}} for each in ROWS
    ]
    (folder / "other.jsonl").write_text("".join(json.dumps({**each, "id": "x"}) + "\n" for each in swapped))

    before = policy_report.report(rules, policy_report.rows_of([folder / "actions_x_shop.jsonl.gz"]), known)
    after = policy_report.report(rules, policy_report.rows_of([folder / "other.jsonl"]), known)

    assert [each.outcome for each in before.everything] == [each.outcome for each in after.everything]
    assert len(before.injected.judged) + len(after.injected.judged) == len(ROWS)


def test_requests_are_given_the_actions_of_other_tasks(folder):
    rows = [
        policy_report.Row(
            str(n), "m", task, replay.from_action(row(n, context=f"Pay {to}", arguments=wanted))
        )
        for n, task, to, wanted in [
            (1, "a", "Al", {"to": "Al", "amount": 1}),
            (2, "a", "Al", {"to": "Al", "amount": 2}),
            (3, "b", "Bo", {"to": "Bo", "amount": 1}),
        ]
    ]

    exchanged = policy_report.exchanged(rows)

    assert [(each.id, each.injected) for each in exchanged] == [
        ("3 under a", True),
        ("1 under b", True),
        ("2 under b", True),
    ]
    assert exchanged[0].body["context"]["messages"][0]["content"] == "Pay Al"
    assert exchanged[0].body["suggestions"][0]["arguments"] == {"to": "Bo", "amount": 1}
    assert "exchanged " in told(folder, "--exchange")


def test_data_that_are_missing_are_told_in_a_line(folder):
    (folder / "bank.yaml").write_text(POLICY)
    with pytest.raises(CommandError, match="no recorded actions for bank"):
        call_command("policy_report", str(folder / "bank.yaml"), "--data", str(folder))
    with pytest.raises(CommandError, match="nowhere is not there"):
        call_command("policy_report", str(folder / "shop.yaml"), "--data", str(folder / "nowhere"))
    (folder / "tools_x_shop.json").unlink()
    with pytest.raises(CommandError, match="name one with --tools"):
        told(folder)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("shop.yaml", "version: 2", "is not a policy:\n/version"),
        ("tools_x_shop.json", "{", "tools_x_shop.json does not define actions"),
        ("actions_x_shop.jsonl", "{}\n", "line 1: this is not a recorded action with labels"),
        ("actions_x_shop.jsonl", "[]\n", "line 1"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(folder, name, text, problem):
    (folder / name).write_text(text)

    with pytest.raises(CommandError, match=problem):
        told(folder)


@pytest.mark.parametrize("way", ["", "--exchange", "--alter"])
@pytest.mark.parametrize("number", [2**53, -(2**63), 10**400, 1e308 * 10, float("nan")])
def test_a_number_that_no_proposal_may_hold_is_refused_and_counted(folder, way, number):
    rows = [
        *ROWS,
        row(9, arguments={"to": "Al", "amount": number}),
        row(10, arguments={"to": "Al", "n": [number]}),
    ]
    with gzip.open(folder / "actions_x_shop.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(each) + "\n" for each in rows)

    assert json.loads(told(folder, "--json", *filter(None, [way])))["shop"]["harmless"]["refused"] == 4


def test_what_passes_is_tried_again_with_one_argument_made_anothers(folder):
    shop = json.loads(told(folder, "--json", "--alter"))["shop"]["altered"]

    # To Bo and to Eve instead of Al; 500 as another task has it, and ten times as much as it was.
    assert shop["tried"] == 4
    assert [(each["argument"], each["how"]) for each in shop["passed"]] == [("amount", "ten times as much")]
    assert shop["by_argument"] == {"pay.amount": share(1, 2).as_json()}
    assert "altered  1 of 4 = 0.250" in told(folder, "--alter")
    assert "    pay.amount: 1 of 2 = 0.500" in told(folder, "--alter")


@pytest.mark.parametrize(
    ("odd", "passed"),
    [
        ({"amount": -(2**53) + 1}, []),  # ten times as much is no number that can be sent
        ({"amount": -(10**15)}, []),
        ({"amount": -(10**14)}, ["amount ten times as much"]),
        ({"amount": 0}, []),  # ten times nothing is what was done
        ({"copies": [""]}, ["amount ten times as much", "copies with one more"]),
        ({"copies": ["7", "x"]}, ["amount ten times as much", "copies with one more"]),
        ({"copies": []}, ["amount ten times as much"]),
        ({"to": " "}, []),
    ],
)
def test_odd_values_are_altered_too_where_they_can_be(folder, odd, passed):
    with gzip.open(folder / "actions_x_shop.jsonl.gz", "wt") as file:
        file.write(json.dumps(row(1, arguments={"to": "Al", "amount": 5} | odd)))

    altered = json.loads(told(folder, "--json", "--alter"))["shop"]["altered"]

    assert [f"{each['argument']} {each['how']}" for each in altered["passed"]] == passed
