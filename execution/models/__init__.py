"""The tables of execution, a file for each concern."""

from execution.models.bulk import BulkRetry, BulkRetryItem
from execution.models.executions import Attempt, Execution, Step, Verdict
from execution.models.former import FormerExecution
from execution.models.healing import Breaker, BreakerChange, Compensation, Signal
from execution.models.heartbeats import Heartbeat
from execution.models.incidents import Attention, Hour, IncidentExecution
from execution.models.looks import Look
from execution.models.manual import ManualTask

__all__ = [
    "Attempt",
    "Attention",
    "Breaker",
    "BreakerChange",
    "BulkRetry",
    "BulkRetryItem",
    "Compensation",
    "Execution",
    "FormerExecution",
    "Heartbeat",
    "Hour",
    "IncidentExecution",
    "Look",
    "ManualTask",
    "Signal",
    "Step",
    "Verdict",
]
