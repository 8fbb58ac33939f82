"""The form of an agent's boundaries: what is typed is read one way, and what is wrong stands at its field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.refusals import Invalid
from audit.models import Event
from governance.agents import boundaries
from governance.agents.boundaries import Budget
from governance.models import Agent
from suggestions.allowance.budgets import amount, plain, window
from suggestions.allowance.form import Form, Row
from tests.searching import searched

RIGHT: dict[str, Any] = {"enabled": "on", "scope": "every", "class_scope": "every"}
A_BUDGET = {"budget-0-argument": "amount", "budget-0-per": "1d", "budget-0-most": "10"}
HOURS = {"hours": "on", "day": ["mon"], "begin": "08:00", "end": "18:00", "time_zone": "UTC"}


def filled_in(**typed: Any) -> Form:
    post = QueryDict(mutable=True)
    for name, value in {**RIGHT, **typed}.items():
        post.setlist(name, value if isinstance(value, list) else [value])
    return Form.sent(post)


def wrong(form: Form) -> dict[str, str]:
    """The problems of a form by its fields."""
    with pytest.raises(Invalid) as refused:
        boundaries.read(form.as_limits())
    return form.place(refused.value.errors)


@pytest.mark.parametrize(
    ("typed", "limit"),
    [
        ("10", 10),
        ("0", 0),
        ("99.50", Decimal("99.50")),
        ("2,000", 2_000),
        ("2 000", 2_000),
        ("1,234,567.89", Decimal("1234567.89")),
        (" 10 ", 10),
        ("0.000001", Decimal("0.000001")),
    ],
)
def test_an_amount_may_have_its_thousands_set_apart(typed: str, limit: Any) -> None:
    limits = boundaries.read(filled_in(**{**A_BUDGET, "budget-0-most": typed}).as_limits())
    assert [budget.most for budget in limits.budgets] == [limit]


A_NUMBER = "Write a number, such as 2000 or 99.50."


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", A_NUMBER),
        ("lots", A_NUMBER),
        ("99,50", A_NUMBER),  # not 9,950
        ("1,5", A_NUMBER),
        ("1,00,000", A_NUMBER),
        ("2,000,5", A_NUMBER),
        ("1 0", A_NUMBER),
        ("10 EUR", A_NUMBER),
        ("-1", "It can't be less than 0."),
        ("nan", "Input should be a finite number"),
        ("inf", "Input should be a finite number"),
        ("0.0000001", "Decimal input should have no more than 6 decimal places"),
        ("1" + "0" * 14, "Decimal input should have no more than 14 digits before the decimal point"),
        ("9" * 5_000, "Decimal input should have no more than 20 digits in total"),
    ],
)
def test_what_is_no_amount_is_said_at_its_field(typed: str, said: str) -> None:
    assert wrong(filled_in(**{**A_BUDGET, "budget-0-most": typed})) == {"budget-0-most": said}


NOT_A_RATE = "is not a rate; write one as 60/minute, 500/hour or 2000/day"


@pytest.mark.parametrize("unit", ["minute", "hour", "day"])
@pytest.mark.parametrize(
    "typed", ["0", "-5", "many", "1,5", "1.5", "٥", "1e3", "5/minute", "1000000001", "9" * 5_000]
)
def test_what_is_no_rate_is_said_at_its_field(typed: str, unit: str) -> None:
    problems = wrong(filled_in(**{f"rate-{unit}": typed}))
    assert list(problems) == [f"rate-{unit}"]
    assert problems[f"rate-{unit}"].endswith(NOT_A_RATE)


def test_only_the_rate_that_is_wrong_is_marked() -> None:
    problems = wrong(filled_in(**{"rate-minute": "5", "rate-hour": "many", "rate-day": "2,000"}))
    assert list(problems) == ["rate-hour"]


@pytest.mark.parametrize(
    ("typed", "place", "said"),
    [
        ({"scope": "some", "action": ["a b"]}, "actions", "String should match pattern"),
        ({"scope": "some", "action": ["x" * 129]}, "actions", "String should match pattern"),
        ({"class_scope": "some", "classes": "Personal"}, "classes", "String should match pattern"),
        ({"class_scope": "some", "classes": "a, <b>"}, "classes", "String should match pattern"),
        ({**A_BUDGET, "budget-0-argument": "x" * 101}, "budget-0-argument", "at most 100 characters"),
        ({**A_BUDGET, "budget-0-argument": ""}, "budget-0-argument", "at least 1 character"),
        ({**A_BUDGET, "budget-0-action": "a b"}, "budget-0-action", "String should match pattern"),
        ({**A_BUDGET, "budget-0-per": ""}, "budget-0-per", "is not a span of time"),
        ({**A_BUDGET, "budget-0-per": "59s"}, "budget-0-per", "A window is between a minute and 90 days"),
        ({**A_BUDGET, "budget-0-per": "91d"}, "budget-0-per", "A window is between a minute and 90 days"),
        ({**HOURS, "begin": "8"}, "begin", "'8' is not a time of day; write one as 08:00"),
        ({**HOURS, "begin": "24:00"}, "begin", "'24:00' is not a time of day"),
        ({**HOURS, "end": "24:01"}, "end", "'24:01' is not a time of day"),
        (
            {**HOURS, "end": "08:00"},
            "begin",
            "Begin and end are the same; a whole day is from 00:00 to 24:00",
        ),
        ({**HOURS, "day": []}, "days", "Name at least one."),
        ({**HOURS, "day": ["monday"]}, "days", "Input should be 'mon'"),
        ({**HOURS, "time_zone": "Mars"}, "time_zone", "'Mars' is not a time zone"),
        ({**HOURS, "time_zone": ""}, "time_zone", "'' is not a time zone"),
    ],
)
def test_what_is_wrong_stands_at_its_field(typed: dict[str, Any], place: str, said: str) -> None:
    problems = wrong(filled_in(**typed))
    assert list(problems) == [place]
    assert said in problems[place]


def test_two_budgets_for_the_same_are_said_above_the_form() -> None:
    twice = {name.replace("0", "1"): value for name, value in A_BUDGET.items()}
    assert wrong(filled_in(**A_BUDGET, **twice)) == {
        "form": "Two budgets are for the same argument, action and window"
    }


def test_lines_that_are_left_empty_are_none_and_the_others_keep_their_numbers() -> None:
    form = filled_in(
        **{"budget-1-argument": "amount", "budget-1-most": "1", "budget-1-per": "1h"},
        **{"budget-7-argument": "count", "budget-7-most": "lots", "budget-7-per": "1d"},
        **{"budget-3-action": "refund"},
    )
    assert [row.argument for row in form.budgets] == ["amount", "count"]
    assert wrong(form) == {"budget-1-most": A_NUMBER}  # the second of those that are shown again
    assert [(n, row.argument) for n, row in form.lines()] == [(0, "amount"), (1, "count"), (2, ""), (3, "")]


@pytest.mark.parametrize(("budgets", "lines"), [(0, 2), (1, 3), (18, 20), (19, 20), (20, 20)])
def test_there_is_room_for_two_more_budgets_and_for_twenty_in_all(budgets: int, lines: int) -> None:
    assert len(Form(budgets=[Row(argument=f"a{n}", most="1") for n in range(budgets)]).lines()) == lines


@pytest.mark.parametrize(
    ("typed", "limits"),
    [
        ({}, {"enabled": True, "action_types": None, "data_classes": None}),
        ({"scope": "some"}, {"action_types": []}),  # nothing that it may propose
        ({"scope": "", "action": ["refund"]}, {"action_types": None}),
        ({"class_scope": "some", "classes": ""}, {"data_classes": []}),
        ({"class_scope": "some", "classes": "b,a  a"}, {"data_classes": ["a", "b"]}),
        ({"deployment_required": "on"}, {"deployment_required": True}),
        (
            {**HOURS, "hours": "on"},
            {"active_hours": boundaries.ActiveHours(**{"from": "08:00", "to": "18:00", "days": ["mon"]})},
        ),
        ({name: value for name, value in HOURS.items() if name != "hours"}, {"active_hours": None}),
    ],
)
def test_what_is_ticked_is_meant(typed: dict[str, Any], limits: dict[str, Any]) -> None:
    found = boundaries.read(filled_in(**typed).as_limits())
    assert {name: getattr(found, name) for name in limits} == limits


def test_an_unticked_box_disables() -> None:
    post = QueryDict("scope=every&class_scope=every")
    assert boundaries.read(Form.sent(post).as_limits()).enabled is False


BUDGETS = st.lists(
    st.builds(
        Budget.model_validate,
        st.fixed_dictionaries(
            {
                "argument": st.sampled_from(["amount", "count", "total sum"]),
                "most": st.decimals(0, 10**9, places=2),
                "per": st.integers(60, 90 * 86_400).map(lambda seconds: f"{seconds}s"),
            },
            optional={"action": st.sampled_from(["refund", "mcp:pay.now"])},
        ),
    ),
    max_size=4,
    unique_by=lambda budget: (budget.argument, budget.action, budget.per),
)


@searched(100)
@given(
    BUDGETS, st.sampled_from([None, ["7/minute"], ["60/minute", "500/hour", "2000000/day"]]), st.booleans()
)
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(
    budgets: list[Budget], rates: list[str] | None, hours: bool
) -> None:
    at_work = boundaries.ActiveHours(**{"from": "22:00", "to": "06:00", "days": ["sun"]}) if hours else None
    stated = boundaries.Boundaries(budgets=budgets, rates=rates, active_hours=at_work)
    agent = Agent(name="bot", boundaries=stated.as_json(), allowed_actions=["refund"])

    read = boundaries.read(Form.of(agent).as_limits())

    assert read.boundaries.as_json() == stated.as_json()
    assert boundaries.of(agent) == stated  # and what is stored can be read


@pytest.mark.parametrize(
    ("number", "words", "as_json"),
    [
        ("0", "0", 0),
        ("2000", "2,000", 2_000),
        ("2E+3", "2,000", 2_000),
        ("340.5", "340.50", 340.5),
        ("340.125", "340.125", 340.125),
        ("1234567.000001", "1,234,567.000001", 1234567.000001),
    ],
)
def test_an_amount_in_words_and_as_json(number: str, words: str, as_json: float) -> None:
    assert (amount(Decimal(number)), plain(Decimal(number))) == (words, as_json)


@pytest.mark.parametrize(
    ("per", "words"),
    [
        ("1h", "an hour"),
        ("1d", "a day"),
        ("7d", "a week"),
        ("2d", "2 days"),
        ("90m", "90m"),
        ("1234567s", "1234567s"),
    ],
)
def test_a_window_in_words(per: str, words: str) -> None:
    assert window(Budget(argument="amount", most=Decimal(1), per=per)) == words


# --- Over HTTP --------------------------------------------------------------------------------


def test_a_comma_for_cents_is_asked_about_and_makes_no_budget_a_hundred_times_larger(
    olga: Any, agent: Agent
) -> None:
    client = Client()
    client.force_login(olga)

    answer = client.post(
        "/governance/agents/support-bot/boundaries/", {**RIGHT, **A_BUDGET, "budget-0-most": "99,50"}
    )

    assert answer.status_code == 422
    assert A_NUMBER in answer.content.decode()
    assert 'value="99,50"' in answer.content.decode()
    agent.refresh_from_db()
    assert (agent.boundaries, Event.objects.filter(type="boundaries.changed").count()) == ({}, 0)


@pytest.mark.parametrize("per", ["1234567s", "100000500ms"])
def test_a_window_of_any_length_is_read_back_and_counts(
    olga: Any, agent: Agent, action_type: Any, api: Any, api_as: Any, per: str
) -> None:
    budget = {"argument": "amount", "most": 60, "per": per}
    body = {"enabled": True, "action_types": None, "budgets": [budget]}
    assert api_as(olga).put("agents/support-bot/boundaries/", body).json()["budgets"][0]["per"] == per

    first, second = api.submit(), api.submit()

    assert (first.status_code, second.status_code) == (201, 429)
    assert f"may sum up to 60 in {per}" in second.json()["detail"]
