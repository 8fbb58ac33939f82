"""What codes are made from is sealed: of no use to whoever reads the database alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.accounts.second_factors import SealedSecrets

SECRET = "JBSWY3DPEHPK3PXP"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_what_was_sealed_is_opened_again(text: str) -> None:
    assert SealedSecrets().decrypt(SealedSecrets().encrypt(text)) == text


def test_it_is_sealed_otherwise_each_time_and_says_nothing() -> None:
    sealed = {SealedSecrets().encrypt(SECRET) for _ in range(3)}
    assert len(sealed) == 3
    assert not any(SECRET in one for one in sealed)


def test_with_another_secret_key_no_code_is_right(settings: Any) -> None:
    sealed = SealedSecrets().encrypt(SECRET)
    settings.SECRET_KEY = "another-key"
    assert SealedSecrets().decrypt(sealed) == ""


def tampered(sealed: str, at: int) -> str:
    other = "A" if sealed[at] != "A" else "B"
    return sealed[:at] + other + sealed[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: tampered(sealed, 0),
        lambda sealed: tampered(sealed, 20),
        lambda sealed: tampered(sealed, len(sealed) - 10),
        lambda sealed: sealed[:-4],
        lambda sealed: "",
        lambda sealed: SECRET,
    ],
)
def test_what_was_changed_opens_nothing(change: Any) -> None:
    assert SealedSecrets().decrypt(change(SealedSecrets().encrypt(SECRET))) == ""
