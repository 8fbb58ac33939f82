"""Schemas as others write them, taken where they can be, and each mistake told with its tool and path."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.actions import catalogue
from governance.actions.action_types import (
    InvalidActionType,
    described,
    normalised,
    read,
    register,
    register_all,
    sifted,
)
from governance.actions.changes import MilderHazards, TakenOver
from governance.models import ActionType

ZOD_EMAIL = (
    r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
)


def mcp(name: str = "act", **schema: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", **schema}}


def entry(**schema: Any) -> catalogue.Entry:
    return catalogue.entry(described(normalised(mcp(**schema))))


def wrong(arguments: Any, **schema: Any) -> list[tuple[str, str]]:
    return [(e["pointer"], e["detail"]) for e in entry(**schema).errors(arguments, "")]


# --- One odd member does not stop an import -------------------------------------------------------


def test_zods_pattern_for_e_mail_is_taken_and_asked() -> None:
    schema = {"properties": {"to": {"type": "string", "format": "email", "pattern": ZOD_EMAIL}}}

    assert wrong({"to": "ana@example.com"}, **schema) == []
    assert [at for at, _ in wrong({"to": "a..b@example.com"}, **schema)] == ["/to", "/to"]
    assert any("look-around" in note for note in read(json.dumps([mcp(**schema)])).notes)


@pytest.mark.parametrize(
    "odd",
    [
        {"annotations": None},
        {"annotations": {"readOnlyHint": None, "destructiveHint": None}},
        {"annotations": {"harmless": True, "title": "Act"}},
        {"description": None},
        {
            "title": None,
            "outputSchema": None,
            "_meta": None,
            "icons": [],
            "execution": {"taskSupport": "optional"},
        },
        {"x-colour": "red", "x-effect": "teleport", "category": "any"},
        {"inputSchema": None},
        {"inputSchema": {"type": "object", "required": None, "properties": None}},
        {
            "inputSchema": {
                "properties": {"a": None, "b": {"type": "string", "description": None, "enum": None}}
            }
        },
        {"inputSchema": {"$schema": "https://json-schema.org/draft/2019-09/schema", "type": "object"}},
        {"inputSchema": {"$schema": "http://json-schema.org/draft-06/schema#", "type": "object"}},
        {"inputSchema": {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "id": "x"}},
        {"inputSchema": {"type": "object", "properties": {"a": {"format": "int64", "nullable": True}}}},
        {
            "inputSchema": {
                "type": "object",
                "properties": {"a": True, "b": {"type": "string", "required": True}},
            }
        },
        {
            "inputSchema": {
                "type": "object",
                "required": ["a", "a"],
                "properties": {"a": {"pattern": "(?<bad"}},
            }
        },
        {
            "inputSchema": {
                "type": "object",
                "properties": {"a": {"$id": "#a", "default": None, "const": None}},
            }
        },
        {
            "inputSchema": {
                "type": "object",
                "definitions": {"a": {"$anchor": "q"}},
                "properties": {"b": {"$ref": "#q"}},
            }
        },
        {"inputSchema": {"type": "object", "unevaluatedProperties": False, "patternProperties": {"^a": {}}}},
    ],
)
def test_what_is_odd_and_harmless_is_taken(odd: dict[str, Any]) -> None:
    taken = normalised({**mcp(), **odd})

    assert taken["annotations"]["destructiveHint"] is True
    assert taken["schema"]["type"] == "object"
    catalogue.entry(described(taken)).errors({"a": 1}, "")


@pytest.mark.parametrize("name", ["2fa_reset", "_x", "-x", "a.b-c", "7", "x" * 128, "ns:tool"])
def test_names_are_as_mcp_has_them(db: None, name: str) -> None:
    assert register({**mcp(), "name": name}, actor=SYSTEM)[0].name == name


def test_anthropics_form_says_the_same() -> None:
    tool = {
        "name": "act",
        "type": "custom",
        "input_schema": {"type": "object"},
        "cache_control": {"type": "x"},
    }

    assert normalised(tool) == normalised(mcp())


def test_limits_in_a_schema_may_be_as_large_as_they_like() -> None:
    limits = {"type": "integer", "minimum": -9223372036854775808, "maximum": 9223372036854775807}
    schema = {"properties": {"n": {**limits, "exclusiveMaximum": 1e300}, "s": {"maxLength": 2**63}}}

    assert normalised(mcp(**schema))["schema"]["properties"] == {
        "n": {"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1},
        "s": {"maxLength": 2**53 - 1},
    }
    assert wrong({"n": 2**53 - 1}, **schema) == []


def test_every_older_dialects_limits_and_or_null_are_read_as_they_were_meant() -> None:
    old = {"$schema": "http://json-schema.org/draft-04/schema#"}
    above = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True}
    schema = {**old, "properties": {"n": above, "m": {"type": "string", "required": True}}}

    assert wrong({"n": 0, "m": ""}, **schema) == [("/n", "More than 0.")]
    assert wrong({"n": None}, **schema) == [("", "m is missing.")]


IS_READ = "nullable is read as: or null (act)."
IS_LEFT = "nullable is left aside where no type stands beside it (act)."


@pytest.mark.parametrize(
    ("part", "note", "null"),
    [
        ({"type": "string"}, IS_READ, []),
        ({"type": "string", "enum": ["x"]}, IS_READ, []),
        ({"type": "string", "enum": ["x", None]}, IS_READ, []),
        ({"type": ["string", "integer"], "enum": ["x"]}, IS_READ, []),
        ({"type": ["string", "null"], "enum": ["x"]}, IS_READ, []),
        ({"enum": ["x", "y"]}, IS_READ, []),
        ({"type": "string", "const": "x"}, IS_READ, []),
        ({"const": "x"}, IS_READ, []),
        ({"const": "x", "enum": ["x", "y"]}, IS_READ, ['It must be "x".']),
        ({}, IS_LEFT, []),
        ({"$ref": "#/$defs/x"}, IS_LEFT, ["It must be text."]),
        ({"allOf": [{"$ref": "#/$defs/x"}]}, IS_LEFT, ["It must be text."]),
        ({"anyOf": [{"type": "string"}]}, IS_LEFT, ["It must be text."]),
    ],
)
def test_whether_or_null_was_read_is_told(part: dict[str, Any], note: str, null: list[str]) -> None:
    schema = {"$defs": {"x": {"type": "string"}}, "properties": {"a": {**part, "nullable": True}}}

    assert [told for _, told in wrong({"a": None}, **schema)] == null
    assert wrong({"a": "x"}, **schema) == []
    assert read(json.dumps([mcp(**schema)])).notes == [note]


THREE = [
    mcp("good"),
    mcp("one", properties={"a": {"type": "strin"}, "b": {"minLength": "x"}}),
    {**mcp("two"), "annotations": {"readOnlyHint": "yes"}},
    {**mcp("a/b")},
]


def test_all_mistakes_of_a_file_are_told_at_once_with_tool_and_path(db: None) -> None:
    with pytest.raises(InvalidActionType) as refused:
        register_all(THREE, actor=SYSTEM)

    assert {(p.name, p.path) for p in refused.value.problems} == {
        ("one", "inputSchema.properties.a.type"),
        ("one", "inputSchema.properties.b.minLength"),
        ("two", "annotations.readOnlyHint"),
        ("a/b", "name"),
    }
    assert [tool["name"] for tool in sifted(THREE)[0]] == ["good"]


def test_the_command_tells_all_of_them_and_takes_the_rest_if_wished(
    db: None, tmp_path: Any, capsys: Any
) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps({"tools": THREE}))

    with pytest.raises(CommandError) as refused:
        call_command("apply_action_types", str(file))
    assert [line.split(": ")[:2] for line in str(refused.value).splitlines()[1:]] == [
        ["  one", "inputSchema.properties.a.type"],
        ["  one", "inputSchema.properties.b.minLength"],
        ["  two", "annotations.readOnlyHint"],
        ["  a/b", "name"],
    ]
    assert not ActionType.objects.exists()

    call_command("apply_action_types", str(file), skip_wrong=True, source="shop-mcp")
    told = capsys.readouterr()
    assert told.out.splitlines() == ["good@1 registered", "1"]
    assert told.err.count("left out: ") == 4
    assert ActionType.objects.get().source == "shop-mcp"


def test_addresses_that_no_worker_may_call_are_told_together(
    db: None, tmp_path: Any, capsys: Any, settings: Any
) -> None:
    settings.EGRESS_ALLOW = ["shop.internal:80"]
    tools = [{**mcp(name), "workflow": calling(f"http://{host}/")} for name, host in CALLED.items()]
    file = tmp_path / "tools.json"
    file.write_text(json.dumps(tools))

    call_command("apply_action_types", str(file))

    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "3"
    assert told.err.splitlines() == [
        "bank.internal:80 is not in the setting EGRESS_ALLOW, so no worker may call it; whoever operates "
        "this system has to add it there (pay, pay_back)."
    ]


CALLED = {"ship": "shop.internal", "pay": "bank.internal", "pay_back": "bank.internal"}


def calling(url: str) -> dict[str, Any]:
    return {"steps": [{"name": "call", "routes": [{"kind": "http", "url": url}]}]}


def test_a_long_enum_and_a_long_description_name_their_limits() -> None:
    for tool, said in (
        (mcp(properties={"a": {"enum": ["x" * 20 + str(n) for n in range(3_000)]}}), "65,536 are allowed"),
        ({**mcp(), "description": "x" * 12_000}, "at most 10,000 characters; it has 12,000"),
    ):
        with pytest.raises(InvalidActionType, match=said):
            normalised(tool)


# --- A name is not taken over in silence ----------------------------------------------------------

MERGE = {**mcp("merge_pull_request", properties={"number": {"type": "integer"}}), "description": "Merges."}


def test_what_is_replaced_is_told_and_milder_hazards_are_asked_for(
    db: None, tmp_path: Any, capsys: Any
) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([MERGE]))
    call_command("apply_action_types", str(file), source="github-mcp")
    file.write_text(
        json.dumps([{**MERGE, "annotations": {"destructiveHint": False}, "description": "Joins."}])
    )

    with pytest.raises(
        CommandError, match=r"less dangerous than they do now: merge_pull_request.*--accept-milder"
    ):
        call_command("apply_action_types", str(file), source="github-mcp")
    assert ActionType.objects.get().destructive_hint
    capsys.readouterr()
    call_command("apply_action_types", str(file), source="github-mcp", accept_milder=True)

    line = capsys.readouterr().out.splitlines()[0]
    assert line == (
        "merge_pull_request@2 replaces @1: destructiveHint true → false; description"
        " — LESS DANGEROUS THAN BEFORE: it would no longer count as destroying anything"
    )


@pytest.mark.parametrize("source", ["", "other-mcp"])
def test_another_source_does_not_take_over_a_name_unasked(db: None, source: str) -> None:
    register_all([MERGE], actor=SYSTEM, source="github-mcp")
    other = {**MERGE, "description": "Something else."}

    with pytest.raises(TakenOver, match="github-mcp"):
        register_all([other], actor=SYSTEM, source=source)
    register_all([MERGE], actor=SYSTEM, source=source)  # to the letter what is there
    [done] = register_all([other], actor=SYSTEM, source=source, take_over=True)

    assert done.change.in_words == "replaces @1: it came from github-mcp; description"
    assert done.action_type.source == (source or "github-mcp")
    assert json.loads(Event.objects.order_by("id").last().body)["data"]["source"] == done.action_type.source  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"reversibility": "irreversible"}, {"reversibility": "reversible"}),
        ({"annotations": {}}, {"annotations": {"readOnlyHint": True}}),
        ({"annotations": {}}, {"annotations": {"openWorldHint": False}}),
        ({"data_classes": ["financial"]}, {"data_classes": []}),
        (
            {"schema": {"type": "object", "properties": {"a": {"x-sensitive": True}}}},
            {"schema": {"type": "object"}},
        ),
    ],
)
def test_whatever_counts_as_less_dangerous_has_to_be_meant(db: None, before: Any, after: Any) -> None:
    base = {"name": "act", "schema": {"type": "object"}}
    register({**base, **before}, actor=SYSTEM)

    with pytest.raises(MilderHazards):
        register_all([{**base, **after}], actor=SYSTEM)
    register_all([{**base, **after}], actor=SYSTEM, accept_milder=True)
    register_all([{**base, **before}], actor=SYSTEM)  # graver needs no leave


# --- What passes a format means one thing ---------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "right", "refused"),
    [
        (
            "email",
            ["ana@example.com", "a.b+c@mail.example.co.uk", "x_1@localhost"],
            [
                "ceo@bank.example <thief@evil.example>",
                "Ana <ana@example.com>",
                '"Ana" <ana@example.com>',
                "<ana@example.com>",
                "a@b.example,c@d.example",
                "a@b.example;c@d.example",
                "a@b.example c@d.example",
                "(ana)a@b.example",
                '"a b"@c.example',
                '"a@b"@c.example',
                " a@b.example",
                "a@b.example\n",
                "a@b.example\r\nBcc: x@y.example",
                "a@[127.0.0.1]",
                "a@127.0.0.1",
                "a%b.example@c.example",
                "b!a@c.example",
                "a@b..example",
                "a\u200b@b.example",
                "\u0430@b.example",
                "mailto:a@b.example",
                "a@@b",
            ],
        ),
        (
            "idn-email",
            ["ana@example.com", "jürgen@bücher.example", "用户@例子.example"],
            [
                "A <ä@b.example>",
                "a\u202e@b.example",
                "a\u200b@b.example",
                "a＠b.example",
                "ä@b。example",
                "ä,b@c.example",
            ],
        ),
        (
            "uri",
            [
                "https://example.com/a?b=c#d",
                "http://192.0.2.7:8080/",
                "http://[2001:db8::7]/",
                "mailto:a@b.example",
            ],
            [
                "https://bank.example@thief.example/",
                "https://user:pw@host.example/",
                "http:///x",
                "http:",
                "javascript:alert(1)",
                "JavaScript:alert(1)",
                "data:text/html,x",
                "https://a b.example",
                "//host/x",
                "https://bank.example\\@thief.example",
                "http://0x7f.1/",
                "http://2130706433/",
                "https://bücher.example/",
                "https://a.example/\n",
                "example.com",
                "http://ban%6b.example/",
            ],
        ),
        (
            "hostname",
            ["www.example.com", "localhost"],
            ["127.1", "0x7f.1", "2130706433", "a_b.example", "a.example.", ""],
        ),
        ("date", ["2026-11-22"], ["2026-02-30", "0000-01-01", "20261122", "22.11.2026"]),
        (
            "date-time",
            ["2026-11-22T10:00:00Z"],
            ["2026-11-22T10:00:00", "2026-11-22", "2026-11-22 10:00:00Z"],
        ),
        ("ipv4", ["192.0.2.7"], ["192.000.002.007", "127.1", "2130706433", "0x7f.0.0.1", "192.0.2.7/8"]),
        (
            "uuid",
            ["0b3f8a52-7c1e-4f0a-9a55-2f8d3c1e6b70"],
            ["0b3f8a527c1e4f0a9a552f8d3c1e6b70", "{0b3f8a52}"],
        ),
    ],
)
def test_what_passes_a_format_means_one_thing(format: str, right: list[str], refused: list[str]) -> None:
    one = entry(properties={"x": {"type": "string", "format": format}})

    assert [text for text in right if one.errors({"x": text}, "")] == []
    assert [text for text in refused if not one.errors({"x": text}, "")] == []


def test_a_display_name_is_answered_with_what_would_be_right() -> None:
    found = wrong({"to": "Ana <a@b.example>"}, properties={"to": {"type": "string", "format": "email"}})

    assert found == [("/to", "It must be an e-mail address alone, without a name, such as ana@example.com.")]


# --- What is wrong is told at its place, in words -------------------------------------------------

BY_MAIL = {
    "type": "object",
    "properties": {"address": {"type": "string", "format": "email"}},
    "required": ["address"],
    "additionalProperties": False,
}
BY_PHONE = {
    "type": "object",
    "properties": {"number": {"type": "string", "pattern": r"^\+[0-9]{6,}$", "examples": ["+4915112345"]}},
    "required": ["number"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_of_alternatives_the_error_stands_at_what_was_meant(word: str) -> None:
    schema = {"properties": {"to": {word: [BY_MAIL, BY_PHONE]}}}

    assert wrong({"to": {"number": ""}}, **schema) == [
        ("/to/number", "It must not be empty: write text such as +4915112345.")
    ]
    assert wrong({"to": 7}, **schema) == [("/to", "It must be an object, { … }.")]


def test_the_constants_that_tell_alternatives_apart_are_named() -> None:
    kinds = [
        {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}
        for kind in ("a", "b")
    ]

    assert wrong({"to": {"kind": "c"}}, properties={"to": {"oneOf": kinds}}) == [
        ("/to/kind", 'It must be one of "a", "b".')
    ]


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ({"type": "string", "minLength": 1}, "", "At least 1 character."),
        ({"type": "string", "maxLength": 2}, "abc", "At most 2 characters."),
        (
            {"type": "string", "title": "Customer number", "pattern": "^customer-[0-9]{5}$"},
            "x",
            "It must be a customer number such as customer-19129.",
        ),
        ({"type": "string"}, 7, "It must be text: put the number in quotes."),
        ({"type": ["integer", "null"]}, "x", "It must be a whole number or null."),
        ({"enum": ["a", "b"]}, "c", 'It must be one of "a", "b".'),
        ({"type": "array", "minItems": 1}, [], "At least 1 item."),
        ({"type": "number", "exclusiveMinimum": 0}, 0, "More than 0."),
        ({"type": "object", "required": ["a"]}, {}, "a is missing."),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            {"b": 1},
            "b is unknown here; known are a.",
        ),
        ({"uniqueItems": True}, [1, 1], "No item may stand in it twice."),
        (
            {"propertyNames": {"maxLength": 1}},
            {"ab": 1},
            "A name in it is not as it must be. At most 1 character.",
        ),
        ({"not": {"type": "string"}}, "x", "It is just what the action type excludes here."),
    ],
)
def test_errors_are_in_words(part: Any, value: Any, said: str) -> None:
    assert wrong({"x": value}, properties={"x": part}) == [("/x", said)]


def test_an_integer_of_64_bits_as_text_is_told_that_there_is_no_way() -> None:
    [(place, said)] = wrong({"id": "1234567890123456789"}, properties={"id": {"type": "integer"}})

    assert place == "/id"
    assert "no way to send a larger one to this action type" in said
    assert wrong({"id": "1234567890123456789"}, properties={"id": {"type": ["integer", "string"]}}) == []


# --- Checking has an end --------------------------------------------------------------------------


def doubling(word: str, depth: int) -> dict[str, Any]:
    parts = {f"a{n}": {word: [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, depth)}
    return {
        "$defs": {"a0": {"type": "string"}, **parts},
        "properties": {"x": {"$ref": f"#/$defs/a{depth - 1}"}},
    }


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (doubling("allOf", 30), "$defs"),
        (doubling("anyOf", 30), "$defs"),
        ({"properties": {"x": {"$ref": "#/properties/x"}}}, "properties.x"),
        ({"$ref": "#"}, ""),
        ({"allOf": [{"$ref": "#"}]}, ""),
        ({"patternProperties": {"(?=(a|aa)+$)b": {}}}, "patternProperties.(?=(a|aa)+$)b"),
        ({"not": {"properties": {"a": {"pattern": "(?!b)(a|aa)+$"}}}}, "not.properties.a.pattern"),
    ],
)
def test_a_schema_without_an_end_is_refused_when_it_is_saved(schema: Any, path: str) -> None:
    begun = time.process_time()

    with pytest.raises(InvalidActionType) as refused:
        normalised(mcp(**schema))

    assert refused.value.problems[0].path.startswith(f"inputSchema.{path}" if path else "inputSchema")
    assert time.process_time() - begun < 5


WORST: list[tuple[dict[str, Any], Any]] = [
    (
        {"properties": {"x": {"items": {"anyOf": [{"const": n} for n in range(3_000)]}}}},
        {"x": [*range(5_000, 8_000)]},
    ),
    ({"properties": {"x": {"anyOf": [{"const": n} for n in range(4_000)]}}}, {"x": "y"}),
    ({"properties": {"x": {"items": {"pattern": "(?!b)(a|aa)+$"}}}}, {"x": ["a" * 16_000 + "!"] * 15}),
    ({"properties": {"x": {"pattern": r"(a+)\1$"}}}, {"x": "a" * 999 + "!"}),
    ({"properties": {"x": {"pattern": "^(a+)+$"}}}, {"x": "a" * 16_000 + "!"}),
    ({"properties": {"x": {"pattern": "^.{,9}(a{0,200}){50}[bc]$"}}}, {"x": "a" * 16_000 + "!"}),
    ({"properties": {"x": {"items": {"type": "string"}}}}, {"x": [*range(100_000)]}),
    ({"required": [f"k{n}" for n in range(2_000)]}, {"a": "x" * 16_000}),
    ({"properties": {"x": {"uniqueItems": True}}}, {"x": [[n] for n in range(30_000)]}),
    ({"properties": {"x": {"multipleOf": 1e-300}}}, {"x": 9e15}),
    (
        {"$defs": {"n": {"anyOf": [{"properties": {"a": {"$ref": "#/$defs/n"}}}] * 2}}, "$ref": "#/$defs/n"},
        json.loads('{"a":' * 29 + "{}" + "}" * 29),
    ),
]


@pytest.mark.parametrize(("schema", "arguments"), WORST)
def test_checking_the_worst_arguments_ends_soon(schema: Any, arguments: Any) -> None:
    """In time that this process spends, not that passes: other work on the machine counts for nothing."""
    one = entry(**schema)
    begun = time.process_time()

    found = one.errors(arguments, "/arguments")

    assert time.process_time() - begun < 5
    assert len(found) <= 20


def test_arguments_that_would_take_too_long_are_told_so() -> None:
    schema, arguments = WORST[-1]

    assert [said for _, said in wrong(arguments, **schema)] == [
        "These arguments would take too long to check by the schema: send fewer or shorter ones."
    ]


def test_words_of_others_in_a_schema_are_no_marks_of_ours() -> None:
    part = {"type": "string", "x-data-source": "crm", "x-order": 1, "x-ms-visibility": "advanced"}

    assert normalised(mcp(properties={"a": part}))["schema"]["properties"]["a"] == part


def test_a_pattern_too_large_from_before_such_were_refused_takes_nothing(db: None) -> None:
    old = ActionType(name="old", version=1, schema={"type": "object", "pattern": r"^(\p{L}{1,200}){20}$"})

    [error] = catalogue.entry(old).errors({}, "/arguments")

    assert "it has to be registered anew" in error["detail"]


def test_a_schema_without_an_end_from_before_such_were_refused_takes_nothing(db: None) -> None:
    old = ActionType(name="old", version=1, schema={"type": "object", "$ref": "#"})

    [error] = catalogue.entry(old).errors({}, "/arguments")

    assert "it has to be registered anew" in error["detail"]
