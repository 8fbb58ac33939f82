"""Every list of this floor asks as much of the database for twelve rows as for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from execution.models import Attempt, Execution, Step
from governance.models import Agent, Halt
from tests.governance.test_lists import looking, person
from tests.queries import last_of_twelve


class Scene:
    """Who looks, and the rows that there are of everything."""

    def __init__(self, olga: Any, approved: Callable[..., Any]) -> None:
        self.olga = olga
        self.approve = approved
        self.execution: Execution = approved(None, title="The first")

    def executions(self, n: int) -> None:
        self.approve(None, title=f"Refund {n}")

    def executions_in_doubt(self, n: int) -> None:
        made: Execution = self.approve(None, title=f"Refund {n}")
        step = made.steps.get()
        for number in (1, 2):
            Attempt.objects.create(step=step, number=number, route="POST x", fence=1, outcome="unknown")
        Execution.objects.filter(pk=made.pk).update(status="needs_attention", reason=f"Nobody knows {n}.")

    def attempts(self, n: int) -> None:
        Attempt.objects.create(
            step=self.execution.steps.get(), number=n + 1, route=f"POST {n}", fence=1, outcome="failed"
        )

    def steps(self, n: int) -> None:
        step = Step.objects.create(execution=self.execution, position=n + 10, name=f"step-{n}")
        Attempt.objects.create(step=step, number=1, route="POST x", fence=1, outcome="failed")

    def halts_on(self, n: int) -> None:
        agent = Agent.objects.create(name=f"bot-{n}", owner=self.olga)
        Halt.objects.create(scope="agent", agent=agent, reason=f"Reason {n}.", by=person(f"throws-{n}"))

    def halts_lifted(self, n: int) -> None:
        agent = Agent.objects.create(name=f"bot-{n}", owner=self.olga)
        Halt.objects.create(
            scope="agent",
            agent=agent,
            reason=f"Reason {n}.",
            by=person(f"throws-{n}"),
            lifted_by=person(f"lifts-{n}"),
            lifted_at=datetime.now(UTC),
            lifting_reason="It is well again.",
        )

    def agents(self, n: int) -> None:
        Agent.objects.create(name=f"bot-{n}", owner=self.olga)


@pytest.fixture
def scene(olga: Any, approved: Callable[..., Any]) -> Scene:
    return Scene(olga, approved)


LISTS: list[tuple[str, Callable[[Scene, int], None], str]] = [
    # address, what there is more of, what the twelfth of them is known by
    ("/executions/?status=handed_back", Scene.executions, "Refund 54.04"),
    ("/executions/?status=needs_attention", Scene.executions_in_doubt, "Nobody knows 11."),
    ("/api/v1/proposals/{proposal}/execution/", Scene.attempts, "POST 11"),
    ("/api/v1/proposals/{proposal}/execution/", Scene.steps, "step-11"),
    ("/governance/halts/", Scene.halts_on, "Reason 11."),
    ("/governance/halts/", Scene.halts_lifted, "Reason 11."),
    ("/api/v1/halts/", Scene.halts_on, "Reason 11."),
    ("/api/v1/halts/", Scene.halts_lifted, "Reason 11."),
    ("/governance/halts/throw/", Scene.agents, "bot-11"),
    ("/notices/", Scene.halts_on, "9 more kill switches"),
]


@pytest.mark.parametrize(("address", "more", "last"), LISTS, ids=[f"{a} {m.__name__}" for a, m, _ in LISTS])
def test_a_list_of_twelve_asks_as_often_as_one_of_one(
    scene: Scene, address: str, more: Callable[[Scene, int], None], last: str
) -> None:
    get = looking(scene.olga, address.format(proposal=scene.execution.proposal_id))
    answer = last_of_twelve(get, lambda n: more(scene, n))
    assert last in answer.content.decode()
