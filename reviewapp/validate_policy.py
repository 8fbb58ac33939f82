"""What validates a draft: a backtest over what people decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Refusal
from governance.models import PolicyVersion
from suggestions.models import Backtest
from suggestions.trying import backtest
from suggestions.trying.rejudge import Chosen
from suggestions.trying.tally import sentences


class NotValidated(Refusal):
    detail = "The backtest came to no result."


def validate(version: PolicyVersion, *, say: Callable[[str], Any]) -> PolicyVersion:
    """Run a backtest of this version to its end; what it measures validates the draft.

    One that is under way is waited for, and helped. Raises `NotValidated`.
    """
    try:
        asked = backtest.ask(version, chosen=Chosen(), by=None, actor=SYSTEM, alone=True)
    except backtest.BacktestRuns:
        asked = Backtest.objects.open().get(policy=version)
    finished = backtest.work_until_done(asked.pk, lambda *_: None)
    if finished.result is None:
        raise NotValidated(f"The backtest {finished.status}. {finished.error}".strip())
    for sentence in sentences(finished.result):
        say(sentence)
    return PolicyVersion.objects.get(pk=version.pk)
