"""Mistakes in a workflow, each at its line."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import ActionType
from governance.workflows.check import check, check_content

pytestmark = pytest.mark.django_db
PAY = {
    "name": "pay",
    "schema": {
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "amount": {"type": "number"},
            "to": {"$ref": "#/$defs/account"},
            "tags": {"type": "object"},
            "note": {"type": "string"},
        },
        "required": ["order_id", "amount", "to", "tags"],
        "additionalProperties": False,
        "$defs": {
            "account": {
                "type": "object",
                "properties": {"iban": {"type": "string"}, "bank": {}},
                "required": ["iban"],
            },
        },
    },
}
HEAD = "steps:\n  - name: pay\n    routes:\n"
ROUTE = '      - {kind: http, url: "http://shop.internal/orders/{order_id}"}\n'
STEP = HEAD + ROUTE
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in ("ab", "bc", "cd", "de", "ef")
)


@pytest.fixture(autouse=True)
def reachable(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["shop.internal:80"]


@pytest.fixture
def pay(db: None) -> ActionType:
    return register(PAY, actor=SYSTEM)[0]


def found(text: str, action_type: ActionType) -> list[tuple[int, int, str]]:
    return [(one["line"], one["column"], one["detail"]) for one in check(text, action_type).errors]


def test_a_workflow_without_mistakes_is_read(pay: ActionType) -> None:
    checked = check(STEP + "    if: args.to.iban != '' && args.amount > 3\n", pay)
    assert (checked.errors, checked.warnings) == ([], [])
    assert checked.plan is not None
    assert checked.plan.steps[0].name == "pay"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", [(1, 1, "A workflow begins with steps: and a list of them.")]),
        ("steps: [", [(1, 9, "This is not YAML: expected the node content")]),
        (STEP + "stepz: 1\n", [(5, 1, "stepz is unknown here; did you mean steps?")]),
        (
            HEAD + "      - {kind: htpp}\n",
            [(4, 16, "htpp is no kind of route here; there are http, mcp, python, message, handback.")],
        ),
        (STEP + "    verfy: {}\n", [(5, 5, "verfy is unknown here; did you mean verify?")]),
        (
            STEP[:-2] + ", say: x, timeout: soon, with: {x: =args.}, body: {y: =args.amont}}\n",
            [
                (4, 69, "say is unknown here"),
                (4, 86, "'soon' is not a span of time"),
                (4, 108, ". does not belong here."),
                (4, 127, "the schema knows no args.amont; did you mean amount?"),
            ],
        ),
        (STEP + STEP[7:], [(5, 11, "two steps have the same name: pay.")]),
        (
            STEP + "attend: {team: Nobody, within: 5s}\n",
            [
                (5, 16, "There is no team Nobody; there are Operations."),
                (5, 32, "It has to be greater than or equal to 60."),
            ],
        ),
        (STEP + "attend: {team: Nobody}\n", [(5, 16, "There is no team Nobody; there are Operations.")]),
        (STEP + "attend: {teem: x}\n", [(5, 10, "teem is unknown here; did you mean team?")]),
        (
            STEP + ROUTE,
            [(5, 9, "two routes are the same: this one would lead back to the one before.")],
        ),
        (
            HEAD + '      - {kind: http, url: "http://{order_id}/"}\n',
            [(4, 27, "the host must be written out, not taken from the arguments.")],
        ),
        (
            HEAD + '      - {kind: http, url: "http://shop.internal/{+order_id}"}\n',
            [(4, 27, "{+order_id} would put an argument into the address unescaped.")],
        ),
        (
            HEAD + '      - {kind: http, url: "http://shop.internal/{order}"}\n',
            [(4, 27, "{order} is not an argument in the schema.")],
        ),
        (
            HEAD + '      - {kind: http, url: "https://shop.internal/{order_id}"}\n',
            [
                (
                    4,
                    27,
                    "shop.internal:443 is not in the setting EGRESS_ALLOW, so no worker may call it; "
                    "whoever operates this system has to add it there.",
                )
            ],
        ),
        (STEP[:-2] + ", sign: key}\n", [(4, 75, "there is no secret key.")]),
        (
            STEP + "    if: args.amont > 5\n    retry: {base: 2026-01-01}\n",
            [(6, 19, "YAML does not take it for text, a number, true or false; put it in quotes.")],
        ),
        (
            STEP + "    if: args.amont > 5\n",
            [(5, 14, "the schema knows no args.amont; did you mean amount?")],
        ),
        (
            STEP[:-2] + ',\n        body: {to: ["=args.amount +", "=args.to.x", "=foo.y"]}}\n',
            [(5, 36, "something is missing at the end"), (5, 55, "there is no foo here.")],
        ),
        (
            STEP + "    success_when: >\n      response.status < 300 &&\n      response.jsn.ok\n",
            [(7, 7, "response has no jsn; did you mean json?")],
        ),
        (
            STEP + "    if: look.json.x == 1\n",
            [(5, 9, "this workflow has no look, so nothing is known of it.")],
        ),
        (STEP + "    if: steps.refund.json.id == 1\n", [(5, 9, "there is no step refund before this one.")]),
        (STEP + "    if: signal.state == 1\n", [(5, 9, "there is no signal here.")]),
        (
            STEP + "    if: args.order_id > 5\n",
            [
                (
                    5,
                    23,
                    "> compares two that never go together: args.order_id is a text, the other a number.",
                )
            ],
        ),
        (
            STEP + "    if: '\"5\" == args.amount'\n",
            [(5, 14, '== compares two that never go together: "5" is a text, args.amount a number.')],
        ),
        (
            STEP + "currency: EUR\ncurrency: USD\n",
            [(6, 1, "currency stands twice; first in line 5.")],
        ),
        (BOMB, [(1, 14, "It is nested too deeply, or says too much.")]),
        (
            STEP + f"within: {'9' * 70_000}\n",
            [(5, 9, f"This is not YAML: {'9' * 40} is no value that can be read.")],
        ),
        (
            HEAD + "      - {kind: handback, to: {team: Nobody}}\n",
            [(4, 37, "there is no team Nobody; there are ")],
        ),
        (HEAD + "      - {kind: handback, to: {}}\n", [(4, 30, "team is missing.")]),
    ],
)
def test_a_mistake_is_told_at_its_line(
    pay: ActionType, text: str, mistakes: list[tuple[int, int, str]]
) -> None:
    told = found(text, pay)
    assert [(line, column) for line, column, _ in told] == [(line, column) for line, column, _ in mistakes]
    for (_, _, detail), (_, _, said) in zip(told, mistakes, strict=True):
        assert said.rstrip(".").casefold() in detail.casefold()


def test_mistakes_of_all_parts_are_told_at_once(pay: ActionType) -> None:
    text = STEP + "    stray: 1\n" + STEP[7:].replace("pay", "tell").replace(".internal", ".example")
    text += "    if: args.amont > 1 && steps.pay.json.id != 1\nlook: {rout: 1}\nrequire: look.jsn == 1\n"
    assert [(line, detail.partition(";")[0].partition(",")[0]) for line, _, detail in found(text, pay)] == [
        (5, "stray is unknown here"),
        (8, "shop.example:80 is not in the setting EGRESS_ALLOW"),
        (9, "The schema knows no args.amont"),
        (10, "route is missing."),
        (10, "rout is unknown here"),
        (11, "look has no jsn"),
    ]


def test_what_the_schema_leaves_open_is_a_warning(db: None) -> None:
    schema = {k: v for k, v in PAY["schema"].items() if k != "additionalProperties"}  # type: ignore[attr-defined]
    pay = register({**PAY, "schema": schema}, actor=SYSTEM)[0]

    checked = check(STEP + "    if: args.amont > 5 && args.quite_another && args.tags.x == 1\n", pay)

    assert checked.errors == []
    said = "the schema knows no args.amont; did you mean amount?"
    assert [(w["line"], w["column"], w["detail"].casefold()) for w in checked.warnings] == [(5, 14, said)]


@pytest.mark.parametrize(
    ("condition", "warned"),
    [
        ("args.note == 'x'", "args.note"),
        ("args.to.bank == 'x'", "args.to.bank"),
        ("args.amount > 3 && args.to.iban != ''", ""),
        ("has(args.note) && args.note == 'x'", ""),
        ("'note' in args && args.note == 'x'", ""),
        ("has(args.note) && args.to.bank == args.note", "args.to.bank"),
        ("has(args.to.bank)", ""),
    ],
)
def test_what_may_be_left_out_is_asked_for_first(pay: ActionType, condition: str, warned: str) -> None:
    checked = check(STEP + f'    if: "{condition}"\n', pay)

    assert checked.errors == []
    expected = [f"{warned} may be left out; ask has({warned}) first, or this fails."] if warned else []
    assert [warning["detail"] for warning in checked.warnings] == expected


def test_what_the_condition_of_a_step_asks_for_its_routes_may_use(pay: ActionType) -> None:
    route = {"kind": "http", "url": "http://shop.internal/", "body": {"note": "=args.note"}}
    step = {"name": "pay", "routes": [route]}

    assert [one["pointer"] for one in check_content({"steps": [step]}, pay).warnings] == [
        "/steps/0/routes/0/body/note"
    ]
    assert not check_content({"steps": [{**step, "if": "has(args.note)"}]}, pay).warnings


def test_of_what_was_sent_as_json_the_pointer_is_told(pay: ActionType) -> None:
    route = {"kind": "http", "url": "http://shop.internal/", "body": {"a/b": "=args.amont"}}
    checked = check_content({"steps": [{"name": "pay", "routes": [route]}]}, pay)

    assert checked.errors == [
        {
            "pointer": "/steps/0/routes/0/body/a~1b",
            "detail": "The schema knows no args.amont; did you mean amount?"
            " (Line 1, column 6 of the expression.)",
        }
    ]


def test_a_file_is_checked_on_the_command_line(pay: ActionType, tmp_path: Path) -> None:
    file = tmp_path / "pay.yaml"

    def asked(text: str, action: str = "pay") -> str:
        file.write_text(text, encoding="utf-8")
        said = StringIO()
        call_command("check_workflow", str(file), "--action", action, stdout=said)
        return said.getvalue()

    assert asked(STEP) == f"{file} is right: 1 step.\n"
    for text, action, refusal in (
        (STEP + "stepz: 1\n", "pay", f"{file}:5:1: stepz is unknown here; did you mean steps?"),
        (STEP, "no_such", "There is no action type no_such."),
    ):
        with pytest.raises(CommandError) as error:
            asked(text, action)
        assert str(error.value) == refusal
    assert ActionType.objects.count() == 1
