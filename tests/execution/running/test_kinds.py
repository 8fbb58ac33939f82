"""A workflow with a step of every kind, carried out to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from execution.manual import tasks
from execution.models import ManualTask
from execution.running.run import run
from tests.execution.conftest import run_to_rest, step, tried, workflow


def test_a_tool_is_called_once_and_then_a_team_does_the_rest(
    approved: Callable[..., Any], mcp_shop: str, cyd: Any
) -> None:
    tool = {"kind": "mcp", "url": mcp_shop, "tool": "refund"}
    away = {"kind": "mcp", "url": "http://127.0.0.1:9/mcp", "tool": "refund"}
    by_hand = step({"kind": "handback", "to": {"team": "finance"}}, name="tell")
    execution = approved(workflow(step(away, tool), by_hand))

    run_to_rest(execution)
    task = ManualTask.objects.get(execution=execution)
    assert (task.step.name, task.status) == ("tell", "open")
    run(execution.pk)  # a second message finds nothing to do
    tasks.report_done(task, by=cyd, answer=None, comment="Told them.")

    execution = run_to_rest(execution)
    assert (execution.status, tried(execution)) == (
        "succeeded",
        [("1", "refused"), ("2", "succeeded"), ("1", "succeeded")],
    )
