from __future__ import annotations

import json
from typing import Any

import pytest

from audit.asking import gate
from audit.asking.gate import Malformed, TooLarge
from audit.ground.refusals import Invalid


def read(body: bytes | str) -> Any:
    return gate.read(body.encode() if isinstance(body, str) else body, limit=256 * 1024)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": 1e-400}',
        b'{"a": 1e22}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" + b",".join(b'{"k%d":1}' % i for i in range(2_001)) + b"]",
    ],
)
def test_what_is_not_json_with_one_meaning_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"a": 2**53}, "/a"),
        ({"a": [0, -(2**53)]}, "/a/1"),
        ({"a": "x\x00"}, "/a"),
        ({"b": {"c": "\ud800"}}, "/b/c"),
        ({"a": "x" * 16_385}, "/a"),
        ({"a": ["é" * 8_193]}, "/a/0"),
    ],
)
def test_a_value_out_of_bounds_is_named_by_its_place(body: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read(json.dumps(body))
    assert [e["pointer"] for e in refusal.value.errors] == [pointer]


def test_a_body_over_the_limit_is_not_read() -> None:
    with pytest.raises(TooLarge):
        read(b'"' + b"x" * 256 * 1024 + b'"')


@pytest.mark.parametrize(
    "value",
    [
        {"a": 2**53 - 1, "b": -(2**53) + 1},
        {"a": 0.1, "b": 5e-324, "c": 0.0},
        {"a": "שלום \u202e and 😀", "\u2028": 1},
        {"a": "x" * 16_384},
        [[[[]]]],
    ],
)
def test_everything_else_comes_through_unchanged(value: Any) -> None:
    assert read(json.dumps(value)) == value
    assert read(json.dumps(value, ensure_ascii=False)) == value
