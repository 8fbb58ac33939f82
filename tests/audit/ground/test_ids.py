"""Identifiers that sort by time, and those that somebody typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from audit.ground import ids
from audit.ground.ids import CLOCKS_DIFFER, first_id, read_uuid, uuid7

AN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
DIGEST = "sha256:" + "0f" * 32


def test_an_identifier_is_of_version_7() -> None:
    made = [uuid7() for _ in range(200)]
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
    assert len(set(made)) == 200


def test_identifiers_sort_by_the_time_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0, 1_000_000, 999_000_000, 1_790_000_000_000_000_000, (2**48 - 1) * 1_000_000]
    made = []
    for moment in moments:
        monkeypatch.setattr(ids.time, "time_ns", lambda moment=moment: moment)
        made.append(uuid7())

    assert made == sorted(made)
    assert [one.int >> 80 for one in made] == [moment // 1_000_000 for moment in moments]


@pytest.mark.parametrize(
    "text", [AN_ID, AN_ID.upper(), AN_ID.replace("-", ""), f"{{{AN_ID}}}", f"urn:uuid:{AN_ID}"]
)
def test_an_identifier_may_be_typed_in_any_of_its_forms(text: str) -> None:
    assert read_uuid(text) == UUID(AN_ID)


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", AN_ID[:-1], AN_ID + "0", AN_ID[:-1] + "g", "٣" * 32, "０" * 32, "\0", AN_ID + "\u200b"],
)
def test_what_is_no_identifier_is_none(text: str) -> None:
    assert read_uuid(text) is None


def test_an_address_with_a_digest_leads_to_what_it_names() -> None:
    path = reverse("api:differences", args=[DIGEST])
    assert path == f"/api/v1/policies/{DIGEST}/differences/"
    assert resolve(path).kwargs == {"policy": DIGEST}


@pytest.mark.parametrize(
    "digest",
    [
        DIGEST[:-1],
        DIGEST + "0",
        DIGEST.upper(),
        DIGEST.removeprefix("sha256:"),
        "active",
        "sha256:" + "٣" * 64,
    ],
)
def test_what_is_no_digest_leads_nowhere(digest: str) -> None:
    with pytest.raises(Resolver404):
        resolve(f"/api/v1/policies/{digest}/differences/")
    with pytest.raises(NoReverseMatch):
        reverse("api:differences", args=[digest])


def test_no_id_from_a_moment_on_is_smaller_than_its_first_and_those_long_before_are() -> None:
    now = datetime.now(UTC)
    assert first_id(now) < uuid7()
    assert first_id(now + CLOCKS_DIFFER - timedelta(seconds=1)) < uuid7()
    assert uuid7() < first_id(now + CLOCKS_DIFFER + timedelta(minutes=1))
