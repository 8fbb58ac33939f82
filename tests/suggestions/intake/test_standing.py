"""What a standing approval lets pass, and what it never does."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.models import Agent, Autonomy, Deployment, StandingApproval, Team
from governance.trust import autonomy, halts, standing
from governance.trust.standing import Bound, Scope
from suggestions.explaining.explain import explain_recorded
from suggestions.models import Proposal
from tests.conftest import DEPLOYED, REFUND, actor_of, in_force, proposal_body, suggestion_body
from tests.searching import searched

Propose = Callable[..., Any]
SMALL = {"order_id": Bound(prefix="#W"), "amount": Bound(at_most=60)}


@pytest.fixture
def approve_the_like(agent: Any, ana: Any, ben: Any) -> Callable[..., StandingApproval]:
    """`approve_the_like(uses=…, **scope)`: drafted by ana, activated by ben."""

    def make(
        uses: int = 20, lasts: timedelta = timedelta(days=7), team: str = "operations", **scope: Any
    ) -> Any:
        said = {"action": "refund_payment", "version": 1, "subject": None, "arguments": SMALL, **scope}
        drafted = standing.draft(
            Scope(agent, **said),
            team=Team.objects.get(slug=team),
            proposal=uuid.uuid4(),
            by=ana,
            actor=actor_of(ana),
            uses=uses,
            lasts=lasts,
        )
        return standing.activate(drafted.pk, by=ben, actor=actor_of(ben))

    return make


@pytest.fixture
def ask(propose: Propose) -> Callable[..., Proposal]:
    """From the agent's deployment."""
    return lambda **changes: propose(**{"provenance": DEPLOYED, **changes})


def test_what_it_covers_passes_and_says_by_whose_leave(trusted: Any, approve_the_like: Any, ask: Any) -> None:
    approval = approve_the_like()

    proposal = ask()

    assert (proposal.status, proposal.resolution.by) == ("approved", "policy")
    assert proposal.resolution.reason == "Passed by the standing approval of Ana and Ben"
    assert proposal.verdict["known"]["standing_approval"] == str(approval.pk)
    used = Event.objects.get(type="standing_approval.used")
    assert (used.proposal_id, json.loads(used.body)["data"]["left"]) == (proposal.pk, 19)
    approval.refresh_from_db()
    assert (approval.uses, approval.status) == (1, "active")


@pytest.mark.parametrize(
    "changes",
    [
        {"suggestions": [suggestion_body(arguments={"order_id": "#W1", "amount": 60.01})]},
        {"suggestions": [suggestion_body(arguments={"order_id": "#W1", "amount": 5, "note": "x"})]},
        {
            "suggestions": [
                suggestion_body(),
                suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 61}),
            ]
        },
        {"provenance": {}},
        {"provenance": {"deployment": "support-bot@2"}},
    ],
)
def test_what_it_does_not_cover_is_reviewed(
    trusted: Any, approve_the_like: Any, ask: Any, changes: Any
) -> None:
    approval = approve_the_like()
    assert ask(**changes).status == "pending"
    approval.refresh_from_db()
    assert approval.uses == 0


def test_suggestions_that_it_covers_all_pass_the_first(trusted: Any, approve_the_like: Any, ask: Any) -> None:
    approval = approve_the_like()
    other = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 1})
    assert ask(suggestions=[suggestion_body(), other]).resolution.arguments["amount"] == 54.04
    approval.refresh_from_db()
    assert approval.uses == 1


@pytest.mark.parametrize(
    ("then", "status"),
    [
        ("{verdict: review}", "pending"),
        ("{verdict: block}", "blocked"),
        ("{approvals: 3}", "pending"),
        ("{team: finance}", "pending"),
        ("{approvals: 2}", "approved"),
        ("{team: operations, priority: 90}", "approved"),
    ],
)
def test_what_a_rule_asks_for_wins_over_it(
    trusted: Any, approve_the_like: Any, ask: Any, then: str, status: str
) -> None:
    approve_the_like()
    in_force(f"version: 1\nrules:\n  - {{name: said, when: 'args.amount > 1.0', then: {then}}}\n")
    assert ask().status == status


def test_a_rule_that_fails_wins_over_it(trusted: Any, approve_the_like: Any, ask: Any) -> None:
    approve_the_like()
    in_force("version: 1\nrules:\n  - {name: broken, when: 'args.nowhere > 1.0', then: {priority: 1}}\n")
    assert ask().status == "pending"


