"""Every list of this floor asks as much of the database for twelve rows as for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from approvals.deciding import decide
from governance.models import Agent, PolicyVersion
from suggestions.models import Backtest, BacktestChunk, Disagreement, Proposal, ShadowDifference
from suggestions.trying.rejudge import Chosen
from suggestions.trying.tally import Tally, result
from tests.conftest import ApiClient, actor_of, suggestion_body
from tests.governance.test_lists import looking, person
from tests.queries import last_of_twelve

CHOSEN = Chosen().as_json()
ASKED = {
    "verdict": "review",
    "wished": "review",
    "approvals": 1,
    "teams": ["operations"],
    "decide_within_seconds": 60,
    "grace_seconds": 0,
    "priority": 50,
    "sample": 0.0,
    "ask_again_after_seconds": None,
}


@dataclass
class Scene:
    """Who looks, and the rows that there are of everything."""

    ana: Any
    agent: Agent
    propose: Callable[..., Any]
    policy: PolicyVersion
    backtest: Backtest

    def pending(self, n: int) -> Proposal:
        arguments = {"order_id": f"#W{n}", "amount": n + 1}
        made: Proposal = self.propose(
            title=f"Refund number {n}",
            subject={"type": "customer", "id": f"customer-{n}"},
            suggestions=[suggestion_body(arguments=arguments), suggestion_body(rank=2)],
        )
        return made

    def approved(self, n: int) -> Proposal:
        made = self.pending(n)
        Proposal.objects.filter(pk=made.pk).update(raised={"grace_seconds": 7_200})
        first = made.suggestions.get(rank=1)
        decide.approve(first, reviewer=self.ana, actor=actor_of(self.ana), shown_digest=first.action_digest)
        return made

    def rejected(self, n: int) -> Proposal:
        made = self.pending(n)
        decide.reject(made.pk, reviewer=self.ana, actor=actor_of(self.ana), reason=f"no {n}")
        return made

    def backtests_done(self, n: int) -> None:
        Backtest.objects.create(
            policy=self._another_policy(n),
            chosen=CHOSEN | {"agent": f"bot-{n}"},
            asked_by=person(f"asks-{n}"),
            status="done",
            total=0,
            result=result(Tally()),
        )

    def backtests_done_of_the_policy(self, n: int) -> None:
        Backtest.objects.create(
            policy=self.policy,
            chosen=CHOSEN | {"agent": f"bot-{n}"},
            asked_by=person(f"asks-{n}"),
            status="done",
            total=0,
            result=result(Tally()),
        )

    def backtests_under_way(self, n: int) -> None:
        found = Backtest.objects.create(
            policy=self._another_policy(n),
            chosen=CHOSEN | {"agent": f"bot-{n}"},
            asked_by=person(f"asks-{n}"),
            status="running",
            total=30,
        )
        for number, tally in enumerate([[], None]):
            BacktestChunk.objects.create(
                backtest=found,
                number=number,
                newest=self.backtest.pk,
                oldest=self.backtest.pk,
                size=n + 1,
                tally=tally,
            )

    def disagreements(self, n: int) -> None:
        Disagreement.objects.create(
            backtest=self.backtest,
            proposal=self.rejected(n),
            kind=Disagreement.Kind.PASSED_REJECTED,
            action="refund_payment",
            verdict="auto_approve",
            answer="rejected",
            rules=[f"rule-{n}"],
        )

    def differences(self, n: int) -> None:
        proposal = self.rejected(n)
        Proposal.objects.filter(pk=proposal.pk).update(shadow=self.policy)
        ShadowDifference.objects.create(
            proposal=proposal,
            policy=self.policy,
            kind=ShadowDifference.Kind.OBLIGATIONS,
            differs=["approvals"],
            was={**ASKED, "rules": []},
            would={**ASKED, "approvals": 2, "rules": [f"rule-{n}"]},
        )

    @staticmethod
    def _another_policy(n: int) -> PolicyVersion:
        return PolicyVersion.objects.create(digest=f"sha256:{n:064x}", text="version: 1")


@pytest.fixture
def scene(ana: Any, agent: Agent, propose: Callable[..., Any]) -> Scene:
    policy = PolicyVersion.objects.create(digest=f"sha256:{'a' * 64}", text="version: 1", status="approved")
    tally = Tally()
    tally.add([["kind", "passed_rejected", 12]])
    backtest = Backtest.objects.create(
        policy=policy, chosen=CHOSEN, status="done", total=12, result=result(tally)
    )
    return Scene(ana, agent, propose, policy, backtest)


LISTS: list[tuple[str, Callable[[Scene, int], Any], str]] = [
    # address, what there is more of, what the twelfth of them is known by
    ("/api/v1/proposals/", Scene.pending, "Refund number 11"),
    ("/api/v1/proposals/", Scene.approved, "Refund number 11"),
    ("/api/v1/proposals/?status=rejected", Scene.rejected, "no 11"),
    ("/governance/backtests/", Scene.backtests_done, "Asks-11"),
    ("/governance/backtests/", Scene.backtests_under_way, "Asks-11"),
    ("/governance/backtests/compare/", Scene.backtests_done, "of bot-11"),
    ("/governance/backtests/{backtest}/", Scene.backtests_done, "of bot-11"),
    ("/governance/backtests/{backtest}/", Scene.disagreements, "rule-11"),
    ("/governance/policies/{policy}/backtests/", Scene.backtests_done_of_the_policy, "bot-11"),
    ("/governance/policies/{policy}/differences/", Scene.differences, "rule-11"),
    ("/api/v1/policies/{policy}/differences/", Scene.differences, "rule-11"),
    ("/api/v1/policies/{policy}/backtests/", Scene.backtests_done_of_the_policy, "bot-11"),
    ("/api/v1/backtests/{backtest}/disagreements/", Scene.disagreements, "rule-11"),
]


@pytest.mark.parametrize(("address", "more", "last"), LISTS, ids=[f"{a} {m.__name__}" for a, m, _ in LISTS])
def test_a_list_of_twelve_asks_as_often_as_one_of_one(
    scene: Scene, address: str, more: Callable[[Scene, int], Any], last: str
) -> None:
    path = address.format(policy=scene.policy.pk, backtest=scene.backtest.pk)
    get = looking(scene.ana, path)
    answer = last_of_twelve(get, lambda n: more(scene, n))
    assert last in answer.content.decode()


def test_an_agents_own_list_of_approvals_asks_as_often_for_twelve_as_for_one(
    scene: Scene, agent_key: str
) -> None:
    api = ApiClient(agent_key)
    answer = last_of_twelve(lambda: api.get("proposals/"), scene.approved)
    assert [p["undo_until"] is not None for p in answer.json()["proposals"]] == [True] * 12
