"""What stands in an answer of a value that nobody may read."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.schemas.data_classes import MASK
from governance.secrets import masking
from tests.governance.secrets.made import VALUE
from tests.searching import searched

printable = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=8, max_size=40)


def masked(value: str, text: str) -> str:
    mask = masking.Mask()
    mask.note(value)
    return mask.text(text)


@pytest.mark.parametrize(
    "written", [str, quote, quote_plus, html.escape, json.dumps, lambda v: v.encode().hex()]
)
@pytest.mark.parametrize("value", [VALUE, 'with "quotes" & <tags>', "ümläut ist auch da"])
def test_a_value_is_covered_however_it_is_written(value: str, written: object) -> None:
    as_written = written(value)  # type: ignore[operator]
    told = masked(value, f"You sent {as_written}.")
    assert told in (f"You sent {MASK}.", f'You sent "{MASK}".')


@searched(200)
@given(printable, st.binary(max_size=4), st.binary(max_size=4))
def test_nothing_of_it_can_be_read_out_of_base64(value: str, before: bytes, after: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + value.encode() + after).decode()
        left = masked(value, f"Basic {whole}").removeprefix("Basic ")
        assert MASK in left
        assert len(left) - len(MASK) <= 4 * (len(before) + len(after)) / 3 + 7  # what stood around it


def test_what_was_cut_off_in_the_middle_of_it_is_covered_too() -> None:
    for length in range(4, len(VALUE)):
        assert masked(VALUE, f"You sent {VALUE[:length]}") == f"You sent {MASK}"
    assert masked(VALUE, f"You sent {VALUE[:3]}") == f"You sent {VALUE[:3]}"


def test_of_an_address_the_password_is_covered_by_itself() -> None:
    broker = "amqps://shop:p%40ss-word-7@broker.internal/vhost"
    assert masked(broker, f"Login to {broker} refused") == f"Login to {MASK} refused"
    assert masked(broker, "shop:p@ss-word-7 is refused, as is p%40ss-word-7.") == (
        f"shop:{MASK} is refused, as is {MASK}."
    )
    assert masked("http://[not-an-address", "http://[not-an-address") == MASK


def test_json_is_covered_in_names_texts_and_numbers() -> None:
    mask = masking.Mask()
    mask.note("12345678")
    found = {"got 12345678": [12345678, {"a": "x12345678", "b": 1}], "c": None, "d": True}
    assert mask.json(found) == {f"got {MASK}": [MASK, {"a": f"x{MASK}", "b": 1}], "c": None, "d": True}


def test_only_what_is_listened_to_is_noted() -> None:
    masking.note(VALUE)
    with masking.listening() as mask:
        assert mask.text(VALUE) == VALUE
        masking.note(VALUE)
        assert mask.text(VALUE) == MASK
