"""The tables of approvals, a file for each concern."""

from approvals.models.batches import Batch, BatchItem
from approvals.models.checks import Check, CheckPlan, CheckTemplate
from approvals.models.claims import Claim, Comment
from approvals.models.decisions import Decision
from approvals.models.looks import Look
from approvals.models.notices import Delivery, Follower, Here, Message, Notice, Target, Wishes
from approvals.models.saved_views import SavedView

__all__ = [
    "Batch",
    "BatchItem",
    "Check",
    "CheckPlan",
    "CheckTemplate",
    "Claim",
    "Comment",
    "Decision",
    "Delivery",
    "Follower",
    "Here",
    "Look",
    "Message",
    "Notice",
    "SavedView",
    "Target",
    "Wishes",
]
