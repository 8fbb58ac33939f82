from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.actions.action_types import InvalidActionType, normalised, parse, register
from governance.actions.catalogue import compiled
from governance.models import ActionType
from tests.conftest import REFUND

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
WORKFLOW = {
    "steps": [{"name": "refund", "routes": [{"kind": "http", "url": "http://shop.test/orders/{order_id}"}]}]
}


def definition(**changes: Any) -> dict[str, Any]:
    return {**REFUND, **changes}


def function(**changes: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}, **changes}


def test_a_definition_becomes_the_first_version(db: None) -> None:
    made, changed = register(
        definition(workflow=WORKFLOW, data_classes=["payment", "customer"]), actor=SYSTEM
    )

    assert (changed, made.version, made.current) == (True, 1, True)
    assert made.schema == REFUND["schema"]
    assert made.annotations == {
        "readOnlyHint": False,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert (made.data_classes, made.workflow) == (["customer", "payment"], WORKFLOW)
    assert json.loads(Event.objects.get().body)["data"] == {
        "action": "refund_payment",
        "version": 1,
        "definition_digest": made.definition_digest,
    }


def test_what_says_the_same_is_the_same_version(db: None) -> None:
    first, _ = register(REFUND, actor=SYSTEM)
    same = json.loads(json.dumps(dict(reversed(REFUND.items()))))
    same["annotations"]["readOnlyHint"] = False

    again, changed = register(same, actor=SYSTEM)

    assert (again, changed) == (first, False)
    assert Event.objects.count() == 1


def test_a_change_is_a_new_version_and_the_old_one_stays(db: None) -> None:
    first, _ = register(REFUND, actor=SYSTEM)
    second, _ = register(definition(description="Another."), actor=SYSTEM)
    third, _ = register(REFUND, actor=SYSTEM)

    assert list(ActionType.objects.order_by("version").values_list("version", "current")) == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert (first.definition_digest, second.definition_digest != first.definition_digest) == (
        third.definition_digest,
        True,
    )


def test_two_who_register_at_once_make_one_version(transactional_db: None) -> None:
    start, found, errors = threading.Barrier(4), [], []

    def run() -> None:
        start.wait()
        try:
            found.append(register(REFUND, actor=SYSTEM))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(changed for _, changed in found) == [False, False, False, True]
    assert ActionType.objects.count() == 1


def test_nothing_said_means_the_worst(db: None) -> None:
    made, _ = register({"name": "act", "schema": {"type": "object"}}, actor=SYSTEM)

    assert made.annotations == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    }
    assert made.reversibility == "irreversible"


def test_what_only_reads_neither_destroys_nor_minds_a_second_time() -> None:
    for said in (
        {"annotations": {"readOnlyHint": True, "destructiveHint": True}},
        {"reversibility": "read_only"},
    ):
        complete = normalised({"name": "look", "schema": {"type": "object"}, **said})
        assert complete["reversibility"] == "read_only"
        assert complete["annotations"] == {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": True,
        }


def test_a_function_in_openais_form_is_taken() -> None:
    assert normalised(function())["annotations"]["destructiveHint"] is True
    assert normalised(function(**{"x-effect": "external_read"}))["reversibility"] == "irreversible"
    read = normalised(function(**{"x-effect": "read"}))
    assert (read["reversibility"], read["annotations"]["readOnlyHint"]) == ("read_only", True)
    assert normalised({"type": "function", "function": {"name": "now"}})["schema"] == {
        "type": "object",
        "properties": {},
    }


