"""When an absence begins: claims end, and what was assigned goes to the deputy."""

from __future__ import annotations

from contextlib import suppress

from django.db import transaction
from django.db.models.functions import Now

from approvals.beside import claims
from approvals.models import Claim
from audit.ground.actors import TIMER
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.models import Absence
from suggestions.answering.resolve import AlreadyResolved

AT_ONCE = 50


def begin_due() -> int:
    """Begin the absences whose time has come; returns how many. Many may run at once."""
    begun = 0
    while _begin_one():
        begun += 1
    return begun


@transaction.atomic
def _begin_one() -> bool:
    due = Absence.objects.running().filter(begun_at=None).select_related("person", "deputy")
    absence = due.select_for_update(of=("self",), skip_locked=True).order_by("since").first()
    if absence is None:
        return False
    absence.begun_at = Now()
    absence.save(update_fields=["begun_at"])
    held = list(Claim.objects.live().filter(user=absence.person).order_by("proposal_id"))
    for claim in held:
        _hand_on(claim, absence)
    data = {
        "absence": str(absence.pk),
        "person": str(absence.person_id),
        "deputy": str(absence.deputy_id),
        "claims": len(held),
    }
    record("absence.begun", actor=TIMER, data=data)
    return True


def _hand_on(claim: Claim, absence: Absence) -> None:
    """What one took oneself is free again; what somebody assigned is the deputy's."""
    try:
        if claim.by_id != absence.person_id:
            claims.pass_on(claim, to=absence.deputy, actor=TIMER)
            return
    except Refusal:
        pass  # the deputy is away too, or may not decide on it any more: it is free
    with suppress(AlreadyResolved, claims.NotYours):  # decided or given up just now
        claims.release(claim.proposal_id, user=absence.person, actor=TIMER)
