"""Budgets: never exceeded and never needlessly refused, whoever asks at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from approvals.deciding import decide, edits
from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.agents import boundaries
from governance.agents.boundaries import Budget
from governance.models import Agent
from suggestions.allowance.budgets import used
from suggestions.models import Correction, Proposal, Settled, Subtotal
from suggestions.past import rollups
from suggestions.past.locks import one_at_a_time
from tests import conftest
from tests.conftest import REFUND, ApiClient, actor_of, proposal_body, suggestion_body
from tests.queries import spent
from tests.searching import searched


def budget(agent: Agent, *stated: dict[str, Any], **one: Any) -> None:
    agent.boundaries = {"budgets": list(stated) or [{"argument": "amount", **one}]}
    agent.save(update_fields=["boundaries"])


def body(*amounts: float, action: str = "refund_payment", **changes: Any) -> dict[str, Any]:
    suggestions = [
        suggestion_body(rank=rank, action=action, arguments={"order_id": "#W1", "amount": amount})
        for rank, amount in enumerate(amounts, start=1)
    ]
    return proposal_body(suggestions=suggestions, **changes)


def left(api: ApiClient) -> list[float]:
    return [use["left"] for use in api.get("boundaries/").json()["budgets"]]


@pytest.fixture
def voucher(db: None) -> Any:
    return register({**REFUND, "name": "send_voucher"}, actor=SYSTEM)[0]


def test_a_spent_budget_says_what_is_left_and_when_there_is_more(
    api: Any, agent: Agent, action_type: Any
) -> None:
    budget(agent, action="refund_payment", most=100, per="1d")
    assert api.submit(body(60)).status_code == 201
    Proposal.objects.update(created_at=Now() - timedelta(hours=20))

    refused = api.submit(body(60.5))

    problem = refused.json()
    assert (refused.status_code, problem["boundary"]) == (429, "budget")
    assert problem["type"] == "urn:reviewapp:problem:budget-spent"
    assert (problem["most"], problem["used"], problem["left"], problem["asked"]) == (100, 60, 40, 60.5)
    assert "100 in a day; 40 is left, and this asks for 60.50" in problem["detail"]
    assert int(refused["Retry-After"]) == pytest.approx(4 * 3600, abs=5)
    assert api.submit(body(40)).status_code == 201
    assert left(api) == [0]


def test_what_never_fits_is_not_told_to_wait(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=100)
    refused = api.submit(body(100.01))
    assert (refused.status_code, refused.json()["boundary"], "Retry-After" in refused) == (
        403,
        "budget",
        False,
    )


def test_what_left_the_window_counts_no_more(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=100, per="1h")
    assert api.submit(body(100)).status_code == 201
    Proposal.objects.update(created_at=Now() - timedelta(minutes=61))
    assert api.submit(body(100)).status_code == 201


def test_an_open_proposal_counts_with_the_greatest_of_its_suggestions(
    api: Any, agent: Agent, action_type: Any
) -> None:
    budget(agent, most=100)
    assert api.submit(body(10, 70, 30)).status_code == 201
    assert left(api) == [30]


def test_what_was_approved_counts_as_it_was_approved(
    api: Any, agent: Agent, action_type: Any, propose: Any, ana: Any
) -> None:
    budget(agent, most=100)
    proposal = propose(**body(10, 70))
    first = proposal.suggestions.get(rank=1)
    decide.approve(
        first,
        reviewer=ana,
        actor=actor_of(ana),
        shown_digest=first.action_digest,
        arguments={"order_id": "#W1", "amount": 25},
    )
    assert left(api) == [75]


@pytest.mark.parametrize("status", ["rejected", "returned", "expired", "withdrawn", "blocked"])
def test_what_can_no_longer_happen_gives_its_amount_back(
    api: Any, agent: Agent, action_type: Any, propose: Any, status: str
) -> None:
    budget(agent, most=100)
    propose(**body(80))
    assert left(api) == [20]
    Proposal.objects.update(status=status)
    assert left(api) == [100]


def test_a_budget_over_all_actions_and_one_over_a_single_action_hold_together(
    api: Any, agent: Agent, action_type: Any, voucher: Any
) -> None:
    budget(
        agent,
        {"argument": "amount", "action": "send_voucher", "most": 30},
        {"argument": "amount", "most": 100},
    )
    assert api.submit(body(80)).status_code == 201
    assert api.submit(body(31, action="send_voucher")).status_code == 403
    assert api.submit(body(21, action="send_voucher")).status_code == 429
    assert api.submit(body(20, action="send_voucher")).status_code == 201
    assert left(api) == [10, 0]


def test_sums_are_exact(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=0.3)
    assert [api.submit(body(0.1)).status_code for _ in range(4)] == [201, 201, 201, 429]


def test_an_amount_below_nothing_makes_no_room(api: Any, agent: Agent) -> None:
    register({**REFUND, "schema": {"type": "object"}, "template": ""}, actor=SYSTEM)
    budget(agent, most=100)
    assert api.submit(body(-1_000)).status_code == 201
    assert left(api) == [100]


@pytest.mark.parametrize("amount", ["60", None, True, [60], {"value": 60}])
def test_an_amount_that_is_no_number_gets_past_no_budget(
    api: Any, agent: Agent, amount: Any, db: None
) -> None:
    register({**REFUND, "schema": {"type": "object"}, "template": ""}, actor=SYSTEM)
    budget(agent, most=100)
    refused = api.submit(body(amount))
    assert (refused.status_code, refused.json()["boundary"]) == (403, "budget")
    assert "amount has to be a number" in refused.json()["detail"]


def test_a_proposal_that_comes_again_costs_nothing(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=60)
    first = api.submit(body(60), key="once")
    again = api.submit(body(60), key="once")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert api.submit(body(60), key="twice").status_code == 429


def test_in_a_batch_the_earlier_items_count(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=100)
    items = [{**body(40), "idempotency_key": str(n)} for n in range(4)]

    whole = api.post("proposals/batch/", {"proposals": items})
    assert (whole.status_code, whole.json()["pointer"]) == (429, "/proposals/2")
    assert not Proposal.objects.exists()

    single = api.post("proposals/batch/?atomic=false", {"proposals": items})
    results = single.json()["results"]
    assert [result["accepted"] for result in results] == [True, True, False, False]
    assert results[2]["boundary"] == "budget"
    assert left(api) == [20]


def test_an_edit_that_breaks_the_budget_is_refused(
    agent: Agent, action_type: Any, propose: Any, ana: Any
) -> None:
    budget(agent, most=100)
    propose(**body(50))
    proposal = propose(**body(30))
    suggestion = proposal.suggestions.get()

    def approve(amount: float) -> Any:
        return decide.approve(
            suggestion,
            reviewer=ana,
            actor=actor_of(ana),
            shown_digest=suggestion.action_digest,
            arguments={"order_id": "#W1", "amount": amount},
        )

    with pytest.raises(edits.EditOutOfBounds, match=r"50 is left, and this asks for 50\.01") as refused:
        approve(50.01)
    assert refused.value.facts["boundary"] == "budget"
    assert approve(50).resolution.status == "approved"


def test_an_edit_that_touches_other_data_is_refused(
    agent: Agent, propose: Any, action_type: Any, ana: Any
) -> None:
    properties = {**REFUND["schema"]["properties"], "note": {"type": "string", "x-data-class": "health"}}
    register({**REFUND, "schema": {**REFUND["schema"], "properties": properties}}, actor=SYSTEM)
    agent.boundaries = {"data_classes": ["personal"]}
    agent.save()
    suggestion = propose(**body(50)).suggestions.get()

    with pytest.raises(edits.EditOutOfBounds, match="health") as refused:
        decide.approve(
            suggestion,
            reviewer=ana,
            actor=actor_of(ana),
            shown_digest=suggestion.action_digest,
            arguments={"order_id": "#W1", "amount": 50, "note": "Get well soon."},
        )
    assert refused.value.facts["boundary"] == "data_classes"


@pytest.mark.parametrize("first_of_two", [True, False])
def test_of_two_budgets_the_first_that_refuses_is_told(
    api: Any, agent: Agent, action_type: Any, first_of_two: bool
) -> None:
    small, spent_already = {"per": "1h", "most": 50}, {"per": "1d", "most": 60}
    several = [small, spent_already] if first_of_two else [spent_already, small]
    budget(agent, *({"argument": "amount", **one} for one in several))
    assert api.submit(body(50)).status_code == 201
    refused = api.submit(body(55))
    assert (refused.status_code, refused.json()["most"]) == ((403, 50) if first_of_two else (429, 60))


def test_what_is_new_to_a_lowered_budget_is_refused_and_what_comes_again_is_not(
    api: Any, agent: Agent, action_type: Any
) -> None:
    first = api.submit(body(60), key="once")
    budget(agent, most=50)
    assert api.submit(body(60), key="once").content == first.content
    assert api.submit(body(60), key="another").status_code == 403
    assert api.submit(body(61), key="once").json()["type"] == "urn:reviewapp:problem:key-reused"


def test_a_spent_budget_is_told_before_what_was_rejected(
    api: Any, agent: Agent, action_type: Any, propose: Any, ana: Any
) -> None:
    decide.reject(propose(**body(30)).pk, reviewer=ana, actor=actor_of(ana), reason="no")
    budget(agent, most=50)
    assert api.submit(body(30)).status_code == 409
    propose(**body(40))
    assert api.submit(body(30)).status_code == 429


def test_what_the_policy_blocks_has_to_fit_and_uses_nothing(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=100)
    assert api.submit(body(40)).status_code == 201
    conftest.in_force(
        "version: 1\nrules:\n  - {name: all, when: args.amount > 0.0, then: {verdict: block}}\n"
    )
    answers = [api.submit(body(amount)) for amount in (60, 60, 61)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[0].json()["status"] == "blocked"
    assert left(api) == [60]


@pytest.mark.parametrize("verdict", ["review", "block"])
def test_a_budget_costs_a_submission_one_statement_and_no_transaction(
    api: Any, agent: Agent, action_type: Any, verdict: str
) -> None:
    conftest.in_force(
        f"version: 1\nrules:\n  - {{name: all, when: args.amount > 0.0, then: {{verdict: {verdict}}}}}\n"
    )

    def submission() -> tuple[int, int]:
        with spent() as found:
            assert api.submit(body(1)).status_code == 201
        return len(found.statements), found.commits

    submission()  # what a process keeps ready is asked for once
    statements, commits = submission()
    budget(agent, {"argument": "amount", "most": 100}, {"argument": "amount", "most": 100, "per": "1h"})
    submission()  # which finds that the agent stands otherwise
    assert submission() == (statements + 1, commits)


AGES = {"now": 0, "2 minutes": 120, "58 minutes": 3_480, "62 minutes": 3_720, "5 hours": 18_000}
ACTIONS = ("refund_payment", "send_voucher")
STATUSES = st.sampled_from(["pending", "approved"]) | st.sampled_from(Proposal.Status.values)
AMOUNTS = st.dictionaries(st.sampled_from(ACTIONS), st.integers(1, 40), min_size=1)


@searched(40)
@given(
    past=st.lists(st.tuples(st.sampled_from(sorted(AGES)), STATUSES, AMOUNTS), min_size=1, max_size=5),
    asked=AMOUNTS,
    action=st.sampled_from([None, *ACTIONS]),
    per=st.sampled_from(["1h", "3h", "1d"]),
    added_up=st.booleans(),
)
def test_a_budget_counts_what_the_proposals_of_its_window_ask_for(
    api: Any,
    agent: Agent,
    voucher: Any,
    action_type: Any,
    propose: Any,
    past: list[tuple[str, str, dict[str, int]]],
    asked: dict[str, int],
    action: str | None,
    per: str,
    added_up: bool,
) -> None:
    def suggestions(amounts: dict[str, int]) -> list[dict[str, Any]]:
        return [
            suggestion_body(rank=rank, action=name, arguments={"order_id": "#W1", "amount": amount})
            for rank, (name, amount) in enumerate(amounts.items(), start=1)
        ]

    def counted(amounts: dict[str, int]) -> int:
        return max([amount for name, amount in amounts.items() if action in (None, name)], default=0)

    Proposal.objects.update(status="withdrawn")
    for kept in (Settled, Subtotal, Correction):
        kept.objects.all().delete()
    budget(agent, most=10_000)
    for age, status, amounts in past:
        made = Proposal.objects.filter(pk=propose(suggestions=suggestions(amounts)).pk)
        made.update(created_at=Now() - timedelta(seconds=AGES[age]), status=status)
    if added_up:
        rollups.settle()
    window = {"1h": 3_600, "3h": 10_800, "1d": 86_400}[per]
    before = sum(
        counted(amounts)
        for age, status, amounts in past
        if AGES[age] < window and status in ("pending", "approved")
    )
    wanted = before + counted(asked)

    def submit(most: int) -> int:
        budget(agent, action=action, most=most, per=per)
        assert left(api) == [max(0, most - before)]
        return int(api.submit(proposal_body(suggestions=suggestions(asked))).status_code)

    if counted(asked):
        assert submit(wanted - 1) == (429 if before else 403)
    assert submit(wanted) == 201
    assert left(api) == [0]


# --- All at once -----------------------------------------------------------------------------


def all_at_once(asks: list[Any]) -> list[Any]:
    start = threading.Barrier(len(asks))

    def one(ask: Any) -> Any:
        start.wait()
        try:
            return ask()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(one, asks))


@pytest.mark.django_db(transaction=True)
def test_of_32_at_once_exactly_as_many_get_in_as_the_budget_allows(
    api: Any, agent: Agent, action_type: Any
) -> None:
    budget(agent, most=1_000)
    answers = all_at_once([lambda: api.submit(body(54.04)) for _ in range(32)])
    assert sorted(answer.status_code for answer in answers) == [201] * 18 + [429] * 14
    assert used(agent, boundaries.of(agent).budgets[0]) == Decimal("972.72")


@pytest.mark.django_db(transaction=True)
def test_a_turn_that_does_not_come_stores_nothing(api: Any, agent: Agent, action_type: Any) -> None:
    budget(agent, most=60)

    def submit() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        return api.submit(body(60))

    with one_at_a_time(agent.pk, []) as turn:
        turn.take()
        [answer] = all_at_once([submit])

    assert (answer.status_code, Proposal.objects.count()) == (503, 0)
    assert api.submit(body(60)).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_twins_at_once_none_is_refused_for_what_the_other_took(
    api: Any, agent: Agent, action_type: Any
) -> None:
    budget(agent, most=60)
    answers = all_at_once([lambda: api.submit(body(60), key="twin") for _ in range(12)])
    assert [answer.status_code for answer in answers] == [201] * 12
    assert Proposal.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_batches_and_single_ones_at_once_share_a_budget_to_the_cent(
    api: Any, agent: Agent, action_type: Any
) -> None:
    budget(agent, most=500)

    def batch(n: int) -> Any:
        items = [{**body(10), "idempotency_key": f"{n}-{i}"} for i in range(7)]
        answer = api.post("proposals/batch/?atomic=false", {"proposals": items})
        return [result["accepted"] for result in answer.json()["results"]].count(True)

    def single() -> Any:
        return int(api.submit(body(10)).status_code == 201)

    asks = [lambda n=n: batch(n) for n in range(8)] + [single] * 24
    taken = all_at_once(asks)

    assert sum(taken) == 50
    assert Proposal.objects.count() == 50


@pytest.mark.django_db(transaction=True)
def test_edits_and_submissions_at_once_stay_within_the_budget(
    api: Any, agent: Agent, action_type: Any, propose: Any, ana: Any
) -> None:
    budget(agent, most=100)
    opened = [propose(**body(10)) for _ in range(4)]

    def edit(proposal: Proposal) -> Any:
        suggestion = proposal.suggestions.get()
        try:
            decide.approve(
                suggestion,
                reviewer=ana,
                actor=actor_of(ana),
                shown_digest=suggestion.action_digest,
                arguments={"order_id": "#W1", "amount": 30},
            )
        except edits.EditOutOfBounds:
            return 0
        return 20

    asks = [lambda p=p: edit(p) for p in opened]
    asks += [lambda: 20 * (api.submit(body(20)).status_code == 201)] * 12
    grown = all_at_once(asks)

    assert sum(grown) == 60
    assert used(agent, Budget(argument="amount", most=Decimal(100))) == 100


@searched(25)
@given(
    most=st.integers(0, 60),
    amounts=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=3), max_size=8),
)
def test_a_budget_is_neither_exceeded_nor_kept_back(
    api: Any, agent: Agent, action_type: Any, most: int, amounts: list[list[int]]
) -> None:
    """One after the other: whatever fits gets in, whatever does not is refused."""
    Proposal.objects.update(status="withdrawn")
    budget(agent, most=most)
    spent = 0
    for several in amounts:
        fits = spent + max(several) <= most
        assert api.submit(body(*several)).status_code == (
            201 if fits else 403 if max(several) > most else 429
        )
        spent += max(several) * fits
    assert left(api) == [most - spent]