def test_a_default_of_block_is_no_review_that_it_could_replace(
    trusted: Any, approve_the_like: Any, ask: Any
) -> None:
    approve_the_like()
    in_force("version: 1\ndefaults: {verdict: block}")
    assert ask().status == "blocked"


@pytest.mark.parametrize("stage", [1, 2])
def test_below_stage_three_it_does_not_count_and_the_proposal_says_so(
    trusted: Any, approve_the_like: Any, ask: Any, stage: int
) -> None:
    approval = approve_the_like()
    Autonomy.objects.update(stage=stage)
    proposal = ask()
    assert proposal.status == "pending"
    assert proposal.verdict["notes"] == [
        "A standing approval would let this pass. "
        f"The agent has not earned to let refund_payment pass: it is at stage {stage}."
    ]
    approval.refresh_from_db()
    assert approval.uses == 0


def test_a_kill_switch_holds_it(trusted: Any, approve_the_like: Any, ask: Any, olga: Any) -> None:
    approve_the_like()
    halts.throw("everything", reason="look", by=olga, actor=actor_of(olga))
    assert ask().status == "pending"


def test_it_names_what_may_pass(trusted: Any, approve_the_like: Any, ask: Any, action_type: Any) -> None:
    from governance.actions.action_types import register

    assert ask().status == "pending"
    register({**REFUND, "reversibility": "irreversible"}, actor=SYSTEM)
    approve_the_like(version=2)
    assert ask().status == "approved"


def test_it_ends_with_a_demotion_and_a_new_stage_brings_nothing_back(
    trusted: Any, approve_the_like: Any, ask: Any, olga: Any, ben: Any
) -> None:
    approval = approve_the_like()
    autonomy.lower_stage(trusted, "refund_payment", 2, actor=actor_of(olga), reason="failures")
    Autonomy.objects.update(stage=4)  # as a promotion would

    assert ask().status == "pending"

    approval.refresh_from_db()
    assert approval.status == "ended"


# --- Exactly so often


def test_the_last_use_is_the_last(trusted: Any, approve_the_like: Any, ask: Any) -> None:
    approval = approve_the_like(uses=2)
    assert [ask().status for _ in range(3)] == ["approved", "approved", "pending"]
    approval.refresh_from_db()
    assert approval.status == "used_up"


def test_a_replay_uses_nothing(trusted: Any, approve_the_like: Any, api: Any, action_type: Any) -> None:
    approval = approve_the_like()
    body = proposal_body(provenance=DEPLOYED)
    first, again = (api.submit(body, key="one") for _ in range(2))
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    approval.refresh_from_db()
    assert approval.uses == 1


def test_a_batch_that_fails_uses_nothing(
    trusted: Any, approve_the_like: Any, api: Any, ask: Any, ana: Any
) -> None:
    from approvals.deciding import decide

    rejected = [suggestion_body(arguments={"order_id": "#W1", "amount": 99})]
    decide.reject(ask(suggestions=rejected).pk, reviewer=ana, actor=actor_of(ana), reason="no")
    approval = approve_the_like()
    items = [proposal_body(provenance=DEPLOYED), proposal_body(provenance=DEPLOYED, suggestions=rejected)]
    keyed = [{**item, "idempotency_key": str(n)} for n, item in enumerate(items)]

    assert api.post("proposals/batch/", {"proposals": keyed}).status_code == 422
    approval.refresh_from_db()
    assert approval.uses == 0

    assert api.post("proposals/batch/?atomic=false", {"proposals": keyed}).status_code == 200
    approval.refresh_from_db()
    assert approval.uses == 1


def test_a_batch_takes_what_is_left_and_the_rest_is_reviewed(
    trusted: Any, approve_the_like: Any, api: Any, action_type: Any
) -> None:
    approve_the_like(uses=3)
    keyed = [{**proposal_body(provenance=DEPLOYED), "idempotency_key": str(n)} for n in range(5)]
    answer = api.post("proposals/batch/", {"proposals": keyed}).json()
    statuses = sorted(result["proposal"]["status"] for result in answer["results"])
    assert statuses == ["approved"] * 3 + ["pending"] * 2


