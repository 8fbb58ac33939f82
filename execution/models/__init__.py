"""The tables of execution, a file for each concern."""

from execution.models.executions import Attempt, Execution, Step, Verdict
from execution.models.healing import Breaker, Compensation, Signal
from execution.models.heartbeats import Heartbeat
from execution.models.incidents import Attention, Hour, IncidentExecution

__all__ = [
    "Attempt",
    "Attention",
    "Breaker",
    "Compensation",
    "Execution",
    "Heartbeat",
    "Hour",
    "IncidentExecution",
    "Signal",
    "Step",
    "Verdict",
]
