"""What follows a call that went well, or may have: the event that is waited for, and the proof.

Nothing here holds a worker: what is not there yet is looked for again at a due time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.canonical import digest
from execution.healing import proof
from execution.healing.endings import put_off
from execution.healing.proof import Probe
from execution.holding.steps import Task
from execution.incidents import incidents
from execution.models import Attempt, Signal, Step, Verdict
from execution.routes.result import SUCCEEDED, UNKNOWN
from governance.actions.templates import KNOWN_SIGNAL
from governance.actions.workflow import Await, Verify
from governance.expressions.cel import BadExpression, Expression, NoAnswer

if TYPE_CHECKING:
    from execution.running.turn import Turn

Act = Callable[[], bool]


class Waiting:
    """The rest of a step, within a worker's turn."""

    def __init__(self, turn: Turn, task: Task) -> None:
        self.turn, self.task = turn, task

    @property
    def step(self) -> Step:
        return self.task.step

    def after_call(self) -> Act | None:
        """Wait for the event, then for the proof, then complete the step; in the turn's transaction."""
        event, verify = self.task.plan.await_, self.task.plan.verify
        if event and "signal" not in (self.step.receipt or {}):
            return self._event(event)
        if verify:
            return self.turn.in_time(partial(self._prove, verify))
        return partial(self.turn.end_step, self.step, {}, Verdict.UNVERIFIED)

    def in_doubt(self, reason: str) -> Act | None:
        """An outcome is unknown: look for the effect where that can be done, else ask a person."""
        verify = self.task.plan.verify
        return self.turn.in_time(partial(self._settle, verify, reason)) if verify else self.turn.ask(reason)

    # --- An outside event -----------------------------------------------------------------

    def _event(self, event: Await) -> Act | None:
        signal = Signal.objects.filter(execution=self.turn.execution.pk, name=event.signal).first()
        if signal is not None:
            return self._take(event, signal)
        waits = self.task.progress.waits
        if waits is None:
            waits = event.within
            self._wait_until(waits)
        if waits <= 0:
            return self.turn.ask(f"Step {self.step.name}: the event {event.signal} did not come in time.")
        put_off(self.turn.lease, self.turn.execution, waits, f"It waits for the event {event.signal}.")
        return None

    def _take(self, event: Await, signal: Signal) -> Act | None:
        if event.expect:
            try:
                holds = Expression(event.expect, KNOWN_SIGNAL).holds(
                    {**self.turn.known(), "signal": signal.data}
                )
                why = "" if holds else "it is not as expected"
            except (NoAnswer, BadExpression) as error:
                why = f"what is expected of it cannot be told: {error}"
            if why:
                return self.turn.ask(f"Step {self.step.name}: the event {event.signal} came, but {why}.")
        self.step.receipt = {
            **(self.step.receipt or {"verified": None}),
            "signal": event.signal,
            "signal_by": signal.by,
            "signal_digest": digest(signal.data),
        }
        self.step.answer = {**(self.step.answer or {}), "signal": signal.data}
        self.step.save(update_fields=["receipt", "answer"])
        Step.objects.filter(pk=self.step.pk).update(wait_until=None)
        return lambda: True

    # --- Proof ----------------------------------------------------------------------------

    def _prove(self, verify: Verify) -> bool:
        found = proof.probe(verify, self.turn.known())
        if found.is_proof:
            return self.turn.end_step(self.step, found.evidence(verify), found.verdict)
        self._not_proved(verify, found)
        return False

    @transaction.atomic
    def _not_proved(self, verify: Verify, found: Probe) -> None:
        """Look again later, while the workflow says so; then a person has to look."""
        if self._looks_again(verify):
            return
        receipt = {**(self.step.receipt or {}), **found.evidence(verify)}
        Step.objects.filter(pk=self.step.pk).update(receipt=receipt, verdict=found.verdict)
        self.turn.lease.write(verdict=self.turn.verdict_with(self.step, found.verdict))
        says = "the agent says so" if "reported_by" in receipt else "the call succeeded"
        self.turn.ask(f"Step {self.step.name}: {says}, but its effect is not proved: {found.why}.")
        if found.verdict == Verdict.MISMATCH:
            incidents.not_as_claimed(self.turn.execution, self.step, found.why)

    def _looks_again(self, verify: Verify) -> bool:
        waits = self.task.progress.waits
        if waits is None:
            waits = verify.within
            self._wait_until(waits)
        if waits <= 0:
            return False
        Step.objects.filter(pk=self.step.pk).update(probes=F("probes") + 1)
        wait = min(waits, proof.wait_before(self.step.probes))
        put_off(self.turn.lease, self.turn.execution, wait, "It waits for the proof of its effect.")
        return True

    def _settle(self, verify: Verify, reason: str) -> bool:
        """Find out what became of an attempt in doubt."""
        found = proof.probe(verify, self.turn.known())
        if found.is_proof:
            return self._proved(verify, found)
        with transaction.atomic():
            if not self._looks_again(verify):
                self.turn.lease.write()
                Step.objects.filter(pk=self.step.pk).update(verdict=Verdict.UNVERIFIABLE)
                self.turn.ask(f"{reason} The probe did not find it: {found.why}.")
        return False

    def prove_earlier(self) -> bool:
        """Before another try: whether an earlier one took effect after all."""
        verify = cast(Verify, self.task.plan.verify)  # asked only of steps that have it
        found = proof.probe(verify, self.turn.known())
        if not found.is_proof:
            return True
        return self._proved(verify, found)

    def _proved(self, verify: Verify, found: Probe) -> bool:
        """Complete the step: what was tried earlier took effect after all."""
        return self.turn.end_step(self.step, {**self._earlier(), **found.evidence(verify)}, found.verdict)

    def _earlier(self) -> dict[str, Any]:
        """The receipt of the last attempt that took effect, or may have."""
        took_effect = Attempt.objects.filter(step=self.step, outcome__in=[SUCCEEDED, UNKNOWN])
        last = took_effect.order_by("-number")[0]
        known: dict[str, Any] = self.step.receipt or {"route": last.route, "http_status": last.http_status}
        return known

    def _wait_until(self, seconds: float) -> None:
        Step.objects.filter(pk=self.step.pk).update(wait_until=Now() + timedelta(seconds=seconds))
