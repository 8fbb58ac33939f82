"""What an agent may send, field by field: what is taken, and what is said of what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from audit.asking.bodies import check
from audit.ground.refusals import Invalid
from suggestions.intake.bodies import BatchBody, BatchItem, ProposalBody
from tests.conftest import proposal_body, suggestion_body

AN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
NOT_TEXT = "Input should be a valid string"
NOT_AN_OBJECT = "Input should be a valid dictionary"
NO_MOMENT = "must be a date and time with its zone, such as 2026-11-22T10:00:00Z"


def wrong(model: Any, body: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        check(model, body)
    return [(error["pointer"], error["detail"]) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"title": None}, "/title", NOT_TEXT),
        ({"title": 7}, "/title", NOT_TEXT),
        ({"title": ""}, "/title", "String should have at least 1 character"),
        ({"title": "x" * 201}, "/title", "String should have at most 200 characters"),
        ({"summary": None}, "/summary", NOT_TEXT),
        ({"summary": "x" * 4_001}, "/summary", "String should have at most 4000 characters"),
        ({"subject": "customer-1"}, "/subject", "Input should be a valid dictionary or instance of Subject"),
        ({"subject": {"id": "1"}}, "/subject/type", "Field required"),
        ({"subject": {"type": "", "id": "1"}}, "/subject/type", "String should have at least 1 character"),
        (
            {"subject": {"type": "customer", "id": ""}},
            "/subject/id",
            "String should have at least 1 character",
        ),
        ({"subject": {"type": "customer", "id": 1}}, "/subject/id", NOT_TEXT),
        (
            {"subject": {"type": "x" * 65, "id": "1"}},
            "/subject/type",
            "String should have at most 64 characters",
        ),
        (
            {"subject": {"type": "customer", "id": "x" * 201}},
            "/subject/id",
            "String should have at most 200 characters",
        ),
        ({"subject": {"type": "a", "id": "b", "name": "c"}}, "/subject/name", "This field is unknown here."),
        ({"context": []}, "/context", NOT_AN_OBJECT),
        ({"context": None}, "/context", NOT_AN_OBJECT),
        ({"suggestions": {}}, "/suggestions", "Input should be a valid list"),
        ({"suggestions": None}, "/suggestions", "Input should be a valid list"),
        ({"suggestions": []}, "/suggestions", "List should have at least 1 item after validation, not 0"),
        ({"expires_at": "tomorrow"}, "/expires_at", NO_MOMENT),
        ({"expires_at": 1_900_000_000}, "/expires_at", NO_MOMENT),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at", NO_MOMENT),
        ({"expires_at": "2030-01-01"}, "/expires_at", NO_MOMENT),
        ({"expires_at": "٢٠٣٠-01-01T00:00:00Z"}, "/expires_at", NO_MOMENT),
        ({"expires_at": "1969-12-31T23:59:59Z"}, "/expires_at", "must lie in the years 1970 to 2200"),
        ({"expires_at": "2201-01-01T00:00:00Z"}, "/expires_at", "must lie in the years 1970 to 2200"),
        (
            {"callback_url": "agent.example/hooks"},
            "/callback_url",
            "must be an http or https address without user name",
        ),
        (
            {"callback_url": "javascript:alert(1)"},
            "/callback_url",
            "must be an http or https address without user name",
        ),
        (
            {"callback_url": "https://ana:word@agent.example/"},
            "/callback_url",
            "must be an http or https address without user name",
        ),
        (
            {"callback_url": "https://@agent.example/"},
            "/callback_url",
            "can't be called: an address carries no user or password",
        ),
        (
            {"callback_url": "https://agent.example/a b"},
            "/callback_url",
            "can't be called: an address has no spaces, control characters or backslashes",
        ),
        (
            {"callback_url": "https://agent.example\\@evil.example/"},
            "/callback_url",
            "must be an http or https address without user name",
        ),
        (
            {"callback_url": "https://127.0.0.1/"},
            "/callback_url",
            "can't be called: the address lies inside a private or special network",
        ),
        (
            {"callback_url": "https://agent.example:22/"},
            "/callback_url",
            "can't be called: port 22 is not one that callbacks may use",
        ),
        ({"callback_url": "https://[::1"}, "/callback_url", "Invalid IPv6 URL"),
        (
            {"callback_url": "https://agent.example/" + "x" * 2_000},
            "/callback_url",
            "String should have at most 2000 characters",
        ),
        (
            {"provenance": None},
            "/provenance",
            "Input should be a valid dictionary or instance of Provenance",
        ),
        ({"provenance": {"model": None}}, "/provenance/model", NOT_TEXT),
        (
            {"provenance": {"deployment": "x" * 201}},
            "/provenance/deployment",
            "String should have at most 200 characters",
        ),
        (
            {"provenance": {"input_tokens": 1.5}},
            "/provenance/input_tokens",
            "Input should be a valid integer",
        ),
        (
            {"provenance": {"input_tokens": "7"}},
            "/provenance/input_tokens",
            "Input should be a valid integer",
        ),
        (
            {"provenance": {"input_tokens": True}},
            "/provenance/input_tokens",
            "Input should be a valid integer",
        ),
        (
            {"provenance": {"output_tokens": -1}},
            "/provenance/output_tokens",
            "Input should be greater than or equal to 0",
        ),
        ({"provenance": {"latency_ms": "nan"}}, "/provenance/latency_ms", "Input should be a valid number"),
        (
            {"provenance": {"cost_usd": -0.01}},
            "/provenance/cost_usd",
            "Input should be greater than or equal to 0",
        ),
        ({"provenance": {"temperature": 1}}, "/provenance/temperature", "This field is unknown here."),
        ({"status": "approved"}, "/status", "This field is unknown here."),
        ({"team": "finance"}, "/team", "This field is unknown here."),
        ({"verdict": {}}, "/verdict", "This field is unknown here."),
    ],
)
def test_a_field_of_a_proposal_that_is_wrong_is_named_in_words(
    changes: dict[str, Any], pointer: str, detail: str
) -> None:
    assert wrong(ProposalBody, proposal_body(**changes)) == [(pointer, detail)]


@pytest.mark.parametrize(
    ("changes", "field", "detail"),
    [
        ({"rank": 0}, "/rank", "Input should be greater than or equal to 1"),
        ({"rank": 11}, "/rank", "Input should be less than or equal to 10"),
        ({"rank": "1"}, "/rank", "Input should be a valid integer"),
        ({"rank": 1.0}, "/rank", "Input should be a valid integer"),
        ({"rank": True}, "/rank", "Input should be a valid integer"),
        ({"action": ""}, "/action", "String should have at least 1 character"),
        ({"action": "x" * 129}, "/action", "String should have at most 128 characters"),
        ({"action": ["refund_payment"]}, "/action", NOT_TEXT),
        ({"arguments": []}, "/arguments", NOT_AN_OBJECT),
        ({"arguments": "{}"}, "/arguments", NOT_AN_OBJECT),
        ({"arguments": None}, "/arguments", NOT_AN_OBJECT),
        ({"confidence": 1.000001}, "/confidence", "Input should be less than or equal to 1"),
        ({"confidence": -0.0000001}, "/confidence", "Input should be greater than or equal to 0"),
        ({"confidence": "0.5"}, "/confidence", "Input should be a valid number"),
        ({"confidence": True}, "/confidence", "Input should be a valid number"),
        ({"success_probability": 86}, "/success_probability", "Input should be less than or equal to 1"),
        ({"risk": "high"}, "/risk", "Input should be a valid dictionary or instance of RiskBody"),
        ({"risk": {}}, "/risk/level", "Field required"),
        ({"risk": {"level": "HIGH"}}, "/risk/level", "Input should be 'low', 'medium', 'high' or 'critical'"),
        ({"risk": {"level": 2}}, "/risk/level", "Input should be 'low', 'medium', 'high' or 'critical'"),
        (
            {"risk": {"level": "low", "indicators": [{"code": ""}]}},
            "/risk/indicators/0/code",
            "String should have at least 1 character",
        ),
        (
            {"risk": {"level": "low", "indicators": [{"code": "a", "detail": "x" * 501}]}},
            "/risk/indicators/0/detail",
            "String should have at most 500 characters",
        ),
        (
            {"risk": {"level": "low", "indicators": [{"code": str(n)} for n in range(21)]}},
            "/risk/indicators",
            "List should have at most 20 items after validation, not 21",
        ),
        ({"before": []}, "/before", NOT_AN_OBJECT),
        ({"before": None}, "/before", NOT_AN_OBJECT),
        ({"explanation": "x" * 8_001}, "/explanation", "String should have at most 8000 characters"),
        ({"explanation": ["because"]}, "/explanation", NOT_TEXT),
        ({"version": 1}, "/version", "This field is unknown here."),
        ({"action_digest": "sha256:"}, "/action_digest", "This field is unknown here."),
    ],
)
def test_a_field_of_a_suggestion_that_is_wrong_is_named_in_words(
    changes: dict[str, Any], field: str, detail: str
) -> None:
    suggestions = [suggestion_body(), suggestion_body(**{"rank": 2, **changes})]
    assert wrong(ProposalBody, proposal_body(suggestions=suggestions)) == [(f"/suggestions/1{field}", detail)]


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([2], "the ranks must be 1 to 1, each once; they are [2]"),
        ([1, 1], "the ranks must be 1 to 2, each once; they are [1, 1]"),
        ([1, 3], "the ranks must be 1 to 2, each once; they are [1, 3]"),
        ([3, 2, 4], "the ranks must be 1 to 3, each once; they are [2, 3, 4]"),
    ],
)
def test_ranks_have_no_gap_and_none_twice(ranks: list[int], said: str) -> None:
    suggestions = [suggestion_body(rank=rank) for rank in ranks]
    assert wrong(ProposalBody, proposal_body(suggestions=suggestions)) == [("/suggestions", said)]


def test_suggestions_may_come_in_any_order() -> None:
    suggestions = [suggestion_body(rank=rank, explanation=str(rank)) for rank in (3, 1, 2)]
    read = check(ProposalBody, proposal_body(suggestions=suggestions))
    assert [(s.rank, s.explanation) for s in read.suggestions] == [(1, "1"), (2, "2"), (3, "3")]


def test_every_mistake_is_named_at_once() -> None:
    body = proposal_body(title="", colour="red", suggestions=[suggestion_body(rank=0, confidence=2)])
    del body["summary"]
    assert [pointer for pointer, _ in wrong(ProposalBody, body)] == [
        "/title",
        "/suggestions/0/rank",
        "/suggestions/0/confidence",
        "/colour",
    ]


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_what_is_no_object_is_no_proposal(body: Any) -> None:
    [(pointer, detail)] = wrong(ProposalBody, body)
    assert (pointer, detail.startswith("Input should be a valid dictionary")) == ("", True)


def test_what_is_left_out_is_empty() -> None:
    least = {"title": "x", "suggestions": [{"rank": 1, "action": "a", "arguments": {}}]}
    read = check(ProposalBody, least)
    assert (read.summary, read.subject, read.context, read.expires_at, read.revises, read.callback_url) == (
        "",
        None,
        {},
        None,
        None,
        None,
    )
    [only] = read.suggestions
    assert (only.confidence, only.success_probability, only.risk, only.before, only.explanation) == (
        None,
        None,
        None,
        {},
        "",
    )


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2030-01-01t00:00:00z", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2030-01-01T02:00:00+02:00", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2029-12-31T18:30:00.5-05:30", datetime(2030, 1, 1, microsecond=500_000, tzinfo=UTC)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_an_end_is_that_moment_in_whatever_zone_it_is_told(said: str, meant: datetime) -> None:
    read = check(ProposalBody, proposal_body(expires_at=said))
    assert (read.expires_at, read.expires_at.tzinfo) == (meant, UTC)


@pytest.mark.parametrize(
    "said",
    ["2030-02-29T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T00:60:00Z", "2030-01-01T00:00:00+25:00"],
)
def test_a_moment_that_there_is_not_is_none(said: str) -> None:
    [(pointer, _)] = wrong(ProposalBody, proposal_body(expires_at=said))
    assert pointer == "/expires_at"


@pytest.mark.parametrize("said", ["", "x", AN_ID[:-1], AN_ID + "0", "٣" * 32, 7, [AN_ID], f"{AN_ID}\u200b"])
def test_what_is_revised_is_named_by_its_id(said: Any) -> None:
    [(pointer, _)] = wrong(ProposalBody, proposal_body(revises=said))
    assert pointer == "/revises"


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        (None, NOT_TEXT),
        (7, NOT_TEXT),
        ("", "String should have at least 1 character"),
        ("x" * 256, "String should have at most 255 characters"),
    ],
)
def test_an_item_of_a_batch_has_a_key(key: Any, detail: str) -> None:
    assert wrong(BatchItem, {**proposal_body(), "idempotency_key": key}) == [("/idempotency_key", detail)]
    assert wrong(BatchItem, proposal_body()) == [("/idempotency_key", "Field required")]


@pytest.mark.parametrize(
    ("proposals", "pointer", "detail"),
    [
        ([], "/proposals", "List should have at least 1 item after validation, not 0"),
        ([{}] * 501, "/proposals", "List should have at most 500 items after validation, not 501"),
        ({}, "/proposals", "Input should be a valid list"),
        (None, "/proposals", "Input should be a valid list"),
        ([7], "/proposals/0", NOT_AN_OBJECT),
        ([{}, []], "/proposals/1", NOT_AN_OBJECT),
    ],
)
def test_a_batch_is_a_list_of_objects(proposals: Any, pointer: str, detail: str) -> None:
    assert wrong(BatchBody, {"proposals": proposals}) == [(pointer, detail)]
