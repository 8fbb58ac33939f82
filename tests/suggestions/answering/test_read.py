"""What one statement reads of a proposal is what its rows say, in whichever state it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from approvals.deciding import decide
from execution.models import Execution
from governance.trust import halts
from reviewapp.web.rendering import AnswerRenderer
from suggestions.answering.present import all_presented, presented
from suggestions.answering.read import standing
from suggestions.models import Proposal
from tests.conftest import actor_of, in_force, suggestion_body

pytestmark = pytest.mark.django_db

OPTIONS = [
    suggestion_body(arguments={"order_id": "#W1", "amount": 1e-7, "note": "1.0 \u202eé 😀"}, confidence=1.0),
    suggestion_body(rank=2, arguments={"order_id": "#W2", "amount": 50.0}, success_probability=None),
]


@pytest.fixture
def make(propose: Callable[..., Any], ana: Any, olga: Any) -> Callable[[str], Proposal]:
    def pending(**more: Any) -> Proposal:
        return propose(title="Two ways", suggestions=OPTIONS, **more)

    def approved(arguments: dict[str, Any] | None = None) -> Proposal:
        proposal = pending()
        Proposal.objects.filter(pk=proposal.pk).update(raised={"grace_seconds": 7_200})
        first = proposal.suggestions.get(rank=1)
        how = {"reviewer": ana, "actor": actor_of(ana), "shown_digest": first.action_digest}
        decide.approve(first, arguments=arguments, **how)
        return proposal

    def carried_out() -> Proposal:
        proposal = approved()
        Execution.objects.filter(proposal=proposal).update(status="succeeded", due_at=Now())
        return proposal

    def rejected() -> Proposal:
        proposal = pending()
        decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="No “kettle”.")
        return proposal

    def blocked() -> Proposal:
        in_force("version: 1\ndefaults: {verdict: block, team: operations}\nrules: []\n")
        return pending()

    def held(scope: str = "everything", **what: Any) -> Proposal:
        halts.throw(scope, reason="Look first.", actor=actor_of(olga), by=olga, **what)
        return approved()

    made = {
        "pending": pending,
        "for two teams": lambda: pending_for_two(pending()),
        "approved": approved,
        "edited": lambda: approved({"order_id": "#W3", "amount": 49.5}),
        "carried out": carried_out,
        "rejected": rejected,
        "blocked": blocked,
        "held": held,
        "held by its action": lambda: held("action", action="refund_payment"),
    }
    return lambda which: made[which]()


def pending_for_two(proposal: Proposal) -> Proposal:
    Proposal.objects.filter(pk=proposal.pk).update(also_teams=["billing", "support"])
    return proposal


STATES = [
    "pending",
    "for two teams",
    "approved",
    "edited",
    "carried out",
    "rejected",
    "blocked",
    "held",
    "held by its action",
]


@pytest.mark.parametrize("state", STATES)
def test_one_statement_reads_what_the_rows_say(make: Callable[[str], Proposal], state: str) -> None:
    made = Proposal.objects.select_related("agent").get(pk=make(state).pk)
    now = timezone.now()
    from_rows = presented(made, made.suggestions.select_related("action_type"), now=now)

    [read] = standing(Proposal.objects.filter(pk=made.pk))
    [answer] = all_presented([read._replace(now=now)])

    assert answer == from_rows
    assert AnswerRenderer().render(answer) == AnswerRenderer().render(from_rows)
    assert answer.held is state.startswith("held")
    assert (answer.undo_until is not None) is state.startswith(("approved", "edited", "held"))


def test_they_come_newest_first_and_no_others(propose: Callable[..., Any]) -> None:
    made = [propose().pk for _ in range(4)]

    assert [one.pk for one in standing(Proposal.objects.filter(pk__in=made[:3]))] == made[2::-1]
    assert standing(Proposal.objects.none()) == []


def test_its_time_is_that_of_the_database(proposal: Proposal) -> None:
    [read] = standing(Proposal.objects.all())
    assert read.now >= proposal.created_at
