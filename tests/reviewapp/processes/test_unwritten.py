"""What the clock has done, where the log takes nothing: no change, no effect, and the same again later."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError

from audit.models import Event
from reviewapp.celery import app
from reviewapp.privileges import LOGS
from suggestions.models import Proposal
from suggestions.past import rollups
from tests.database import taken_back
from tests.reviewapp.processes.test_beat import CASES, Scene, at_rest
from tests.reviewapp.web.test_unwritten import FAULTS, everything, without_log

# What tells nobody anything: the clock's own notes of when it looked.
WITHOUT_EVENT = {  # these tell workers or people, or add up what was told already
    "approvals.tasks.follow_log",
    "approvals.tasks.tell",
    "approvals.tasks.throw_dice_for_checks",
    "audit.tasks.seal",
    "execution.tasks.sweep",
    "suggestions.tasks.forget_rejected",
    "suggestions.tasks.settle_past",
    "suggestions.tasks.sweep",
    "suggestions.tasks.sweep_backtests",
}
NOTES = {"execution_heartbeat", "approvals_follower", "audit_sealer", *LOGS}


@pytest.mark.parametrize(("task", "make"), CASES)
def test_what_a_task_does_without_its_event_it_does_not_do(
    proposal: Proposal, ana: Any, ben: Any, task: str, make: Callable[[Scene], None]
) -> None:
    rollups.ask_for([proposal.agent_id], of_subject=False)
    at_rest()
    make(Scene(proposal, ana, ben))
    with taken_back():
        told = Event.objects.count()
        app.tasks[task]()
        if Event.objects.count() == told:
            assert task in WITHOUT_EVENT
            return
    before = everything()
    with without_log(FAULTS["no room"]), suppress(DatabaseError):
        app.tasks[task]()
    after = everything()
    assert sorted(name for name in before if before[name] != after[name] and name not in NOTES) == []
    assert mail.outbox == []