SCHEMA = REFUND["schema"]
DEEP: dict[str, Any] = {}
for _ in range(40):
    DEEP = {"properties": {"a": DEEP}}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"colour": "red"}, "colour"),
        ({"schema": None}, "schema"),
        ({"schema": {"type": "array"}}, "schema.type"),
        ({"schema": {"type": "object", "properties": {"a": {"type": "strin"}}}}, "schema.properties.a.type"),
        (
            {"schema": {"type": "object", "$schema": "https://example.com/our-own-dialect"}},
            "schema.$schema",
        ),
        ({"schema": {**SCHEMA, "$defs": {"a": {"$ref": "http://127.0.0.1:9/x"}}}}, "schema.$defs.a.$ref"),
        ({"schema": {**SCHEMA, "$defs": {"a": {"$ref": "file:///etc/passwd"}}}}, "schema.$defs.a.$ref"),
        ({"schema": {**SCHEMA, "allOf": [{"$ref": "#/$defs/missing"}]}}, "schema.allOf.0.$ref"),
        ({"schema": {**SCHEMA, "patternProperties": {"(?=x)": {}}}}, "schema.patternProperties.(?=x)"),
        ({"schema": {**SCHEMA, "description": "a\0b"}}, "schema.description"),
        ({"schema": {"type": "object", **DEEP}}, ""),
        ({"description": "x" * 70_000}, ""),
        ({"description": 7}, "description"),
        ({"annotations": {"readOnlyHint": "no"}}, "annotations.readOnlyHint"),
        ({"annotations": {"harmless": True}}, "annotations.harmless"),
        ({"annotations": []}, "annotations"),
        ({"reversibility": "mostly"}, "reversibility"),
        ({"reversibility": "read_only", "annotations": {"readOnlyHint": False}}, "reversibility"),
        ({"reversibility": "reversible", "annotations": {"readOnlyHint": True}}, "reversibility"),
        ({"data_classes": "payment"}, "data_classes"),
        ({"data_classes": ["Two words"]}, "data_classes"),
        ({"template": "Refund {sum}"}, "template"),
        ({"template": "Refund {amount"}, "template"),
        ({"template": "Refund {}"}, "template"),
        ({"template": "x" * 301}, "template"),
        ({"workflow": {"steps": []}}, "workflow"),
        (
            {
                "workflow": {
                    "steps": [{"name": "a", "routes": [{"kind": "http", "url": "http://a.test/{sum}"}]}]
                }
            },
            "workflow",
        ),
    ],
)
def test_a_mistake_is_named_with_its_type_and_path(db: None, changes: Any, path: str) -> None:
    wrong = definition(**changes)

    with pytest.raises(InvalidActionType) as refused:
        register(wrong, actor=SYSTEM)

    said = changes.get("name", "refund_payment")
    name = said if isinstance(said, str) and len(said) < 129 else "tool 1"
    assert str(refused.value).startswith((f"{name}: {path}: ", f"{name} (") if path else f"{name}: ")
    assert "\n" not in str(refused.value)
    assert not ActionType.objects.exists()


def test_patterns_take_linear_time() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    assert not compiled(schema).is_valid({"a": "a" * 50_000 + "!"})


@pytest.mark.parametrize(
    "text",
    ["", "{", "7", '{"tools": 7}', '{"nam": "a"}', '[{"name": "a", "name": "b"}]', "[NaN]", "[" * 100_000],
)
def test_a_file_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidActionType, match="file"):
        parse(text)


def test_a_file_is_applied_whole_or_not_at_all(db: None, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "types.json"
    file.write_text(json.dumps([REFUND, {"name": "broken"}]))
    with pytest.raises(CommandError, match="broken: schema"):
        call_command("apply_action_types", str(file))
    assert not ActionType.objects.exists()

    file.write_text(json.dumps({"tools": [REFUND, function()]}))
    call_command("apply_action_types", str(file))
    call_command("apply_action_types", str(file))

    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "refund_payment@1 registered",
        "search@1 registered",
        "2",
        "refund_payment@1 unchanged",
        "search@1 unchanged",
        "2",
    ]
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("apply_action_types", str(tmp_path / "none.json"))


@pytest.mark.skipif(not DATA.exists(), reason="recorded actions of real agents are not on this machine")
def test_recorded_definitions_of_real_tools_are_taken_as_they_are(db: None) -> None:
    files = sorted(DATA.glob("tools_*.json"))
    assert len(files) == 5
    for file in files:
        tools = json.loads(file.read_text())["tools"]
        for tool, taken in zip(tools, parse(file.read_text()), strict=True):
            made, _ = register(taken, actor=SYSTEM)
            assert made.name == tool["function"]["name"]
            assert made.read_only_hint == (tool["x-effect"] == "read")
    connection.check_constraints()
