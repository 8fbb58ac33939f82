"""Each event as a whole sentence: who did what."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from audit.log.summary import said, worth_telling

# type → what happened, after the name of whoever did it; with the event's own facts in brackets.
_DID = {
    "absence.begun": "noted that an absence had begun.",
    "absence.ended": "ended an absence.",
    "absence.set": "said when somebody is out of the office.",
    "account_link.made": "made a link with which somebody chooses a password.",
    "account_link.used": "chose a password by a link.",
    "action_type.registered": "registered the action type {action}.",
    "agent.created": "created the agent {name}.",
    "agent_key.issued": "issued a key of the agent {agent_name}.",
    "agent_key.revoked": "revoked a key of the agent {agent_name}.",
    "agent_key.rotated": "replaced a key of the agent {agent_name}.",
    "api_token.issued": "issued an API token of {user_name}.",
    "api_token.revoked": "revoked an API token of {user_name}.",
    "api_token.rotated": "replaced an API token of {user_name}.",
    "attempt.finished": "finished an attempt: {outcome}.",
    "attempt.started": "began an attempt to carry it out.",
    "autonomy.demoted": "took {agent_name} back to stage {stage} for {action}.",
    "autonomy.lowered": "lowered {agent_name} to stage {stage} for {action}.",
    "autonomy.promoted": "promoted {agent_name} to stage {stage} for {action}.",
    "autonomy.set": "set {agent_name} to stage {stage} for {action}.",
    "backtest.asked": "asked for a backtest.",
    "backtest.cancelled": "cancelled a backtest.",
    "backtest.failed": "could not finish a backtest.",
    "backtest.finished": "finished a backtest.",
    "backtest.started": "started a backtest.",
    "batch.refused": "was refused when deciding several proposals together.",
    "batch.submitted": "decided several proposals together.",
    "boundaries.changed": "changed the boundaries of {agent_name}.",
    "callback.given_up": "gave up telling the agent.",
    "callback.sent": "told the agent.",
    "callback_secret.changed": "changed the secret of the agent’s callbacks.",
    "check.answered": "answered a check.",
    "check.expired": "let a check expire unanswered.",
    "check.slipped_in": "slipped in a check.",
    "check_plan.changed": "changed how checks are slipped in.",
    "check_template.added": "added a template of checks.",
    "check_template.retired": "retired a template of checks.",
    "claim.assigned": "gave the proposal to a colleague.",
    "claim.released": "let go of the proposal.",
    "claim.taken": "took the proposal on.",
    "comment.written": "wrote a note.",
    "decision.made": "decided: {verdict}.",
    "decision.refused": "was refused a decision: {verdict}.",
    "decision.taken_back": "took a decision back.",
    "deployment.activated": "activated a deployment.",
    "deployment.approved": "approved a deployment.",
    "deployment.registered": "registered a deployment.",
    "deployment.rolled_back": "went back to an earlier deployment.",
    "events.exported": "exported events.",
    "execution.begun": "began to carry out what was handed back.",
    "execution.cancelled": "cancelled the action.",
    "execution.failed": "ended the action: it failed.",
    "execution.handed_back": "handed the action back to the agent.",
    "execution.held": "held the action, for a kill switch is on.",
    "execution.marked_done": "marked the action as done.",
    "execution.needs_attention": "asked for a person: it needs attention.",
    "execution.put_off": "put the action off until the next try.",
    "execution.refused": "refused to carry it out.",
    "execution.released": "released the action: the kill switch is off.",
    "execution.result_came_late": "reported a result after somebody had gone on.",
    "execution.result_reported": "reported the result of the action.",
    "execution.resumed": "resumed the action.",
    "execution.retried": "had the action tried again.",
    "execution.scheduled": "scheduled the action.",
    "execution.started": "started the action.",
    "execution.succeeded": "completed the action.",
    "execution.undone": "took the action away before anything ran.",
    "figures.forgotten": "had figures about a person forgotten.",
    "gate_bounds.changed": "changed what is asked before a promotion.",
    "halt.lifted": "lifted a kill switch.",
    "halt.settled": "settled what a kill switch had stopped.",
    "halt.thrown": "threw a kill switch.",
    "history.exported": "exported the history.",
    "incident.closed": "closed an incident.",
    "incident.opened": "opened an incident against {agent_name}.",
    "notice.given_up": "gave up sending a notice.",
    "notice.sent": "sent a notice.",
    "notice_target.added": "added a place where notices go.",
    "notice_target.disabled": "switched off a place where notices go.",
    "notice_target.removed": "removed a place where notices go.",
    "notice_target.tried": "tried a place where notices go.",
    "notice_wishes.changed": "changed how they want to be told.",
    "password.changed": "changed a password.",
    "policy.activated": "activated a policy.",
    "policy.approved": "approved a policy.",
    "policy.drafted": "drafted a policy.",
    "policy.rolled_back": "went back to an earlier policy.",
    "policy.shadowed": "let a policy run in the shadow.",
    "policy.unshadowed": "took a policy out of the shadow.",
    "policy.validated": "validated a policy.",
    "preference.changed": "changed a preference of their own.",
    "proposal.approval_undone": "undid an approval: the proposal waits again.",
    "proposal.approved": "approved the proposal.",
    "proposal.blocked": "blocked the proposal.",
    "proposal.escalated": "sent the proposal to another team.",
    "proposal.escalation_skipped": "left the proposal with its team.",
    "proposal.expired": "let the proposal expire: nobody decided in time.",
    "proposal.rejected": "rejected the proposal.",
    "proposal.reminded": "reminded people of the proposal.",
    "proposal.reopened": "let the agent ask again.",
    "proposal.returned": "returned the proposal to the agent.",
    "proposal.submitted": "handed in a proposal.",
    "proposal.withdrawn": "withdrew the proposal.",
    "request.refused": "was refused a request ({status}).",
    "sample.answered": "said whether what had passed was right: {answer}.",
    "sample.chosen": "chose what had passed for a check afterwards.",
    "sample.expired": "stopped asking whether what had passed was right.",
    "sample.opened": "asked whether what had passed was right.",
    "sample.refused": "was refused an answer to a check afterwards.",
    "sample.sent": "handed in a sample proposal.",
    "second_factor.added": "added a second factor.",
    "second_factor.removed": "removed a second factor.",
    "second_review.answered": "decided a second time.",
    "second_review.chosen": "chose the proposal for a second decision.",
    "second_review.dropped": "dropped a second decision.",
    "second_review.expired": "stopped waiting for a second decision.",
    "second_review.refused": "was refused a second decision.",
    "second_review.settled": "settled how two decisions differ.",
    "requests.refused": "was refused {count} requests in one minute.",
    "session.closed": "signed out.",
    "session.confirmed": "confirmed who they are.",
    "session.opened": "signed in.",
    "session.refused": "was refused when signing in.",
    "standing_approval.activated": "activated a standing approval.",
    "standing_approval.drafted": "drafted a standing approval.",
    "standing_approval.ended": "ended a standing approval.",
    "standing_approval.expired": "ended a standing approval: its time was over.",
    "standing_approval.revoked": "revoked a standing approval.",
    "standing_approval.used": "let the proposal pass by a standing approval.",
    "step.completed": "completed a step of the action.",
    "team.created": "created a team.",
    "user.created": "created an account for {name}.",
}


def sentence(body: str) -> str:
    """Who did what, in words; of a type without words of its own still a sentence."""
    event = json.loads(body)
    kind, actor, data = event["type"], event["actor"]["name"], event.get("data", {})
    told = {name: said(value) for name, value in data.items() if worth_telling(value)}
    facts = defaultdict(lambda: "not said", told)
    template = _DID.get(kind)
    if template is None:
        return f"{actor} wrote down: {label(kind).lower()}."
    return f"{actor} {template.format_map(facts)}"


def is_known(kind: str) -> bool:
    return kind in _DID


def is_refusal(kind: str) -> bool:
    """Somebody asked for what they may not have, or came too late: many of them say little each."""
    return kind.endswith(".refused") and kind != "execution.refused"


def label(kind: str) -> str:
    """A type of event for a list of choices: "Proposal submitted"."""
    noun, _, participle = kind.partition(".")
    return f"{noun} {participle}".replace("_", " ").strip().capitalize()


def grouped(kinds: list[str]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The types as choices by what they are about: its prefix, its label, the types with theirs."""
    by_noun: dict[str, list[tuple[str, Any]]] = {}
    for kind in kinds:
        by_noun.setdefault(kind.partition(".")[0], []).append((kind, label(kind)))
    return [(f"{noun}.", f"Everything about: {label(noun).lower()}", rows) for noun, rows in by_noun.items()]
