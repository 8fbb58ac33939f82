"""The tables of execution, a file for each concern."""

from execution.models.executions import Attempt, Execution, Step, Verdict
from execution.models.healing import Breaker, Compensation, Signal
from execution.models.heartbeats import Heartbeat
from execution.models.looks import Look

__all__ = [
    "Attempt",
    "Breaker",
    "Compensation",
    "Execution",
    "Heartbeat",
    "Look",
    "Signal",
    "Step",
    "Verdict",
]