@pytest.mark.django_db(transaction=True)
def test_of_thirty_two_at_once_as_many_pass_as_it_allows(
    trusted: Any, approve_the_like: Any, ask: Any
) -> None:
    approval = approve_the_like(uses=7)
    ready = threading.Barrier(32)
    statuses: list[str] = []

    def hand_in() -> None:
        ready.wait()
        statuses.append(ask().status)
        connection.close()

    threads = [threading.Thread(target=hand_in) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == ["approved"] * 7 + ["pending"] * 25
    approval.refresh_from_db()
    assert (approval.uses, approval.status) == (7, "used_up")
    assert Event.objects.filter(type="standing_approval.used").count() == 7


# --- Never afterwards


@contextmanager
def taken_back() -> Iterator[None]:
    savepoint = transaction.savepoint()
    yield
    transaction.savepoint_rollback(savepoint)


ENDS = {
    "revoked": lambda one, ana: standing.revoke(one.pk, by=ana, actor=actor_of(ana)),
    "expired": lambda one, _: StandingApproval.objects.filter(pk=one.pk).update(expires_at=Now()),
    "swept": lambda one, _: (ENDS["expired"](one, _), standing.expire()),
    "used up": lambda one, _: StandingApproval.objects.filter(pk=one.pk).update(
        uses=F("uses_allowed"), status="used_up"
    ),
    "demoted": lambda one, _: standing.end_all_of(one.agent, actor=SYSTEM, reason="demoted"),
}
AMOUNTS = st.one_of(st.integers(1, 120), st.floats(0.01, 120))


@searched(40)
@given(ends=st.lists(st.sampled_from([*ENDS, ""]), min_size=1, max_size=4), amount=AMOUNTS)
def test_what_has_ended_never_counts(
    ends: list[str], amount: float, trusted: Any, approve_the_like: Any, ask: Any, ana: Any
) -> None:
    """Of any number of approvals, ended in any way, exactly those that still stand let anything pass."""
    with taken_back():
        approvals = [approve_the_like() for _ in ends]
        for end, one in zip(ends, approvals, strict=True):
            if end == "demoted":
                StandingApproval.objects.filter(pk=one.pk).update(status="ended")
            elif end:
                ENDS[end](one, ana)
        options = [suggestion_body(arguments={"order_id": "#W1", "amount": amount})]
        stands = [one.pk for end, one in zip(ends, approvals, strict=True) if not end]

        passed = ask(suggestions=options).status == "approved"

        assert passed == (bool(stands) and amount <= 60)
        counted = set(StandingApproval.objects.filter(uses=1).values_list("pk", flat=True))
        assert counted <= set(stands)
        assert len(counted) == int(passed)


def test_an_ended_one_cannot_be_taken_by_who_saw_it_before(
    trusted: Any, approve_the_like: Any, action_type: Any, ana: Any
) -> None:
    """Between looking and storing it was revoked: the proposal is reviewed."""
    from audit.asking.bodies import check
    from governance.door.authentication import caller_of
    from suggestions.intake.bodies import ProposalBody
    from suggestions.intake.prepare import prepare
    from suggestions.intake.submit import submit

    approval = approve_the_like()
    body = check(ProposalBody, proposal_body(provenance=DEPLOYED))
    prepared = prepare(caller_of(trusted), body, key="one", body_digest="")
    standing.revoke(approval.pk, by=ana, actor=actor_of(ana))

    [submitted] = submit(trusted, [prepared])

    proposal = Proposal.objects.get(pk=submitted.proposal.pk)
    assert proposal.status == "pending"
    assert "has ended or was used up" in proposal.verdict["notes"][0]


def test_another_agent_gains_nothing_by_it(
    trusted: Any, approve_the_like: Any, ask: Any, olga: Any, ana: Any
) -> None:
    approve_the_like()
    other = Agent.objects.create(name="other-bot", owner=olga)
    Autonomy.objects.create(agent=other, action="refund_payment", stage=4)
    Deployment.objects.create(
        agent=other,
        label=DEPLOYED["deployment"],
        status="active",
        model="m",
        registered_by=olga,
        approved_by=ana,
    )
    assert ask(by=other).status == "pending"


def test_the_explanation_says_what_took_the_place_of_a_review(
    trusted: Any, approve_the_like: Any, ask: Any
) -> None:
    approve_the_like()
    told = explain_recorded(ask(), None).verdict
    assert (told.verdict, told.notes) == (
        "review",
        [
            "The policy asks for review. Passed by the standing approval of Ana and Ben, "
            "which takes its place."
        ],
    )
