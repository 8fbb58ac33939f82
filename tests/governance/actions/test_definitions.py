"""Whatever is sent as a definition of an action type is taken, or refused in words: it breaks nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from governance.actions import action_types, words
from governance.actions.action_types import InvalidActionType
from governance.models import ActionType
from governance.showing.sentences import wording
from tests.searching import searched

HTTP = {"kind": "http", "url": "http://shop.internal/{a}"}
BY_WORKER = {"steps": [{"name": "pay", "routes": [HTTP]}]}
OF_SCHEMAS = [
    *("type", "properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "allOf"),
    *("oneOf", "not", "if", "then", "enum", "const", "format", "pattern", "minimum", "maxLength", "default"),
    *("$ref", "$defs", "definitions", "$schema", "$anchor", "nullable", "patternProperties", "title"),
    *("dependentSchemas", "dependentRequired", "dependencies", "x-data-class", "x-sensitive", "contains"),
]
TEXTS = ["", "string", "object", "#", "#/$defs/a", "#/properties/a", "https://x.example/s", "email"]
PATTERNS = ["^[a-z]+$", "(a+)+$", "[", "\u202e"]
VALUES = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 10**30, ["string", "null"], [], {}, *TEXTS, *PATTERNS]
)
SCHEMAS = st.recursive(
    VALUES,
    lambda inner: (
        st.dictionaries(st.sampled_from([*OF_SCHEMAS, "a", ""]), inner, max_size=4)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=12,
)
DEFINITIONS = st.fixed_dictionaries(
    {"name": st.sampled_from(["refund", "a", "", None, 7, "a b"]), "schema": SCHEMAS},
    optional={
        "description": VALUES,
        "template": st.sampled_from(["", "{a}", "{a.b} and {}", "{", None, 7]),
        "workflow": st.just(BY_WORKER) | VALUES,
        "annotations": st.dictionaries(st.sampled_from(["readOnlyHint", "title", "x"]), VALUES) | VALUES,
        "reversibility": st.just("reversible") | VALUES,
        "data_classes": st.lists(VALUES, max_size=2) | VALUES,
    },
)


@searched(200, suppress=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    st.lists(DEFINITIONS, max_size=2) | DEFINITIONS | st.fixed_dictionaries({"tools": st.lists(DEFINITIONS)})
)
def test_no_definition_breaks_its_reading_or_what_is_shown_of_it(content: Any) -> None:
    try:
        found = action_types.definitions(content)
    except InvalidActionType:
        return
    tools, problems = action_types.sifted(found.tools)
    assert all(problem.problem for problem in problems)
    for tool in tools:
        shown = action_types.described(action_types.normalised(tool))
        assert isinstance(words.hazards(shown), list)
        assert wording(shown).figures({}, found=wording(shown).marks.of({})) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": True},
        {"properties": ["a"]},
        {"properties": {"a": True}, "dependentSchemas": True},
        {"allOf": True},
        {"anyOf": {"properties": {"a": {}}}},
        {"$ref": "#/properties", "properties": "a"},
        "object",
        [],
        7,
        True,
        None,
    ],
)
@pytest.mark.parametrize("more", [{"template": "Pay {a}"}, {"workflow": BY_WORKER}, {}])
def test_a_schema_that_is_none_is_named_whatever_else_is_said(schema: Any, more: dict[str, Any]) -> None:
    definition = {"name": "refund", "description": "Pay back.", "schema": schema, **more}
    with pytest.raises(InvalidActionType) as refused:
        action_types.normalised(definition)
    assert any("schema" in str(problem) for problem in refused.value.problems)


def test_the_page_says_so_and_keeps_what_was_typed(olga: Any) -> None:
    from tests.governance.agents.test_views import browser

    text = '[{"name": "refund", "schema": {"properties": true}, "template": "Pay {a}"}]'
    page = browser(olga).post("/governance/new-action-types/take/", {"text": text, "register": "1"})

    assert (page.status_code, page.context["text"]) == (422, text)
    assert [problem.path for problem in page.context["problems"]] != []
    assert not ActionType.objects.exists()
