"""The tables of suggestions, a file for each concern."""

from suggestions.models.backtests import Backtest, BacktestChunk, Disagreement, ShadowDifference
from suggestions.models.callbacks import Callback, CallbackAttempt, CallbackEndpoint
from suggestions.models.past import Correction, Precedent, Settled, Subtotal
from suggestions.models.proposals import (
    Proposal,
    ProposalQuerySet,
    Resolution,
    Suggestion,
    seen_by,
    visible_sql,
)
from suggestions.models.rejected import RejectedAction, RejectedActionQuerySet
from suggestions.models.samples import Sample
from suggestions.models.second import SecondReview

__all__ = [
    "Backtest",
    "BacktestChunk",
    "Callback",
    "CallbackAttempt",
    "CallbackEndpoint",
    "Correction",
    "Disagreement",
    "Precedent",
    "Proposal",
    "ProposalQuerySet",
    "RejectedAction",
    "RejectedActionQuerySet",
    "Resolution",
    "Sample",
    "SecondReview",
    "Settled",
    "ShadowDifference",
    "Subtotal",
    "Suggestion",
    "seen_by",
    "visible_sql",
]
