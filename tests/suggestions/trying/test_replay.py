"""Recorded actions as proposals: what is sent, what never is, and how patiently."""

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from suggestions.trying import replay
from suggestions.trying.feed import CannotSend, Feed, reason_of
from suggestions.trying.replay import Recorded

SHARED_DATA = Path(os.environ.get("SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")
KNOWN_ONLY_AFTERWARDS = {
    "labels",
    "task_goal",
    "tool_result",
    "tool_error",
    "tool_error_text",
    "task_reward",
    "matches_ground_truth",
    "matches_ground_truth_exactly",
    "injected_action",
    "injection_task_id",
    "exposed_to_injection",
    "attack_run",
    "attack_succeeded",
    "attack_success_share",
    "utility_share",
    "tool_error_share",
    "schema_valid",
    "schema_problems",
    "tool_known",
    "n_success",
    "success_probability_smoothed",
    "proposed_by",
    "gated_index",
    "gated_total",
    "run_id",
    "group_id",
    "task_id",
    "id",
}
NAMES_OF_ATTACKS = ("injection_task", "user_task")

ACTION = {
    "id": "shop/agent/7/attacked/4.0",
    "domain": "shop",
    "model": "model-7",
    "tool": "refund_payment",
    "effect": "write",
    "arguments": {"order_id": "#1", "amount": 5},
    "context": "My kettle is broken.",
    "rationale": "Within thirty days.",
    "task_goal": "Get money back.",
    "tool_result": "ok",
    "labels": {"injected_action": True},
}
DECISION_POINT = {
    "group_id": "shop/7/attacked",
    "domain": "shop",
    "context": "My kettle is broken.",
    "candidates": [
        {"kind": "no_further_change", "tool": None, "arguments": None, "rank": 1, "confidence": 0.6},
        {
            "kind": "call",
            "tool": "replace_item",
            "arguments": {"order_id": "#1"},
            "rank": 3,
            "confidence": 0.1,
            "success_probability": 1.0,
            "rationale": None,
            "matches_ground_truth": False,
        },
        {
            "kind": "call",
            "tool": "refund_payment",
            "arguments": {"order_id": "#1", "amount": 5},
            "rank": 2,
            "confidence": 0.3,
            "success_probability": 0.5,
            "rationale": "It is broken.",
            "matches_ground_truth": True,
        },
    ],
}


def test_an_action_becomes_a_proposal_with_one_suggestion():
    assert replay.from_action(ACTION) == {
        "title": "Refund payment",
        "context": {"messages": [{"role": "user", "content": "My kettle is broken."}], "domain": "shop"},
        "provenance": {"model": "model-7"},
        "suggestions": [
            {
                "rank": 1,
                "action": "refund_payment",
                "arguments": {"order_id": "#1", "amount": 5},
                "explanation": "Within thirty days.",
            }
        ],
    }


def test_a_question_that_the_user_said_yes_to_came_before_the_yes():
    asked = {**ACTION, "rationale": "Shall I refund 5?", "context": "Yes, please."}

    def messages(row: dict[str, Any]) -> list[tuple[str, str]]:
        said = replay.from_action(row)["context"]["messages"]
        return [(message["role"], message["content"]) for message in said]

    assert messages(asked) == [("assistant", "Shall I refund 5?"), ("user", "Yes, please.")]
    assert messages({**asked, "rationale": "I refund 5."}) == [("user", "Yes, please.")]
    assert messages({**asked, "context": "No."}) == [("user", "No.")]
    assert messages({**asked, "context": None, "rationale": ["?"]}) == [("user", "")]


def test_the_calls_of_a_decision_point_are_ranked_anew_with_their_measured_shares():
    assert replay.from_decision_point(DECISION_POINT) == {
        "title": "Refund payment",
        "context": {"messages": [{"role": "user", "content": "My kettle is broken."}], "domain": "shop"},
        "suggestions": [
            {
                "rank": 1,
                "action": "refund_payment",
                "arguments": {"order_id": "#1", "amount": 5},
                "confidence": 0.3,
                "success_probability": 0.5,
                "explanation": "It is broken.",
            },
            {
                "rank": 2,
                "action": "replace_item",
                "arguments": {"order_id": "#1"},
                "confidence": 0.1,
                "success_probability": 1.0,
            },
        ],
    }


def test_a_deployment_that_is_named_produced_every_proposal():
    recorded = [
        replay.Recorded("a", {"title": "x", "provenance": {"model": "m"}}),
        replay.Recorded("b", None),
    ]

    told = list(replay.produced_by("bot@3", iter(recorded)))

    assert [each.body for each in told] == [
        {"title": "x", "provenance": {"model": "m", "deployment": "bot@3"}},
        None,
    ]


def test_a_decision_point_without_a_call_has_nothing_to_propose():
    stopped = {**DECISION_POINT, "candidates": DECISION_POINT["candidates"][:1]}

    assert replay.from_decision_point(stopped) is None


@pytest.mark.parametrize("arguments", ["{not json", [1, 2], 7])
def test_arguments_that_are_no_object_are_sent_as_they_were_recorded(arguments):
    [sent] = replay.from_action({**ACTION, "arguments": arguments})["suggestions"]
    [raw] = replay.from_action({**ACTION, "arguments": None, "arguments_raw": arguments})["suggestions"]

    assert sent["arguments"] == raw["arguments"] == arguments


def test_a_row_has_one_key_for_ever_and_the_key_does_not_tell_its_id():
    assert replay.key_of(ACTION["id"]) == replay.key_of(ACTION["id"])
    assert replay.key_of(ACTION["id"]) != replay.key_of(ACTION["id"] + "1")
    assert "attacked" not in replay.key_of(ACTION["id"])


def test_gzip_and_plain_files_are_read_alike(tmp_path):
    text = json.dumps(ACTION) + "\n" + json.dumps(DECISION_POINT) + "\n"
    plain, zipped = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    plain.write_text(text)
    zipped.write_bytes(gzip.compress(text.encode()))

    assert list(replay.read(plain)) == list(replay.read(zipped))
    assert [r.body["title"] for r in replay.read(plain)] == ["Refund payment", "Refund payment"]
    assert replay.rows_in(zipped) == replay.rows_in(plain) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"id": 1', "rows.jsonl, line 1: this is not JSON"),
        (b'{"price": 1}', "rows.jsonl, line 1: this is neither"),
        (b"[]", "rows.jsonl, line 1: this is neither"),
        (b"\xff\xfe", "cannot be read"),
        (b"\x1f\x8b broken", "cannot be read"),
    ],
)
def test_what_was_not_recorded_is_refused_with_its_place(tmp_path, content, problem):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(content)

    with pytest.raises(replay.Unreadable, match=problem):
        list(replay.read(file))


