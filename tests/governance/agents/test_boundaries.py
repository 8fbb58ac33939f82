"""What an agent may ask for at all: each limit refuses by its name, leaves an event, and lets the rest be."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.hours import DAYS, Week
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.agents import boundaries, rate
from governance.agents.boundaries import Boundaries
from governance.models import ActionType, Agent
from suggestions.models import Proposal
from tests.conftest import DEPLOYED, proposal_body


def limit(agent: Agent, **stated: Any) -> None:
    agent.boundaries = stated
    agent.save(update_fields=["boundaries"])


def refusal() -> dict[str, Any]:
    """The one refusal in the log."""
    data: dict[str, Any] = json.loads(Event.objects.get(type="request.refused").body)["data"]
    return data


def never(now: datetime) -> dict[str, Any]:
    """Hours that have just gone by, or come only later."""
    return {"days": [DAYS[(now.weekday() + 3) % 7]], "from": "09:00", "to": "10:00"}


# --- Every boundary refuses by its name ------------------------------------------------------


def disable(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(enabled=False)


def narrow(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(allowed_actions=["send_mail"])


def touch_health(agent: Agent) -> None:
    ActionType.objects.update(data_classes=["health", "personal"])
    limit(agent, data_classes=["personal"])


@pytest.mark.parametrize(
    ("set_up", "boundary", "kind", "words"),
    [
        (disable, "enabled", "agent-disabled", "disabled"),
        (narrow, "action_types", "out-of-scope", "refund_payment, only send_mail"),
        (
            touch_health,
            "data_classes",
            "class-not-granted",
            "touches health data; it was granted personal",
        ),
        (
            lambda agent: limit(agent, deployment_required=True),
            "deployment",
            "deployment-required",
            "a deployment has to be activated first",
        ),
        (
            lambda agent: limit(agent, active_hours=never(datetime.now(UTC))),
            "active_hours",
            "outside-hours",
            "from 09:00 to 10:00 (UTC)",
        ),
        (lambda agent: limit(agent, budget=[]), "boundaries", "boundaries-unreadable", "can't be read"),
    ],
)
def test_a_boundary_names_itself_in_the_answer_and_in_the_log(
    api: Any, agent: Agent, action_type: Any, set_up: Any, boundary: str, kind: str, words: str
) -> None:
    set_up(agent)

    answer = api.submit()

    problem = answer.json()
    assert (answer.status_code, problem["boundary"]) == (403, boundary)
    assert problem["type"] == f"urn:reviewapp:problem:{kind}"
    assert words in problem["detail"]
    assert (refusal()["boundary"], refusal()["status"]) == (boundary, 403)
    assert not Proposal.objects.exists()


def test_within_all_its_boundaries_an_agent_is_heard(
    api: Any, agent: Agent, action_type: Any, trusted: Any
) -> None:
    ActionType.objects.update(data_classes=["personal"])
    limit(
        agent,
        data_classes=["personal", "financial"],
        rates=["5/minute"],
        deployment_required=True,
        active_hours={"from": "00:00", "to": "24:00", "time_zone": "Asia/Tokyo"},
    )
    assert api.submit(proposal_body(provenance=DEPLOYED)).status_code == 201


def test_who_names_another_deployment_than_the_active_one_is_refused(
    api: Any, agent: Agent, action_type: Any, trusted: Any
) -> None:
    limit(agent, deployment_required=True)
    for said in ({"deployment": "support-bot@2"}, {}):
        answer = api.submit(proposal_body(provenance=said))
        assert (answer.status_code, answer.json()["boundary"]) == (403, "deployment")
        assert "support-bot@1" in answer.json()["detail"]


def test_the_order_of_the_boundaries_is_fixed(api: Any, agent: Agent, action_type: Any) -> None:
    ActionType.objects.update(data_classes=["health"])
    hours = never(datetime.now(UTC))
    stated = {"data_classes": [], "deployment_required": True, "active_hours": hours, "rates": ["1/day"]}
    Agent.objects.filter(pk=agent.pk).update(enabled=False, allowed_actions=[], boundaries=stated)

    met = []
    for loosened in (
        {"enabled": True},
        {"boundaries": {**stated, "active_hours": None}},
        {"allowed_actions": None},
        {"boundaries": {**stated, "active_hours": None, "deployment_required": False}},
        {},
    ):
        rate_left_alone(agent)
        met.append(api.submit().json()["boundary"])
        Agent.objects.filter(pk=agent.pk).update(**loosened) if loosened else None
    met.append(api.submit().json()["boundary"])

    assert met == ["enabled", "active_hours", "action_types", "deployment", "data_classes", "rate"]


def rate_left_alone(agent: Agent) -> None:
    rate.run_script("redis.call('DEL', KEYS[1]) return {}", rate._keys(agent, ["1/day"]))


def test_a_batch_that_hits_a_boundary_is_refused_by_its_name(
    api: Any, agent: Agent, action_type: Any
) -> None:
    narrow(agent)
    items = [{**proposal_body(), "idempotency_key": str(n)} for n in range(3)]

    whole = api.post("proposals/batch/", {"proposals": items})
    single = api.post("proposals/batch/?atomic=false", {"proposals": items})

    assert (whole.status_code, whole.json()["boundary"]) == (403, "action_types")
    assert whole.json()["pointer"] == "/proposals/0"
    assert [result["boundary"] for result in single.json()["results"]] == ["action_types"] * 3
    told = [json.loads(e.body)["data"] for e in Event.objects.filter(type="request.refused").order_by("id")]
    assert [event["boundary"] for event in told] == ["action_types"] * 2
    assert (told[1]["items"], told[1]["count"], told[1]["actions"]) == ([0, 1, 2], 3, ["refund_payment"])


# --- Rates -----------------------------------------------------------------------------------


def test_several_rates_hold_at_once_and_a_refusal_counts_in_none(
    api: Any, agent: Agent, action_type: Any
) -> None:
    limit(agent, rates=["100/day", "2/hour"])

    answers = [api.submit() for _ in range(4)]

    assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
    problem = answers[-1].json()
    assert (problem["boundary"], problem["rate"]) == ("rate", "2/hour")
    assert 0 < int(answers[-1]["Retry-After"]) <= 3600
    assert [(left.rate, left.left) for left in rate.left(agent)] == [("100/day", 98), ("2/hour", 0)]


def test_another_number_for_a_window_goes_on_counting_where_it_stands(
    api: Any, agent: Agent, action_type: Any
) -> None:
    limit(agent, rates=["2/hour"])
    assert [api.submit().status_code for _ in range(2)] == [201, 201]
    limit(agent, rates=["3/hour"])
    assert [api.submit().status_code for _ in range(2)] == [201, 429]


def test_a_batch_counts_as_many_as_it_holds_or_not_at_all(agent: Agent, db: None) -> None:
    limit(agent, rates=["10/minute"])
    rate.spend(agent, cost=8)
    with pytest.raises(rate.TooOften):
        rate.spend(agent, cost=3)
    rate.spend(agent, cost=2)
    assert rate.left(agent)[0].left == 0


@pytest.mark.django_db(transaction=True)
def test_of_32_at_once_exactly_as_many_get_in_as_every_rate_allows(
    api: Any, agent: Agent, action_type: Any
) -> None:
    limit(agent, rates=["20/minute", "13/hour", "1000/day"])
    statuses: list[int] = []
    start = threading.Barrier(32)

    def ask() -> None:
        start.wait()
        statuses.append(api.submit().status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201] * 13 + [429] * 19
    assert Proposal.objects.count() == 13
    assert [left.left for left in rate.left(agent)] == [7, 0, 987]


# --- Hours -----------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("week", "local", "inside"),
    [
        (Week(("mon",), "08:00", "18:00", "Europe/Berlin"), "2026-11-23T08:00", True),
        (Week(("mon",), "08:00", "18:00", "Europe/Berlin"), "2026-11-23T07:59", False),
        (Week(("mon",), "08:00", "18:00", "Europe/Berlin"), "2026-11-23T18:00", False),
        (Week(("mon",), "08:00", "18:00", "Europe/Berlin"), "2026-11-24T09:00", False),
        (Week(("fri",), "22:00", "06:00", "Europe/Berlin"), "2026-11-27T23:00", True),
        (Week(("fri",), "22:00", "06:00", "Europe/Berlin"), "2026-11-28T05:59", True),
        (Week(("fri",), "22:00", "06:00", "Europe/Berlin"), "2026-11-27T05:00", False),
        (Week(("sun",), "22:00", "06:00", "Europe/Berlin"), "2026-11-30T01:00", True),
        (Week(("mon",), "00:00", "24:00", "Europe/Berlin"), "2026-11-23T23:59:59.999999", True),
        # The clocks are set back at 03:00: this is the second half past two of that night.
        (Week(("sun",), "02:00", "03:00", "Europe/Berlin"), "2026-10-25T02:30", True),
    ],
)
def test_hours_are_those_of_the_clocks_there(week: Week, local: str, inside: bool) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=BERLIN, fold=1)
    assert week.covers(moment.astimezone(UTC)) is inside


clocks = st.times().map(lambda at: f"{at:%H:%M}")
weeks = st.builds(
    Week,
    st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: tuple(sorted(days, key=DAYS.index))),
    clocks,
    clocks,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]),
).filter(lambda week: week.begin != week.end)


@given(weeks, st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_hours_begin_next_at_a_moment_that_is_within_them(week: Week, moment: datetime) -> None:
    opens = week.next_after(moment)
    assert moment < opens <= moment + timedelta(days=9)
    # Where clocks jump over the beginning, they are within the hours as soon as they go on.
    assert week.covers(opens) or week.covers(opens + timedelta(hours=1))


# --- Reading what an operator writes ----------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "pointer", "words"),
    [
        ({"rates": ["5/second"]}, "/rates/0", "is not a rate; write one as 60/minute"),
        ({"rates": ["5/hour", "6/hour"]}, "/rates", "same window"),
        ({"rates": []}, "/rates", "at least one"),
        ({"budgets": [{"argument": "amount", "per": "1s", "most": 5}]}, "/budgets/0/per", "is between"),
        ({"budgets": [{"argument": "amount", "per": "1w", "most": 5}]}, "/budgets/0/per", "span of time"),
        ({"budgets": [{"argument": "amount", "most": -1}]}, "/budgets/0/most", "less than 0"),
        ({"budgets": [{"most": 1}]}, "/budgets/0/argument", "to be said"),
        ({"budgets": [{"argument": "a", "most": 1}, {"argument": "a", "most": 2}]}, "", "are for the same"),
        ({"data_classes": ["Personal Data"]}, "/data_classes/0", "pattern"),
        ({"active_hours": {"from": "8", "to": "18:00"}}, "/active_hours/from", "08:00"),
        ({"active_hours": {"from": "08:00", "to": "08:00"}}, "/active_hours", "whole day"),
        ({"active_hours": {"from": "08:00", "to": "25:00"}}, "/active_hours/to", "time of day"),
        (
            {"active_hours": {"from": "08:00", "to": "18:00", "time_zone": "../../etc/passwd"}},
            "/active_hours/time_zone",
            "time zone",
        ),
        (
            {"active_hours": {"days": [], "from": "08:00", "to": "18:00"}},
            "/active_hours/days",
            "at least one",
        ),
        ({"kill": True}, "/kill", "unknown"),
        ({"enabled": None}, "/enabled", "boolean"),
        ({"action_types": ["a b"]}, "/action_types/0", "pattern"),
    ],
)
def test_a_mistake_is_named_where_it_stands(stated: Any, pointer: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        boundaries.read({"enabled": True, "action_types": None, **stated})
    [error] = refused.value.errors
    assert error["pointer"] == pointer
    assert words in error["detail"]


def test_what_is_not_said_about_the_switch_and_the_scope_is_asked_for() -> None:
    with pytest.raises(Invalid) as refused:
        boundaries.read({})
    assert [error["pointer"] for error in refused.value.errors] == ["/enabled", "/action_types"]


numbers = st.decimals(0, 10**9, places=2)
stated_boundaries = st.fixed_dictionaries(
    {},
    optional={
        "data_classes": st.lists(st.sampled_from(["personal", "health", "financial"])),
        "rates": st.sampled_from([["5/minute"], ["600 / minute", "7/day"]]),
        "budgets": st.lists(
            st.fixed_dictionaries(
                {"argument": st.sampled_from("abc"), "most": numbers.map(float)},
                optional={"action": st.sampled_from(["x", "y"]), "per": st.sampled_from(["1h", "7d", "90m"])},
            ),
            max_size=4,
            unique_by=lambda b: (b["argument"], b.get("action"), b.get("per", "1d")),
        ),
        "deployment_required": st.booleans(),
        "active_hours": st.just({"days": ["sun", "mon"], "from": "22:00", "to": "06:00"}),
    },
)


@given(stated_boundaries)
def test_boundaries_read_back_as_they_were_written(stated: Any) -> None:
    read = Boundaries.model_validate(stated)
    again = Boundaries.model_validate(json.loads(json.dumps(read.as_json())))
    assert again == read
