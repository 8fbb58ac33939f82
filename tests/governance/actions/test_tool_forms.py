from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import call_command

from audit.ground.actors import SYSTEM
from governance.actions.action_types import (
    InvalidActionType,
    normalised,
    preview,
    read,
    register,
    register_all,
)
from governance.models import ActionType

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
MCP = {
    "name": "send_mail",
    "title": "Send a mail",
    "description": "Sends a mail.",
    "inputSchema": SCHEMA,
    "outputSchema": {"type": "object"},
    "annotations": {"title": "Mail", "readOnlyHint": False, "idempotentHint": True},
    "_meta": {"anything": 1},
}
NESTED = {
    "type": "function",
    "function": {"name": "send_mail", "description": "Sends a mail.", "parameters": SCHEMA, "strict": True},
}
FLAT = {"type": "function", "name": "send_mail", "description": "Sends a mail.", "parameters": SCHEMA}
OURS = {"name": "send_mail", "description": "Sends a mail.", "schema": SCHEMA}


@pytest.mark.parametrize("tool", [NESTED, FLAT, OURS, {**FLAT, "strict": None}, NESTED["function"]])
def test_every_form_of_a_function_says_the_same(tool: Any) -> None:
    assert normalised(tool) == normalised(OURS)


def test_a_tool_of_an_mcp_server_keeps_its_hints_and_the_worst_of_what_it_does_not_say() -> None:
    taken = normalised(MCP)

    assert (taken["name"], taken["schema"], taken["reversibility"]) == ("send_mail", SCHEMA, "irreversible")
    assert taken["annotations"] == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": True,
        "openWorldHint": True,
    }


@pytest.mark.parametrize(
    "content",
    [
        [MCP, NESTED],
        {"tools": [MCP, NESTED]},
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP, NESTED]}},
        {"result": {"tools": [MCP, NESTED]}},
        {"functions": [MCP, NESTED]},
        {"model": "any", "tools": [MCP, NESTED]},
    ],
)
def test_the_tools_of_a_file_are_found_wherever_its_form_has_them(content: Any) -> None:
    assert read(json.dumps(content)).tools == [MCP, NESTED]


@pytest.mark.parametrize("tool", [MCP, NESTED, FLAT, OURS])
def test_a_file_may_be_one_tool_by_itself(tool: Any) -> None:
    assert read(json.dumps(tool)).tools == [tool]


def test_what_is_left_aside_and_what_is_missing_is_told() -> None:
    found = read(json.dumps({"tools": [MCP, {**MCP, "name": "other"}], "nextCursor": "page-2"}))

    assert found.notes == [
        "The list goes on: nextCursor says that the server has more tools than are in here.",
        "Left aside, for an action type has no use for it: _meta, outputSchema, title (send_mail, other).",
    ]


def test_our_own_members_may_stand_beside_any_form() -> None:
    more = {"reversibility": "reversible", "data_classes": ["personal"], "template": "Mail {to}"}

    for form in (MCP, NESTED, FLAT):
        taken = normalised({**form, **more})
        assert {name: taken[name] for name in more} == more


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601}}, "file: is a JSON-RPC message without"),
        ({"jsonrpc": "2.0", "id": 1}, "file: is a JSON-RPC message without"),
        ({"tools": 7}, "file: must hold an action type, a list of them"),
        ([{"type": "web_search"}], "tool 1: type: 'web_search' is no kind of tool that acts"),
        ([{"type": ["function"]}], "tool 1: type: \"['function']\" is no kind of tool that acts"),
        ([{"type": {}}], "tool 1: type: '{}' is no kind of tool that acts"),
        (
            [{**MCP, "data_clases": ["personal"]}],
            "send_mail: data_clases: is unknown here; did you mean data_",
        ),
        ([{**OURS, "colour": "red"}], "send_mail: colour: is unknown here"),
        ([{**MCP, "inputSchema": {"type": "string"}}], 'send_mail: inputSchema.type: must be "object"'),
        ([{**OURS, "annotations": {"harmless": True}}], "send_mail: annotations.harmless: is unknown"),
        ([{**MCP, "name": "a/b"}], "a/b: name: must be 1 to 128 letters"),
        ([{**NESTED, "name": "other"}], "send_mail: name: stands beside the function"),
        ([MCP, NESTED], "send_mail: stands twice in one file"),
        ([7], "tool 1: must be a JSON object"),
    ],
)
def test_what_is_wrong_is_named(db: None, content: Any, said: str) -> None:
    with pytest.raises(InvalidActionType) as refused:
        register_all(read(json.dumps(content)).tools, actor=SYSTEM)

    assert str(refused.value).startswith(said)
    assert not ActionType.objects.exists()


ODD: list[Any] = [None, True, 0, 1e300, "", "x" * 5_000, "\u202e", [], ["a", "a"], [None], {}, {"a": None}]


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in value if isinstance(value, dict) else ():
        yield from places(value[name], (*path, name))


def put(value: Any, path: tuple[str, ...], other: Any) -> Any:
    return {**value, path[0]: put(value[path[0]], path[1:], other)} if path else other


@pytest.mark.parametrize("form", [MCP, NESTED, FLAT, OURS], ids=["mcp", "nested", "flat", "ours"])
def test_whatever_stands_anywhere_a_tool_is_taken_or_refused_in_words(form: dict[str, Any]) -> None:
    for path in places(form):
        for odd in ODD:
            with suppress(InvalidActionType):
                [tool] = read(json.dumps([put(form, path, odd)])).tools
                assert normalised(tool)["schema"]["type"] == "object", (path, odd)


DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def test_an_older_dialect_is_read_where_it_says_the_same() -> None:
    tool = {**MCP, "inputSchema": {**SCHEMA, "$schema": DRAFT_7}}

    assert normalised(tool)["schema"] == SCHEMA
    assert any("older dialect" in note for note in read(json.dumps([tool])).notes)


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"items": [{"type": "string"}]}, "properties.to.items"),
        ({"additionalItems": False}, "properties.to.additionalItems"),
        ({"dependencies": {"a": ["b"]}}, "properties.to.dependencies"),
    ],
)
def test_an_older_dialect_is_refused_where_it_would_be_misread(part: Any, path: str) -> None:
    schema = {"type": "object", "properties": {"to": part}, "$schema": DRAFT_7}

    with pytest.raises(InvalidActionType, match=f"^send_mail: inputSchema.{path}: "):
        normalised({**MCP, "inputSchema": schema})


def test_the_same_tool_in_another_form_is_no_new_version(db: None) -> None:
    register(NESTED, actor=SYSTEM)

    assert [change.changes for change in preview([FLAT, {**MCP, "name": "other"}])] == [False, True]
    assert register(OURS, actor=SYSTEM)[1] is False


def test_the_command_takes_what_a_server_answered(db: None, tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP], "nextCursor": "2"}}))

    call_command("apply_action_types", str(file))

    told = capsys.readouterr()
    assert told.out.splitlines() == ["send_mail@1 registered", "1"]
    assert "The list goes on" in told.err
