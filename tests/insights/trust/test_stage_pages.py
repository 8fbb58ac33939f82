"""The pages and the API of stages: what they say, what they refuse, and that a refusal changes nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import Event
from governance.models import Agent, Autonomy, GateBounds, Incident, StageChange
from governance.trust import autonomy
from governance.trust.gate_bounds import Bounds, set_bounds
from insights.trust import gates, pairs
from insights.trust.gates import Record, measured_now
from insights.trust.pairs import Filters, page
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of
from tests.insights.trust.test_promote import GOOD, earned
from tests.queries import same_queries_at
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

__all__ = ["earned"]
BOARD = "/governance/autonomy/"
ASKED = {
    "action": "",
    "decisions": "60",
    "approved_unchanged": "0.96",
    "verified_success": "0.99",
    "calibration_error": "0.1",
    "failures": "1",
    "reason": "careful",
}


@pytest.fixture
def desk(pia: Any) -> Client:
    """Pia operates and owns no agent."""
    return browser(pia)


@pytest.fixture
def stage(agent: Agent, harmless: Any) -> Autonomy:
    return Autonomy.objects.create(agent=agent, action="refund_payment", stage=3)


def address(agent: Agent, verb: str = "") -> str:
    return f"{BOARD}{agent.pk}/refund_payment/{verb}"


def events() -> int:
    return Event.objects.exclude(type="request.refused").count()


def many(n: int, owner: Any) -> Agent:
    return Agent.objects.create(name=f"bot-{n:02}", owner=owner, allowed_actions=["refund_payment"])


# --- The board ----------------------------------------------------------------------------------------


def test_the_board_asks_as_often_for_twelve_as_for_one(
    harmless: Any, reviewed: Any, olga: Any, pia: Any, api_as: Any
) -> None:
    client, api = browser(pia), api_as(pia)

    def add(n: int) -> None:
        Autonomy.objects.create(agent=many(n, olga), action="refund_payment", stage=1 + n % 4)

    def ask() -> int:
        rows = set(re.findall(r"<bdi>(bot-\d\d)</bdi>\s*<code>", client.get(BOARD).content.decode()))
        assert rows == {one["agent"] for one in api.get("autonomy/").json()["pairs"]}
        return len(rows)

    same_queries_at(1, 12, add, ask)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(stage="1"),
        Filters(stage="2"),
        Filters(stage="9"),
        Filters(stage="0"),
        Filters(stage="x"),
        Filters(stage="12"),
        Filters(stage="٢"),
        Filters(agent="bot-03"),
        Filters(agent="nobody"),
        Filters(action="refund_payment"),
        Filters(action="nothing"),
        Filters(ready="1"),
        Filters(stage="3", ready="1"),
    ],
)
def test_the_pages_of_a_filter_hold_each_once_and_none_that_it_leaves_out(
    harmless: Any, reviewed: Any, olga: Any, monkeypatch: pytest.MonkeyPatch, filters: Filters
) -> None:
    monkeypatch.setattr(pairs, "PAGE", 2)
    monkeypatch.setattr(pairs, "LOOK_AT", 3)
    monkeypatch.setattr(
        gates,
        "_records",
        lambda asked: [GOOD if pair.agent in ("bot-03", "bot-06") else Record() for pair in asked],
    )
    for n in range(8):
        Autonomy.objects.create(agent=many(n, olga), action="refund_payment", stage=1 + n % 4)

    found, after = [], ("", "")
    for _ in range(20):
        one = page(filters, after=after)
        found += [(m.pair.agent, m.pair.stage, m.is_ready) for m in one.rows]
        assert len(one.rows) <= 2
        if one.next is None:
            break
        after = one.next
    else:
        pytest.fail("The pages never end.")

    ready = {"bot-06"}  # bot-03 stands at the highest stage
    everything = [(f"bot-{n:02}", 1 + n % 4, f"bot-{n:02}" in ready) for n in range(8)]
    assert found == [
        row
        for row in everything
        if filters.agent in ("", row[0])
        and filters.action in ("", "refund_payment")
        and filters.stage in ("", str(row[1]))
        and (not filters.ready or row[2])
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "support-bot"),
        ("?agent=nobody", "Nothing matches"),
        ("?agent=" + "x" * 5_000, "Nothing matches"),
        ("?stage=4", "Nothing matches"),
        ("?stage=purple", "Nothing matches"),
        ("?ready=1", "Nothing matches"),
        ("?after=nonsense", "support-bot"),
        ("?after=zzz%7Czzz", "Nobody has a record yet"),
        ("?agent=%3Cscript%3E", "Nothing matches"),
    ],
)
def test_the_board_says_what_it_shows(stage: Autonomy, desk: Client, query: str, said: str) -> None:
    answer = desk.get(BOARD + query)
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_the_board_says_what_is_missing(agent: Agent, stage: Autonomy, desk: Client) -> None:
    html = desk.get(BOARD).content.decode()
    missing = "decisions, approved unchanged, verified success, calibration error and policy"
    assert f"For stage 4 there is missing: {missing}." in html
    Autonomy.objects.update(stage=4)
    assert "the highest" in desk.get(BOARD).content.decode()


def test_the_board_says_who_may_be_promoted(
    agent: Agent, earned: None, desk: Client, api_as: Any, pia: Any
) -> None:
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=2)
    assert "Ready to be promoted</b>" in desk.get(BOARD).content.decode()
    [pair] = api_as(pia).get("autonomy/?ready=true").json()["pairs"]
    assert (pair["ready"], pair["stage"], pair["record"]["decisions"]) == (True, 2, 90)
    assert len(api_as(pia).get("autonomy/?ready=false").json()["pairs"]) == 1


# --- One pair -----------------------------------------------------------------------------------------


def test_one_pair_asks_as_often_for_twelve_changes_as_for_one(
    agent: Agent, stage: Autonomy, desk: Client, pia: Any
) -> None:
    def add(n: int) -> None:
        StageChange.objects.create(
            agent=agent,
            action="refund_payment",
            kind="lowered",
            before=3,
            stage=2,
            reason=f"Reason {n}.",
            by=pia,
            by_name="Pia",
        )
        Incident.objects.create(agent=agent, action="", kind="drift", detail=f"Detail {n}.")

    def ask() -> int:
        html = desk.get(address(agent)).content.decode()
        reasons = set(re.findall(r"Reason \d+\.", html))
        assert len(reasons) == len(set(re.findall(r"Detail \d+\.", html)))
        return len(reasons)

    same_queries_at(1, 12, add, ask)


def test_what_is_no_pair_is_not_there(agent: Agent, stage: Autonomy, desk: Client) -> None:
    for there in (f"{BOARD}{uuid4()}/refund_payment/", f"{BOARD}{agent.pk}/nothing/"):
        assert desk.get(there).status_code == 404
        assert desk.post(f"{there}lower/", {"stage": "1", "reason": "x"}).status_code == 404
        assert desk.post(f"{there}promote/", {"reason": "x"}).status_code == 404
    assert Autonomy.objects.get().stage == 3


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"stage": "1", "reason": ""}, 422, "Say why"),
        ({"stage": "1", "reason": "x" * 501}, 422, "at most 500 characters"),
        ({"stage": "", "reason": "x"}, 409, "A stage is one of 1 to 4, not 0."),
        ({"stage": "0", "reason": "x"}, 409, "A stage is one of 1 to 4, not 0."),
        ({"stage": "-1", "reason": "x"}, 409, "A stage is one of 1 to 4, not 0."),
        ({"stage": "5", "reason": "x"}, 409, "A stage is one of 1 to 4, not 0."),
        ({"stage": "٢", "reason": "x"}, 409, "A stage is one of 1 to 4, not 0."),
        ({"stage": "1.5", "reason": "x"}, 409, "A stage is one of 1 to 4, not 0."),
    ],
)
def test_lowering_to_what_is_no_stage_changes_nothing(
    agent: Agent, stage: Autonomy, desk: Client, sent: dict[str, str], status: int, said: str
) -> None:
    before = events()

    answer = desk.post(address(agent, "lower/"), sent)

    assert (answer.status_code, said in answer.content.decode()) == (status, True)
    assert (Autonomy.objects.get().stage, StageChange.objects.count(), events()) == (3, 0, before)


@pytest.mark.parametrize("wanted", ["3", "4"])
def test_lowering_to_no_lower_stage_says_so(agent: Agent, stage: Autonomy, desk: Client, wanted: str) -> None:
    answer = desk.post(address(agent, "lower/"), {"stage": wanted, "reason": "x"}, follow=True)

    assert "support-bot is at that stage for refund_payment, or lower, already." in answer.content.decode()
    assert (Autonomy.objects.get().stage, StageChange.objects.count()) == (3, 0)


def test_lowering_keeps_what_was_measured(agent: Agent, stage: Autonomy, desk: Client, pia: Any) -> None:
    answer = desk.post(address(agent, "lower/"), {"stage": "1", "reason": "<b>odd</b>"}, follow=True)

    html = answer.content.decode()
    assert "support-bot is at stage 1 for refund_payment from now on." in html
    assert "&lt;b&gt;odd&lt;/b&gt;" in html
    change = StageChange.objects.get()
    assert (change.kind, change.before, change.stage, change.by) == ("lowered", 3, 1, pia)
    assert {gate["name"] for gate in change.measures["gates"]} >= {"decisions", "policy"}
    assert json.loads(Event.objects.get(type="autonomy.lowered").body)["data"]["stage"] == 1


def test_a_promotion_without_its_gates_says_which_are_missing(
    agent: Agent, stage: Autonomy, desk: Client
) -> None:
    answer = desk.post(address(agent, "promote/"), {"reason": "please"})

    assert answer.status_code == 409
    assert "Not every gate is passed: decisions (0 of 50 decisions)" in answer.content.decode()
    assert (Autonomy.objects.get().stage, StageChange.objects.count()) == (3, 0)


def test_of_two_who_promote_at_once_the_second_stands_at_the_top(
    agent: Agent, stage: Autonomy, desk: Client, earned: None
) -> None:
    assert desk.post(address(agent, "promote/"), {"reason": "first"}).status_code == 302
    answer = desk.post(address(agent, "promote/"), {"reason": "second"})

    assert (answer.status_code, "It is at the highest stage." in answer.content.decode()) == (409, True)
    assert [change.reason for change in StageChange.objects.all()] == ["first"]


# --- Gates at their bounds ------------------------------------------------------------------------------

AT_THE_BOUND = Record(decisions=500, unchanged=485, calibration_error=0.1, ended=100, verified=99)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, set()),
        ({"decisions": 50, "unchanged": 50}, {"approved_unchanged"}),  # 50 of 50 are surely 0.929
        ({"decisions": 49, "unchanged": 49}, {"decisions", "approved_unchanged"}),
        ({"unchanged": 480}, {"approved_unchanged"}),
        ({"unchanged": 0}, {"approved_unchanged"}),
        ({"verified": 98}, {"verified_success"}),
        ({"ended": 0, "verified": 0}, {"verified_success"}),
        ({"calibration_error": 0.1000001}, {"calibration_error"}),
        ({"calibration_error": 0.0}, set()),
        ({"calibration_error": None}, {"calibration_error"}),
        ({"incidents": 1}, {"incidents"}),
        ({"unanswered": 10_000, "unstated": 500, "sampled": 500}, set()),
    ],
)
def test_each_gate_is_passed_at_its_bound_and_not_beyond(
    agent: Agent,
    harmless: Any,
    reviewed: Any,
    monkeypatch: pytest.MonkeyPatch,
    changes: Any,
    missing: set[str],
) -> None:
    monkeypatch.setattr(gates, "_records", lambda asked: [replace(AT_THE_BOUND, **changes)])
    measured = measured_now(agent, "refund_payment")

    assert {gate.name for gate in measured.missing} == missing
    assert measured.is_ready is (not missing)
    assert all(0 <= gate.way <= 1 for gate in measured.gates)
    assert json.loads(json.dumps(measured.as_json())) == measured.as_json()


def test_nothing_is_measured_of_nothing(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert gates.measure([]) == []


# --- What is asked --------------------------------------------------------------------------------------


def test_the_list_of_what_is_asked_asks_as_often_for_twelve_as_for_one(
    harmless: Any, olga: Any, pia: Any
) -> None:
    client, people = browser(pia), [olga, pia]

    def add(n: int) -> None:
        GateBounds.objects.create(action=f"action-{n}", by=people[n % 2], reason=f"Reason {n}.")

    def ask() -> int:
        html = client.get(f"{BOARD}bounds/").content.decode()
        return len(set(re.findall(r"Reason \d+\.", html)))

    same_queries_at(2, 12, add, ask)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"decisions": "49"}, 422, "For decisions give 50 to 500."),
        ({"decisions": "501"}, 422, "For decisions give 50 to 500."),
        ({"decisions": "50.5"}, 422, "Decisions in the stage: give a number."),
        ({"decisions": ""}, 422, "Decisions in the stage: give a number."),
        ({"decisions": "1e2"}, 422, "Decisions in the stage: give a number."),
        ({"decisions": "٦٠"}, 422, "Decisions in the stage: give a number."),
        ({"approved_unchanged": "0.94"}, 422, "For the share approved unchanged give 0.95 to 1."),
        ({"approved_unchanged": "1.01"}, 422, "For the share approved unchanged give 0.95 to 1."),
        ({"approved_unchanged": "nan"}, 422, "Approved unchanged (lower Wilson bound): give a number."),
        ({"verified_success": "inf"}, 422, "Verified success: give a number."),
        ({"calibration_error": "0.11"}, 422, "For the calibration error give 0 to 0.1."),
        ({"calibration_error": "-0.1"}, 422, "Expected calibration error: give a number."),
        ({"failures": "3"}, 422, "For failures give 0 to 2."),
        ({"reason": " "}, 422, "Say why"),
        ({"action": "nothing"}, 409, "There is no action type nothing."),
    ],
)
def test_bounds_that_are_none_change_nothing_and_come_back(
    harmless: Any, desk: Client, changes: dict[str, str], status: int, said: str
) -> None:
    before = events()
    sent = {**ASKED, **changes}

    answer = desk.post(f"{BOARD}bounds/change/", sent)

    html = answer.content.decode()
    assert (answer.status_code, GateBounds.objects.count(), events()) == (status, 0, before)
    for name in ("decisions", "approved_unchanged", "verified_success", "calibration_error", "failures"):
        assert f'value="{sent[name]}"' in html
    assert said in html


def test_bounds_at_their_limits_are_taken_and_the_stricter_of_two_counts(
    agent: Agent, harmless: Any, desk: Client, pia: Any
) -> None:
    most = {"decisions": "500", "approved_unchanged": "1", "verified_success": "1,0"}
    least = {"calibration_error": "0", "failures": "0"}

    for sent in ({**ASKED, "action": "refund_payment"}, {**ASKED, **most, **least}):
        assert desk.post(f"{BOARD}bounds/change/", sent).status_code == 302

    html = desk.get(address(agent)).content.decode()
    assert "0 of 500 decisions" in html
    assert Event.objects.filter(type="gate_bounds.changed").count() == 2
    set_bounds("", Bounds(), by=pia, actor=actor_of(pia), reason="back")
    assert "0 of 60 decisions" in desk.get(address(agent)).content.decode()


# --- Over the API and on the console ----------------------------------------------------------------------

BODY = {"agent": "support-bot", "action": "refund_payment", "reason": "x"}


@pytest.mark.parametrize(
    ("verb", "body", "status", "pointer"),
    [
        ("promote", {}, 422, "/agent"),
        ("promote", {**BODY, "agent": "nobody"}, 422, "/agent"),
        ("promote", {**BODY, "agent": ["support-bot"]}, 422, "/agent"),
        ("promote", {**BODY, "action": 5}, 422, "/action"),
        ("promote", {**BODY, "reason": "x" * 501}, 422, "/reason"),
        ("promote", {**BODY, "stage": 4}, 422, "/stage"),
        ("lower", BODY, 422, "/stage"),
        ("lower", {**BODY, "stage": 0}, 422, "/stage"),
        ("lower", {**BODY, "stage": 4}, 422, "/stage"),
        ("lower", {**BODY, "stage": "1"}, 422, "/stage"),
        ("lower", {**BODY, "stage": True}, 422, "/stage"),
        ("lower", {**BODY, "stage": 1, "reason": " "}, 422, "/reason"),
    ],
)
def test_the_api_names_what_is_wrong_and_changes_nothing(
    agent: Agent, stage: Autonomy, pia: Any, api_as: Any, verb: str, body: Any, status: int, pointer: str
) -> None:
    api, before = api_as(pia), events()

    answer = api.post(f"autonomy/{verb}/", body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)
    assert (Autonomy.objects.get().stage, events()) == (3, before)


@pytest.mark.parametrize("verb", ["promote", "lower"])
def test_an_unknown_action_is_refused(
    agent: Agent, stage: Autonomy, pia: Any, api_as: Any, verb: str
) -> None:
    body = {**BODY, "action": "nothing", **({"stage": 1} if verb == "lower" else {})}
    answer = api_as(pia).post(f"autonomy/{verb}/", body)
    assert (answer.status_code, answer.json()["detail"]) == (422, "There is no action type nothing.")


def test_a_promotion_over_the_api_names_the_gates(
    agent: Agent, stage: Autonomy, pia: Any, api_as: Any
) -> None:
    answer = api_as(pia).post("autonomy/promote/", BODY)

    assert answer.status_code == 409
    assert {"name": "decisions", "passed": False, "said": "0 of 50 decisions"} in answer.json()["gates"]


def test_the_owner_lowers_over_the_api_and_does_not_promote(
    agent: Agent, stage: Autonomy, olga: Any, api_as: Any, earned: None
) -> None:
    api = api_as(olga)
    assert api.post("autonomy/promote/", BODY).status_code == 403

    lowered = api.post("autonomy/lower/", {**BODY, "stage": 1}).json()["change"]
    again = api.post("autonomy/lower/", {**BODY, "stage": 1})

    assert (lowered["before"], lowered["stage"], lowered["kind"]) == (3, 1, "lowered")
    assert (again.status_code, again.json()) == (200, {"change": None})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "refund_payment", "1"], "There is no agent nobody."),
        (["support-bot", "nothing", "1"], "There is no action type nothing."),
        (["support-bot", "refund_payment", "4"], "say who says so"),
        (["support-bot", "refund_payment", "4", "--as", "nobody"], "There is nobody called nobody."),
        (["support-bot", "refund_payment", "4", "--as", "pia"], "Give a --reason."),
        (["support-bot", "refund_payment", "4", "--as", "olga", "--reason", "x"], "You own this agent"),
        (["support-bot", "refund_payment", "4", "--as", "ana", "--reason", "x"], "Only an operator"),
        (["support-bot", "refund_payment", "5"], "invalid choice"),
    ],
)
def test_the_console_refuses_as_the_page_does(
    agent: Agent, stage: Autonomy, pia: Any, ana: Any, arguments: list[str], said: str
) -> None:
    before = events()
    with pytest.raises(CommandError, match=said):
        call_command("set_stage", *arguments)
    assert (Autonomy.objects.get().stage, events()) == (3, before)


@pytest.mark.parametrize(
    ("wanted", "told"), [("3", "stays controlled"), ("1", "now assisted"), ("4", "now strategic")]
)
def test_the_console_says_what_it_did(
    agent: Agent, stage: Autonomy, pia: Any, capsys: Any, wanted: str, told: str
) -> None:
    call_command("set_stage", "support-bot", "refund_payment", wanted, "--as", "pia", "--reason", "pilot")
    assert capsys.readouterr().out.splitlines() == [f"support-bot refund_payment: {told}", wanted]
    assert Autonomy.objects.get().stage == int(wanted)


def test_what_was_lost_meanwhile_is_not_promoted(
    agent: Agent, harmless: Any, earned: None, pia: Any, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page offers it; an incident comes before the click."""
    assert "Promote to stage 3" in desk.get(address(agent)).content.decode()
    autonomy.raise_alarm(agent, "refund_payment", "It pays twice.", actor=actor_of(pia), by=pia)
    monkeypatch.setattr(gates, "_records", lambda asked: [replace(GOOD, incidents=1)])

    answer = desk.post(address(agent, "promote/"), {"reason": "please"})

    assert (answer.status_code, "incidents (1 open)" in answer.content.decode()) == (409, True)
    assert not StageChange.objects.exists()
