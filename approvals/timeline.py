"""What happened to a proposal, from its events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.checks import SLIPPED_IN
from approvals.edited import in_short
from approvals.models import Decision
from approvals.pieces import shown
from audit.models import Event
from suggestions.models import Proposal, Resolution

MOST = 100
_SAID = {
    "proposal.submitted": "Proposed by {actor}",
    "proposal.approved": "Approved",
    "proposal.rejected": "Rejected",
    "proposal.returned": "Returned to the agent",
    "proposal.expired": "Expired: nobody decided in time",
    "proposal.reminded": "People were reminded that the time ends",
    "proposal.escalated": "{actor} asks {to} in the place of {from}",
    "proposal.escalation_skipped": "It stays where it is and does not go to {to}: {why}",
    "proposal.withdrawn": "Withdrawn by {actor}",
    "proposal.blocked": "Blocked by the policy",
    "proposal.reopened": "{actor} lets the agent ask again",
    "standing_approval.drafted": "{actor} drafted a standing approval for the like of this",
    "standing_approval.activated": "{actor} activated the standing approval",
    "standing_approval.used": "Passed by a standing approval",
    "standing_approval.revoked": "{actor} revoked the standing approval",
    "standing_approval.expired": "The standing approval’s time was over",
    "standing_approval.ended": "The standing approval ended",
    "request.refused": "{actor} asked for it again and was refused",
    "decision.refused": "{actor} came too late or was refused",
    "execution.put_off": "Execution waits for the next try",
    "execution.held": "Stopped by a kill switch; it waits",
    "execution.released": "The kill switch is lifted: it goes on",
    "attempt.started": "Attempt {attempt} began",
    "attempt.finished": "Attempt {attempt} {outcome}",
    "step.completed": "Step {step} completed",
    "check.answered": "It was a check, and was answered",
    "check.expired": "It was a check that nobody answered",
    "second_review.chosen": "Chosen by chance to be decided a second time",
    "second_review.answered": "Decided a second time, without being changed",
    "second_review.expired": "Nobody decided a second time",
    "sample.chosen": "Chosen by chance to be checked afterwards",
    "sample.opened": "Asked whether it was right",
    "sample.answered": "{actor} says that it was {answer}",
    "sample.expired": "Nobody said whether it was right",
    "incident.opened": "An incident was opened against the agent",
    "callback.sent": "The agent was told",
}
_VERDICTS = {
    "approve": "approved suggestion {rank}",
    "reject": "rejected it",
    "return": "returned it to the agent",
}


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    text: str
    sub: str = ""


def timeline(proposal: Proposal, decisions: Iterable[Decision]) -> list[Entry]:
    """The first `MOST` events of a proposal, oldest first; reasons come from the decisions.

    The log holds only commitments to what people wrote.
    """
    reasons = {str(decision.pk): ". ".join(_said(decision)) for decision in decisions}
    events = Event.objects.filter(proposal_id=proposal.pk).order_by("id")[: MOST + 1]
    found = [entry for event in events if (entry := _entry(event, reasons))]
    if len(found) > MOST:
        found[MOST:] = [Entry(found[MOST].at, "and more", "the audit log has all of it")]
    return found


def _said(decision: Decision) -> list[str]:
    """What the log does not hold of a decision: what was edited, and the reason."""
    return [said for said in (in_short(decision), decision.reason) if said]


def _entry(event: Event, reasons: dict[str, str]) -> Entry | None:
    body = json.loads(event.body)
    data: dict[str, Any] = body["data"]
    actor = shown(body["actor"]["name"])
    if event.type == SLIPPED_IN:  # looks like what it seems to be; who answered it is told by the page
        return Entry(event.at, f"Proposed by {shown(data['agent'])}", _more("proposal.submitted", data))
    if event.type == "decision.made":
        said = _VERDICTS.get(data["verdict"], data["verdict"]).format(rank=data.get("rank"))
        said += " in the place of somebody absent" if data.get("for") else ""
        return Entry(event.at, f"{actor} {said}", shown(reasons.get(data["decision"], "")))
    if (
        event.type.startswith("proposal.")
        and data.get("by") == Resolution.By.HUMAN
        and event.type != "proposal.approved"
    ):
        return None  # the decision says it
    facts = {"actor": actor, **{name: shown(str(value)) for name, value in data.items()}}
    template = _SAID.get(event.type)
    text = (
        template.format_map(_Known(facts))
        if template
        else event.type.replace(".", " ").replace("_", " ").capitalize()
    )
    return Entry(event.at, text, _more(event.type, data))


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "?"


def _more(type: str, data: dict[str, Any]) -> str:
    if type == "proposal.submitted":
        rules = [shown(rule) for rule in data.get("rules", [])]
        return f"rule{'s' if len(rules) > 1 else ''} {', '.join(rules)}" if rules else ""
    if type in ("proposal.reminded", "proposal.escalated") and data.get("deadline"):
        return f"until {data['deadline'][:16].replace('T', ' ')} UTC"
    if type == "proposal.approved" and data.get("by") == Resolution.By.POLICY:
        return "by the policy"
    if type == "standing_approval.used":
        return f"{data.get('left', 0)} uses left"
    if type == "attempt.started":
        return shown(data.get("route", ""))
    if type == "attempt.finished" and data.get("http_status"):
        return f"answered {data['http_status']}"
    reason = data.get("reason", "")
    return "" if reason.startswith("sha256:") else shown(reason)
