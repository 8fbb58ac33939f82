"""The tables of execution, a file for each concern."""

from execution.models.executions import Attempt, Execution, Step
from execution.models.heartbeats import Heartbeat

__all__ = [
    "Attempt",
    "Execution",
    "Heartbeat",
    "Step",
]
