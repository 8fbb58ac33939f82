"""Telling people again of what nobody sees to, and asking others once its time is over."""

from __future__ import annotations

from django.db.models.functions import Now

from execution.incidents import attention
from execution.models import Attention
from governance.models import Incident, Team
from governance.trust import incidents
from suggestions.models import Proposal

AT_ONCE = 500


def page_due() -> int:
    """Remind and escalate whatever is due; returns how much that was."""
    waiting = Attention.objects.filter(remind_at__lte=Now()).order_by("remind_at")
    told = sum(attention.page_again(one) for one in waiting.values_list("pk", flat=True)[:AT_ONCE])
    due = Incident.objects.untaken().filter(remind_at__lte=Now()).order_by("remind_at")
    return told + sum(
        incidents.page_again(incident.pk, escalate_to=_next_team(incident)) for incident in due[:AT_ONCE]
    )


def _next_team(incident: Incident) -> Team | None:
    """Whom the policy of its first proposal asks where the first team is silent; None: operators."""
    if incident.proposal is None:
        return None
    verdicts = Proposal.objects.filter(pk=incident.proposal).values_list("verdict", flat=True)
    slug = next((verdict.get("escalate_to") for verdict in verdicts), None)
    return Team.objects.filter(pk=slug).exclude(pk=incident.team_id).first() if slug else None
