"""The bounds of what may come in, from both sides: it is read one way or not at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.asking import gate
from audit.asking.gate import DEPTH, INTEGER, KEYS, STRING_BYTES, Malformed, TooLarge
from audit.ground.canonical import canonical
from audit.ground.refusals import Invalid
from tests.searching import searched

LIMIT = 256 * 1024


def read(body: bytes | str, **how: Any) -> Any:
    return gate.read(body.encode() if isinstance(body, str) else body, **{"limit": LIMIT, **how})


def nested(levels: int, inner: str = "1") -> str:
    return "[" * levels + inner + "]" * levels


@pytest.mark.parametrize("levels", [1, DEPTH])
def test_so_deep_is_deep_enough(levels: int) -> None:
    assert json.dumps(read(nested(levels))).count("[") == levels
    value = read('{"a":' * levels + "1" + "}" * levels)
    assert json.dumps(value).count("{") == levels


@pytest.mark.parametrize(
    "body",
    [nested(DEPTH + 1), nested(DEPTH, "[]"), nested(DEPTH, "{}"), '{"a":' * DEPTH + "[]" + "}" * DEPTH],
)
def test_one_level_more_is_refused(body: str) -> None:
    with pytest.raises(Malformed, match="nested deeper than 32 levels"):
        read(body)


def test_so_many_keys_and_no_more() -> None:
    assert len(read(json.dumps({str(n): n for n in range(KEYS)}))) == KEYS
    for body in (
        {str(n): n for n in range(KEYS + 1)},
        [{"a": 1}] * (KEYS + 1),
        {"a": {str(n): n for n in range(KEYS)}},
    ):
        with pytest.raises(Malformed, match="more than 2,000 keys"):
            read(json.dumps(body))
    assert read(json.dumps([{"a": 1}] * 5), keys=5)
    with pytest.raises(Malformed, match="more than 4 keys"):
        read(json.dumps([{"a": 1}] * 5), keys=4)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("x" * STRING_BYTES, True),
        ("x" * (STRING_BYTES + 1), False),
        ("é" * (STRING_BYTES // 2), True),
        ("é" * (STRING_BYTES // 2) + "x", False),
        ("😀" * (STRING_BYTES // 4), True),
        ("😀" * (STRING_BYTES // 4 + 1), False),
    ],
)
@pytest.mark.parametrize("is_key", [False, True])
def test_a_text_is_measured_in_bytes_whether_it_is_a_value_or_a_name(
    text: str, fits: bool, is_key: bool
) -> None:
    body: Any = {text: 1} if is_key else {"a": [text]}
    for written in (json.dumps(body, ensure_ascii=False), json.dumps(body)):
        if fits:
            assert read(written) == body
        else:
            with pytest.raises(Invalid) as refused:
                read(written)
            assert refused.value.errors == [
                {"pointer": "" if is_key else "/a/0", "detail": "Text may have at most 16,384 bytes."}
            ]


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (str(INTEGER), INTEGER),
        (str(-INTEGER), -INTEGER),
        ("-0", 0),
        ("0.0", 0.0),
        ("0e5", 0.0),
        ("-0.0e-400", 0.0),  # it was nothing before
        ("1E2", 100.0),
        ("9007199254740991.0", float(INTEGER)),
        ("5e-324", 5e-324),
    ],
)
def test_a_number_within_bounds_is_that_number(number: str, value: float) -> None:
    assert read(f'{{"a": {number}}}') == {"a": value}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("9007199254740993.0", None),  # reads as a number that is in bounds, or just beyond
        ("1e16", "The number 1e16 is out of range: larger ones can be sent as text only."),
        ("-1e16", "The number -1e16 is out of range: larger ones can be sent as text only."),
        ("1e400", "The number 1e400 is out of range: larger ones can be sent as text only."),
        ("1e-400", "The number 1e-400 is too small to be kept."),
        ("0.0000000001e-320", "The number 0.0000000001e-320 is too small to be kept."),
        ("NaN", "NaN is not a JSON number."),
        ("-Infinity", "-Infinity is not a JSON number."),
        ("9" * 5_000, "A number has too many digits."),
        ("01", "Expecting ',' delimiter at line 1, column 8."),
        (".5", "Expecting value at line 1, column 7."),
        ("+1", "Expecting value at line 1, column 7."),
        ("0x10", "Expecting ',' delimiter at line 1, column 8."),
        ("1_000", "Expecting ',' delimiter at line 1, column 8."),
        ("٣", "Expecting value at line 1, column 7."),
    ],
)
def test_any_other_number_is_refused_in_words(number: str, said: str | None) -> None:
    with pytest.raises(Malformed) as refused:
        read(f'{{"a": {number}}}')
    assert refused.value.detail == (
        said or f"The number {number} is out of range: larger ones can be sent as text only."
    )


@pytest.mark.parametrize("number", [INTEGER + 1, -INTEGER - 1, 2**64, 10**300])
def test_a_whole_number_beyond_is_named_with_what_to_do(number: int) -> None:
    with pytest.raises(Invalid) as refused:
        read(json.dumps({"a": {"b": [number]}}))
    [error] = refused.value.errors
    assert (error["pointer"], error["detail"]) == ("/a/b/0", gate.TOO_LARGE)
    assert read(json.dumps({"maximum": number}), of_schemas=True) == {"maximum": number}


def test_limits_of_schemas_may_be_large_and_infinity_is_none() -> None:
    assert read('{"maximum": 1e300}', of_schemas=True) == {"maximum": 1e300}
    with pytest.raises(Malformed, match="NaN is not a JSON number"):
        read('{"maximum": NaN}', of_schemas=True)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "\\u0061": 2}', "a"),  # the same name, spelled otherwise
        ('{"b": [{"c": 1, "c": 2}]}', "c"),
        ('{"": 1, "": 2}', ""),
        ('{"a": 1, "A": 2, "a": 3}', "a"),
    ],
)
def test_a_name_that_stands_twice_is_named(body: str, name: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(body)
    assert refused.value.detail == f"The key {name!r} stands twice in one object."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Expecting value at line 1, column 1."),
        (b"\xef\xbb\xbf{}", "Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1."),
        (b"\xff", "The body is not UTF-8."),
        (b'"\xed\xa0\x80"', "The body is not UTF-8."),
        (b"{} {}", "Extra data at line 1, column 4."),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes at line 1, column 2."),
        (b'{"a"\n: "\t"}', "Invalid control character at at line 2, column 4."),
        (b"// x\n{}", "Expecting value at line 1, column 1."),
    ],
)
def test_what_is_no_json_is_told_with_its_place(body: bytes, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(body)
    # Python's words differ from version to version, the place does not.
    assert refused.value.detail.rpartition(" at line ")[2] == said.rpartition(" at line ")[2]


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_a_body_may_be_so_long(size: int) -> None:
    body = b"[" + b" " * (size - 2) + b"]"
    if size <= LIMIT:
        assert read(body) == []
    else:
        with pytest.raises(TooLarge) as refused:
            read(body)
        assert refused.value.facts == {"limit": LIMIT}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER, INTEGER)
    | st.floats(-INTEGER, INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@searched(200)
@given(JSON)
def test_what_comes_in_has_a_canonical_form_and_is_read_from_it_again(value: Any) -> None:
    came_in = read(json.dumps(value))
    gate.check(came_in)
    assert came_in == value
    assert read(canonical(came_in)) == came_in


@searched(200)
@given(st.binary(max_size=60))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    try:
        value = read(body)
    except (Malformed, Invalid):
        return
    assert canonical(value)


@pytest.mark.parametrize(
    "value", [{"a": "\0"}, {"\ud800": 1}, {"a": INTEGER + 1}, {"a": "x" * (STRING_BYTES + 1)}]
)
def test_what_was_put_together_from_a_form_has_the_same_bounds(value: Any) -> None:
    with pytest.raises(Invalid):
        gate.check(value)


def test_a_float_out_of_a_form_is_finite() -> None:
    assert math.isfinite(read("[1.5]")[0])
    deep: Any = 1
    for _ in range(DEPTH + 1):
        deep = [deep]
    with pytest.raises(Malformed):
        gate.check(deep)