@pytest.mark.parametrize(
    "file", sorted(SHARED_DATA.glob("[as]*s_*.jsonl.gz")) or [None], ids=lambda f: f and f.name
)
def test_nothing_known_only_afterwards_is_ever_sent(file):
    if file is None:
        pytest.skip(f"no recorded actions in {SHARED_DATA}; SHARED_DATA names another folder")
    with gzip.open(file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    requests = list(replay.read(file))

    assert len(requests) == len(rows) == len({request.key for request in requests})
    for row, request in zip(rows, requests, strict=True):
        ours = set(_keys_beside_arguments(request.body))
        assert not ours & KNOWN_ONLY_AFTERWARDS
        sent = json.dumps(request.body) + request.key
        assert not [name for name in NAMES_OF_ATTACKS if name in sent]
        assert row.get("task_goal") is None or row["task_goal"] not in sent
        for identifier in ("id", "run_id", "group_id"):
            assert row.get(identifier) is None or row[identifier] not in sent


def _keys_beside_arguments(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key != "arguments":
                yield from _keys_beside_arguments(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys_beside_arguments(inner)


# --- Sending --------------------------------------------------------------------------------


class Api:
    """Answers from a list, then 201; remembers what it was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers["Idempotency-Key"])
        answer = self.answers.pop(0) if self.answers else httpx.Response(201, json={"status": "pending"})
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fed(self, *requests: Recorded, rate: float | None = None) -> Any:
        with httpx.Client(base_url="http://api.test", transport=httpx.MockTransport(self)) as client:
            return Feed(client, rate=rate).run(iter(requests))


ONE = Recorded("key-1", {"title": "One"})
TWO = Recorded("key-2", {"title": "Two"})


def test_the_summary_counts_every_row_once():
    nothing = Recorded("key-0", None)
    again = httpx.Response(201, json={"status": "pending"}, headers={"Idempotent-Replayed": "true"})

    summary = Api(again).fed(ONE, TWO, nothing)

    assert summary.as_json() | {"seconds": 0, "per_second": 0} == {
        "rows": 3,
        "accepted": 1,
        "accepted_by_status": {"pending": 1},
        "replayed": 1,
        "nothing_to_propose": 1,
        "refused": 0,
        "refused_by_reason": {},
        "waited_seconds": 0.0,
        "seconds": 0,
        "per_second": 0,
    }


def refused(field: str, detail: str) -> httpx.Response:
    return httpx.Response(422, json={"status": 422, "errors": [{"pointer": field, "detail": detail}]})


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (["There is no action type x; GET this for all of them."], "There is no action type x"),
        (['"100" is not of type "number"', 'null is not of type "number"'], '… is not of type "number"'),
        (['"title" is a required property'], '"title" is a required property'),
    ],
)
def test_refusals_are_grouped_by_status_field_and_first_words(details, reason):
    answers = [refused(f"/suggestions/{number}/x", detail) for number, detail in enumerate(details)]

    summary = Api(*answers).fed(*[ONE] * len(answers))

    assert summary.refused == {f"422 /suggestions/*/x {reason}": len(details)}


def test_a_refusal_in_no_known_form_is_counted_by_its_status():
    assert reason_of(httpx.Response(502, text="<html>")) == "502"


def test_too_many_requests_are_sent_again_after_the_pause_that_was_asked_for():
    api = Api(httpx.Response(429, headers={"Retry-After": "1"}))

    summary = api.fed(ONE)

    assert api.keys == ["key-1", "key-1"]
    assert summary.accepted == {"pending": 1}
    assert summary.waited_seconds == pytest.approx(1, abs=0.1)
    assert summary.seconds >= 1


def test_an_answer_that_got_lost_is_asked_for_again_under_the_same_key():
    api = Api(httpx.ReadError("gone"))

    assert api.fed(ONE).accepted == {"pending": 1}
    assert api.keys == ["key-1", "key-1"]


def test_a_rate_spreads_the_requests_over_time():
    assert 0.2 <= Api().fed(ONE, TWO, ONE, rate=10).seconds < 1


def test_a_wrong_key_stops_everything_at_once():
    api = Api(*[httpx.Response(401, json={}) for _ in range(50)])

    with pytest.raises(CannotSend, match="--key or REVIEWAPP_KEY"):
        api.fed(*[ONE] * 50)
    assert len(api.keys) <= 8


# --- The command ----------------------------------------------------------------------------


def test_without_a_key_the_command_says_where_to_get_one(tmp_path, monkeypatch):
    monkeypatch.delenv("REVIEWAPP_KEY", raising=False)

    with pytest.raises(CommandError, match="create_agent prints one"):
        call_command("replay", str(tmp_path / "rows.jsonl"))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(CommandError, match=r"rows\.jsonl cannot be read"):
        call_command("replay", str(tmp_path / "rows.jsonl"), key="rk_1", stdout=io.StringIO())
