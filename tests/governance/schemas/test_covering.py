"""What is sensitive of some arguments, in whatever comes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance.schemas.covering import Cover
from governance.schemas.data_classes import MASK, Marks

SCHEMA = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "iban": {"type": "string", "x-sensitive": True},
        "card": {"type": "object", "x-sensitive": True},
        "pins": {"type": "array", "items": {"type": "integer", "x-sensitive": True}},
        "accountNumber": {"$ref": "#/$defs/hidden"},
        "tax_id": {"type": "string", "x-sensitive": True},
    },
    "$defs": {"hidden": {"type": "integer", "x-sensitive": True}},
}
ARGUMENTS = {
    "order": "W1",
    "iban": 'DE89 "3704"',
    "card": {"holder": "Mia Wünsche", "month": 7},
    "pins": [12, 345678],
    "accountNumber": 991234,
}
COVER = Cover(Marks(SCHEMA), ARGUMENTS)


@pytest.mark.parametrize(
    ("value", "covered"),
    [
        (ARGUMENTS, {"order": "W1", "iban": MASK, "card": MASK, "pins": MASK, "accountNumber": MASK}),
        (
            {"IBAN": None, "account_number": 1, "taxId": "x"},
            {"IBAN": MASK, "account_number": MASK, "taxId": MASK},
        ),
        (
            {"to": 'for DE89 "3704" here', "n": 345678, "m": 991234.5},
            {"to": f"for {MASK} here", "n": MASK, "m": 991234.5},
        ),
        ([{"who": "Mia Wünsche"}, 7, 12, True, None], [{"who": MASK}, 7, 12, True, None]),
        ("https://shop/DE89%20%223704%22/x?n=1&tax_id=7#a", f"https://shop/{MASK}/x?n=1&tax_id={MASK}#a"),
        ("https://shop/?q=DE89+%223704%22", f"https://shop/?q={MASK}"),
    ],
)
def test_it_is_known_by_its_name_and_by_its_value(value: Any, covered: Any) -> None:
    assert COVER.json(value) == covered


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("nothing of it", "nothing of it"),
        ('{ "order":  "W1" }', '{ "order":  "W1" }'),
        ('{"iban": "other", "order": 1}', f'{{"iban": "{MASK}", "order": 1}}'),
        (r'{"who": "Mia W\u00fcnsche"}', f'{{"who": "{MASK}"}}'),
        # Twice the same name: what is read is the last one, what is shown are both.
        ('{"x": "Mia Wünsche", "x": 1}', f'{{"x": "{MASK}", "x": 1}}'),
        ("<who>Mia Wünsche</who>", f"<who>{MASK}</who>"),
        # Cut off.
        ('{"order": "W1", "iban": "oth', f'{{"order": "W1", "iban": "{MASK}"'),
        ('{"card": {"holder": "so', f'{{"card": "{MASK}"'),
        ('{"card": {"holder": "somebody"}, "rest": [', f'{{"card": "{MASK}"'),
        (
            r'{"\u0069ban": "A\"B", "order": 5, "pins": 4',
            rf'{{"\u0069ban": "{MASK}", "order": 5, "pins": "{MASK}"',
        ),
        ("they said Mia Wün", f"they said {MASK}"),
        ("[" * 3_000, "[" * 3_000),
    ],
)
def test_a_text_may_be_json_or_the_beginning_of_some(text: str, covered: str) -> None:
    assert COVER.text(text) == covered


def test_where_nothing_is_sensitive_nothing_is_changed() -> None:
    plain = Cover(Marks({"type": "object"}), ARGUMENTS)
    assert (plain.json(ARGUMENTS), plain.text(json.dumps(ARGUMENTS))) == (ARGUMENTS, json.dumps(ARGUMENTS))


def test_of_arguments_that_are_sensitive_as_a_whole_nothing_is_told() -> None:
    whole = Cover(Marks({"type": "object", "x-sensitive": True}), {"a": "abcd", "b": 5})
    assert whole.json({"a": 1, "b": 2, "c": "abcd", "d": "x"}) == {"a": MASK, "b": MASK, "c": MASK, "d": "x"}
