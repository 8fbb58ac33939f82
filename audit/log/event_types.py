"""The closed list of what can be in the log: every type of event, with its words and what its data holds.

`record` refuses a type that is not here, and data of another shape. The auditor's page, the timeline of a
proposal, notices and `docs/events.md` read the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from audit.log.event_fields import FIELDS, FLAG, Field


class Tells(Enum):
    """Whom notices tell of an event, apart from whoever did it."""

    TEAMS = "everybody who is asked to decide"
    ON_IT = "whoever took it on; where nobody did, everybody who is asked"
    NEXT_TEAM = "the team that is asked now"
    ASKED_NEXT = "where a decision approves: everybody who is asked and has not decided"
    ASSIGNED = "whom it is given to"
    TAKEN_OVER = "whom it is taken over from"
    OVERRULED = "those who decided otherwise"
    UNDONE = "those who approved it, for they may approve again"
    FAILED = "those who approved it, for it did not work, and the team that sees to it"
    ATTENDED = "the team that sees to it"
    OPERATORS = "the operators"
    PAGED = "the team of the incident; once its time is over, those who are asked then"
    CHECKERS = "the team, to check it afterwards"
    BY_HAND = "the team that is to do it by hand"
    OWNER = "who answers for the agent"


class WrongEvent(ValueError):
    """An event was about to be written of a type that nobody knows, or with data of another shape."""


@dataclass(frozen=True)
class EventType:
    """One type of event.

    `did` follows the name of whoever did it, with facts of the event in brackets; `on_proposal` is the line
    in the timeline of a proposal, with `{actor}` besides. `data` has for each name what it holds.
    """

    name: str
    floor: str
    did: str
    data: Mapping[str, Field]
    optional: frozenset[str]
    on_proposal: str = ""
    tells: Tells | None = None

    @property
    def noun(self) -> str:
        """What it is about."""
        return self.name.partition(".")[0]

    def check(self, data: Mapping[str, Any]) -> None:
        """Raise `WrongEvent` unless `data` has this shape. What may be missing may be None as well."""
        for name, value in data.items():
            field = self.data.get(name)
            if field is None:
                raise WrongEvent(f"{self.name}: {name} is not part of its data.")
            if value is None and name in self.optional:
                continue
            if not isinstance(value, field.shape) or (isinstance(value, bool) and field.shape != FLAG):
                raise WrongEvent(f"{self.name}: {name} is no {'/'.join(t.__name__ for t in field.shape)}.")
        if missing := self.data.keys() - self.optional - data.keys():
            raise WrongEvent(f"{self.name}: {', '.join(sorted(missing))} is missing.")


def event_type(name: str) -> EventType:
    """The type of this name. Raises `WrongEvent` where there is none."""
    try:
        return EVENT_TYPES[name]
    except KeyError:
        raise WrongEvent(f"{name} is not a type of event.") from None


def _row(
    name: str, floor: str, did: str, data: str = "", on_proposal: str = "", tells: Tells | None = None
) -> EventType:
    """`data` names fields of `FIELDS`: `name?` may be missing, `name=other` holds what `other` says."""
    fields, optional = {}, set()
    for word in data.split():
        own, _, meaning = word.rstrip("?").partition("=")
        fields[own] = FIELDS[meaning or own]
        if word.endswith("?"):
            optional.add(own)
    return EventType(name, floor, did, fields, frozenset(optional), on_proposal, tells)


_KEY = "key prefix name expires_at? agent agent_name"
_API_TOKEN = "key prefix name expires_at? user user_name"  # noqa: S105 - names of facts
_STAGE = "agent agent_name action before=stage stage change reason measures? incident?"
_HALT = "halt scope agent? agent_name? action? reason"
_STANDING = "standing_approval agent agent_name action rule uses"
_SUBMITTED = "suggestions content risk policy? verdict rules teams approvals four_eyes deadline?"
_ANSWER = "by policy? action_digest? reason?"
_REPORT = "execution step outcome detail=commitment becomes? closed?"
_ATTEMPT = "execution step attempt route fence"
_INCIDENT = "incident agent? agent_name? action kind team?"

_REVIEW = "access_review"
_REVIEWED = "access_review grant=reviewed_grant kind=grant_kind holder what=granted"

_ROWS = [
    _row("access.exported", "governance", "exported who has which access.", "format filters"),
    _row(
        "access_review.answer_withdrawn",
        "governance",
        "took back what was answered to the {kind} of {holder}.",
        _REVIEWED + " answer=grant_answer",
    ),
    _row("access_review.grant_kept", "governance", "kept the {kind} of {holder}.", _REVIEWED),
    _row(
        "access_review.grant_removed",
        "governance",
        "removed the {kind} of {holder}.",
        _REVIEWED + " had_ended",
    ),
    _row(
        "access_review.opened", "governance", "began a review of access.", _REVIEW + " grants due=review_due"
    ),
    _row("access_review.returned", "governance", "sent a review of access back.", _REVIEW),
    _row(
        "access_review.signed",
        "governance",
        "signed a review of access as the second person.",
        _REVIEW + " kept removed printed_name meaning=signature_meaning grants_digest",
    ),
    _row(
        "access_review.submitted",
        "governance",
        "answered to every grant of a review of access.",
        _REVIEW + " kept removed grants_digest",
    ),
    _row("absence.begun", "approvals", "noted that an absence had begun.", "absence person deputy claims"),
    _row("absence.ended", "governance", "ended an absence.", "absence person"),
    _row(
        "absence.set",
        "governance",
        "said when somebody is out of the office.",
        "absence person deputy since until reason?",
    ),
    _row(
        "account_link.made",
        "governance",
        "made a link with which somebody chooses a password.",
        "user link purpose by_mail lasts_seconds",
    ),
    _row("account_link.used", "governance", "chose a password by a link.", "user link"),
    _row(
        "action_type.registered",
        "governance",
        "registered the action type {action}.",
        "action version definition_digest source?",
    ),
    _row(
        "workflow.reworded",
        "governance",
        "wrote the workflow of {action} in other words.",
        "action version",
    ),
    _row("agent.created", "governance", "created the agent {name}.", "agent name owner allowed_actions?"),
    _row("agent_key.issued", "governance", "issued a key of the agent {agent_name}.", _KEY + " replaces?"),
    _row("agent_key.revoked", "governance", "revoked a key of the agent {agent_name}.", _KEY),
    _row(
        "agent_key.rotated", "governance", "replaced a key of the agent {agent_name}.", _KEY + " replaced_by"
    ),
    _row("api_token.issued", "governance", "issued an API token of {user_name}.", _API_TOKEN + " replaces?"),
    _row("api_token.revoked", "governance", "revoked an API token of {user_name}.", _API_TOKEN),
    _row(
        "api_token.rotated",
        "governance",
        "replaced an API token of {user_name}.",
        _API_TOKEN + " replaced_by",
    ),
    _row(
        "attempt.finished",
        "execution",
        "finished an attempt: {outcome}.",
        _ATTEMPT + " outcome http_status? response_digest?",
        "Attempt {attempt} of step {step} {outcome}",
    ),
    _row(
        "attempt.started",
        "execution",
        "began an attempt to carry it out.",
        _ATTEMPT,
        "Attempt {attempt} of step {step} began",
    ),
    _row(
        "attention.escalated",
        "execution",
        "asked operators to see to an action that nobody saw to in time.",
        "execution team since",
        "Nobody saw to it in time: operators are asked",
        tells=Tells.OPERATORS,
    ),
    _row(
        "attention.reminded",
        "execution",
        "reminded people of an action that needs attention.",
        "execution team reminders deadline=attend_by",
        "People were reminded that it needs attention",
        tells=Tells.ATTENDED,
    ),
    _row(
        "breaker.closed",
        "execution",
        "let workers ask {route} again.",
        "route reason?",
        "Workers may ask {route} again",
    ),
    _row(
        "breaker.half_opened",
        "execution",
        "began to try {route} once.",
        "route",
        "One call tries whether {route} works again",
    ),
    _row(
        "breaker.opened",
        "execution",
        "let {route} alone for a while.",
        "route reason? failures? seconds?",
        "{route} failed too often and is let alone for a while",
    ),
    _row("autonomy.demoted", "governance", "took {agent_name} back to stage {stage} for {action}.", _STAGE),
    _row(
        "autonomy.granted",
        "governance",
        "moved {agent_name} up to stage {stage} for {action}, past what is asked before.",
        _STAGE,
    ),
    _row("autonomy.lowered", "governance", "lowered {agent_name} to stage {stage} for {action}.", _STAGE),
    _row("autonomy.promoted", "governance", "promoted {agent_name} to stage {stage} for {action}.", _STAGE),
    _row("backtest.asked", "suggestions", "asked for a backtest.", "backtest policy chosen"),
    _row("backtest.cancelled", "suggestions", "cancelled a backtest.", "backtest policy proposals"),
    _row("backtest.failed", "suggestions", "could not finish a backtest.", "backtest policy proposals"),
    _row("backtest.finished", "suggestions", "finished a backtest.", "backtest policy proposals"),
    _row(
        "batch.refused",
        "approvals",
        "was refused when deciding several proposals together.",
        "verdict refusal",
    ),
    _row(
        "batch.submitted",
        "approvals",
        "decided several proposals together.",
        "batch verdict proposals reason?",
    ),
    _row(
        "boundaries.changed",
        "governance",
        "changed the boundaries of {agent_name}.",
        "agent agent_name before=boundaries after=boundaries",
    ),
    _row(
        "bulk_retry.ended",
        "execution",
        "came to the end of a bulk retry: {retried} retried, {left_out} left out.",
        "bulk_retry retried left_out",
    ),
    _row(
        "bulk_retry.started",
        "execution",
        "began to have {executions} actions retried, {per_minute} a minute.",
        "bulk_retry executions left_out per_minute filters reason",
    ),
    _row(
        "bulk_retry.stopped",
        "execution",
        "stopped a bulk retry after {retried} were retried.",
        "bulk_retry retried left_out waiting reason? why?",
    ),
    _row(
        "bulk_retry.went_on",
        "execution",
        "let a bulk retry go on with the {waiting} that are left.",
        "bulk_retry retried left_out waiting reason",
    ),
    _row(
        "callback_secret.ended",
        "governance",
        "let the newest callback secret of the agent {agent_name} alone sign.",
        "agent agent_name secrets",
    ),
    _row(
        "callback_secret.rotated",
        "governance",
        "replaced the callback secret of the agent {agent_name}.",
        "agent agent_name secret=secret_digits replaces=secret_digits overlap_seconds",
    ),
    _row(
        "callback.given_up",
        "suggestions",
        "gave up telling the agent.",
        "callback type attempts error",
        "The agent could not be told",
    ),
    _row("callback.sent", "suggestions", "told the agent.", "callback type attempts", "The agent was told"),
    _row(
        "callback.sent_again",
        "suggestions",
        "had a message sent to the agent again.",
        "callback type was",
        "{actor} had the agent told again",
    ),
    _row(
        "callback_endpoint.paused",
        "suggestions",
        "paused an address of the agent {agent_name}: {why}.",
        "agent agent_name origin failures why error",
        tells=Tells.OWNER,
    ),
    _row(
        "callback_endpoint.resumed",
        "suggestions",
        "resumed an address of the agent {agent_name}.",
        "agent agent_name origin callbacks",
    ),
    _row(
        "callbacks.sent_again",
        "suggestions",
        "had {callbacks} messages sent to the agent {agent_name} again.",
        "agent agent_name callbacks",
    ),
    _row(
        "check.answered",
        "approvals",
        "answered a check.",
        "kind verdict result looked_seconds? action_digest? reason?",
        "It was a check, and was answered",
    ),
    _row(
        "check.expired",
        "approvals",
        "let a check expire unanswered.",
        "",
        "It was a check that nobody answered",
    ),
    _row(
        "check.slipped_in",
        "approvals",
        "slipped in a check.",
        _SUBMITTED + " agent=agent_name kind template? original? mutation?",
        tells=Tells.TEAMS,
    ),
    _row(
        "check_plan.changed",
        "approvals",
        "changed how checks are slipped in.",
        "team on share most_per_day busy_from from_past",
    ),
    _row(
        "check_template.added",
        "approvals",
        "added a template of checks.",
        "template agent=agent_name kind body=commitment",
    ),
    _row("check_template.retired", "approvals", "retired a template of checks.", "template"),
    _row(
        "claim.assigned",
        "approvals",
        "gave the proposal to a colleague.",
        "to until",
        "{actor} gave it to {to}",
        tells=Tells.ASSIGNED,
    ),
    _row("claim.released", "approvals", "let go of the proposal.", "", "{actor} let go of it"),
    _row(
        "claim.taken",
        "approvals",
        "took the proposal on.",
        "until taken_over_from?",
        "{actor} took it on",
        tells=Tells.TAKEN_OVER,
    ),
    _row("comment.written", "approvals", "wrote a note.", "comment text=commitment", "{actor} noted"),
    _row(
        "decision.made",
        "approvals",
        "decided: {verdict}.",
        "decision verdict policy? version rank? action? action_digest? reason? bulk=batch? team? "
        "step_up? changes? asks? looked_seconds? looks=seen? for?",
        tells=Tells.ASKED_NEXT,
    ),
    _row(
        "decision.refused",
        "approvals",
        "was refused a decision: {verdict}.",
        "verdict refusal bulk=batch?",
        "{actor} came too late or was refused",
    ),
    _row(
        "decision.taken_back",
        "approvals",
        "took a decision back.",
        "decision verdict",
        "{actor} took back what they had said",
    ),
    _row(
        "deployment.activated",
        "governance",
        "activated a deployment.",
        "agent deployment label before=label?",
    ),
    _row(
        "compensation.approved",
        "execution",
        "agreed to undo what was done.",
        "execution action_digest said?",
        "{actor} agreed to undo what was done",
    ),
    _row(
        "compensation.declined",
        "execution",
        "left what was done as it is.",
        "execution action_digest said?",
        "{actor} left what was done as it is",
    ),
    _row(
        "compensation.done",
        "execution",
        "undid what was done.",
        "execution action_digest",
        "What was done has been undone",
    ),
    _row(
        "compensation.failed",
        "execution",
        "could not undo what was done.",
        "execution action_digest",
        "What was done could not be undone",
    ),
    _row(
        "compensation.lapsed",
        "execution",
        "went on, so that undoing what was done is not offered any more.",
        "execution action_digest",
        "Undoing what was done is not offered any more",
    ),
    _row(
        "compensation.offered",
        "execution",
        "offered to undo what was done.",
        "execution action_digest approvals",
        "Undoing what was done is offered",
    ),
    _row("deployment.approved", "governance", "approved a deployment.", "agent deployment label"),
    _row(
        "deployment.registered",
        "governance",
        "registered a deployment.",
        "agent deployment label model prompts",
    ),
    _row(
        "deployment.rolled_back",
        "governance",
        "went back to an earlier deployment.",
        "agent deployment label before=label",
    ),
    _row("events.exported", "audit", "exported events.", "format filters size?"),
    _row(
        "execution.begun",
        "execution",
        "began to carry out what was handed back.",
        "execution step attempt fence action_digest key=key_prefix lease_seconds",
        "{actor} began to carry it out",
    ),
    _row(
        "execution.signalled",
        "execution",
        "told of the event {signal}.",
        "execution signal content",
        "{actor} told of the event {signal}",
    ),
    _row(
        "execution.cancelled",
        "execution",
        "cancelled the action.",
        "execution said",
        "{actor} cancelled it",
    ),
    _row(
        "execution.failed",
        "execution",
        "ended the action: it failed.",
        _REPORT,
        "{actor} reported that it failed",
    ),
    _row(
        "execution.handed_back",
        "execution",
        "handed the action back to the agent.",
        "execution action_digest? steps? grace_seconds? reason=plain? step? within_seconds?",
        "Handed back to the agent, which carries it out",
    ),
    _row(
        "execution.held",
        "execution",
        "held the action, for a kill switch is on.",
        "execution",
        "Stopped by a kill switch; it waits",
    ),
    _row(
        "execution.marked_done",
        "execution",
        "marked the action as done.",
        "execution said steps?",
        "{actor} marked it as done",
    ),
    _row(
        "execution.needs_attention",
        "execution",
        "asked for a person: it needs attention.",
        "execution reason=plain was? action_digest? steps? grace_seconds?",
        "It needs attention",
        tells=Tells.FAILED,
    ),
    _row(
        "execution.put_off",
        "execution",
        "put the action off until the next try.",
        "execution wait_ms",
        "It waits before it goes on",
    ),
    _row(
        "execution.refused",
        "execution",
        "refused to carry it out.",
        "execution reason=plain",
        "Nothing was carried out",
        tells=Tells.FAILED,
    ),
    _row(
        "execution.released",
        "execution",
        "released the action: the kill switch is off.",
        "execution halt held_ms",
        "The kill switch is lifted: it goes on",
    ),
    _row(
        "execution.result_came_late",
        "execution",
        "reported a result after somebody had gone on.",
        _REPORT,
        "{actor} reported late that it {outcome}",
    ),
    _row(
        "execution.result_reported",
        "execution",
        "reported the result of the action.",
        _REPORT,
        "{actor} reported that it {outcome}",
    ),
    _row(
        "execution.resumed", "execution", "resumed the action.", "execution fence", "A worker goes on with it"
    ),
    _row(
        "execution.retried",
        "execution",
        "had the action tried again.",
        "execution said although_unknown bulk_retry?",
        "{actor} had it tried again",
    ),
    _row(
        "execution.returned",
        "execution",
        "suggested other arguments for what could not be carried out.",
        "execution action_digest edited_digest said although_unknown asks?",
        "{actor} suggests other arguments for what could not be carried out",
    ),
    _row(
        "execution.route_chosen",
        "execution",
        "chose the route {route} for step {step}.",
        "execution step route said although_unknown",
        "{actor} chose the route {route} for step {step}",
    ),
    _row(
        "execution.scheduled",
        "execution",
        "scheduled the action.",
        "execution action_digest steps grace_seconds reason=plain",
        "A worker is to carry it out",
    ),
    _row(
        "execution.stale",
        "execution",
        "carried nothing out: it is not as it was when it was decided.",
        "execution action_digest look moved reason=plain",
        "Nothing was sent: it is not as it was when it was decided",
    ),
    _row(
        "execution.started",
        "execution",
        "started the action.",
        "execution fence",
        "A worker began to carry it out",
    ),
    _row(
        "execution.succeeded",
        "execution",
        "completed the action.",
        "execution action_digest",
        "It is carried out",
    ),
    _row(
        "execution.undone",
        "execution",
        "took the action away before anything ran.",
        "execution",
        "Taken away before anything ran",
    ),
    _row(
        "figures.forgotten",
        "approvals",
        "had figures about a person forgotten.",
        "looks=count times second_reviews checks=count days",
    ),
    _row(
        "gate_bounds.changed",
        "governance",
        "changed what is asked before a promotion.",
        "action before=bounds bounds reason",
    ),
    _row("halt.lifted", "governance", "lifted a kill switch.", _HALT),
    _row("halt.thrown", "governance", "threw a kill switch.", _HALT),
    _row("history.exported", "approvals", "exported the history.", "format filters"),
    _row(
        "incident.acknowledged",
        "governance",
        "took an incident on.",
        _INCIDENT,
        "{actor} took the incident on",
    ),
    _row(
        "incident.closed",
        "governance",
        "closed an incident.",
        _INCIDENT + " reason found_to_be?",
        "{actor} closed the incident",
    ),
    _row(
        "incident.escalated",
        "governance",
        "asked others about an incident that nobody took on.",
        _INCIDENT + " to?",
        "Nobody took the incident on: others are asked",
        tells=Tells.PAGED,
    ),
    _row(
        "incident.noted",
        "governance",
        "wrote a note on an incident.",
        _INCIDENT + " note text=commitment",
        "{actor} wrote a note on the incident",
    ),
    _row(
        "incident.opened",
        "governance",
        "opened an incident ({kind}).",
        _INCIDENT + " detail=commitment demoted",
        "An incident was opened",
        tells=Tells.PAGED,
    ),
    _row(
        "incident.reminded",
        "governance",
        "reminded people of an incident that nobody took on.",
        _INCIDENT + " reminders",
        "People were reminded of the incident",
        tells=Tells.PAGED,
    ),
    _row(
        "incident.repeated",
        "governance",
        "counted once more what an incident is open about.",
        _INCIDENT + " count",
        "It happened again, as an open incident says",
    ),
    _row(
        "manual_task.claimed",
        "execution",
        "took on what is to be done by hand.",
        "execution task team taken_over_from?",
        "{actor} took on doing it by hand",
    ),
    _row(
        "manual_task.done",
        "execution",
        "did by hand what was asked.",
        "execution task team step answer=commitment said attempt?",
        "{actor} did it by hand",
    ),
    _row(
        "manual_task.given_up",
        "execution",
        "said that it could not be done by hand.",
        "execution task team step said attempt?",
        "{actor} could not do it by hand",
    ),
    _row(
        "manual_task.opened",
        "execution",
        "handed a step to a team, to be done by hand.",
        "execution task team step within_seconds",
        "Handed to the team {team}, to be done by hand",
        tells=Tells.BY_HAND,
    ),
    _row(
        "manual_task.released",
        "execution",
        "let go of what is to be done by hand.",
        "execution task team",
        "{actor} let go of doing it by hand",
    ),
    _row(
        "manual_task.reminded",
        "execution",
        "reminded a team of what is to be done by hand.",
        "execution task team",
        "The team {team} was reminded of doing it by hand",
        tells=Tells.BY_HAND,
    ),
    _row("notice.given_up", "approvals", "gave up sending a notice.", "delivery target user attempts error"),
    _row("notice.sent", "approvals", "sent a notice.", "delivery target user attempts"),
    _row("notice_target.added", "approvals", "added a place where notices go.", "target user service"),
    _row("notice_target.disabled", "approvals", "switched off a place where notices go.", "target user"),
    _row("notice_target.removed", "approvals", "removed a place where notices go.", "target user service"),
    _row("notice_target.tried", "approvals", "tried a place where notices go.", "target user service"),
    _row("notice_wishes.changed", "approvals", "changed how they want to be told.", "user"),
    _row("password.changed", "governance", "changed a password.", "user"),
    _row("policy.activated", "governance", "activated a policy.", "policy before=policy? rules=count"),
    _row("policy.approved", "governance", "approved a policy.", "policy"),
    _row("policy.drafted", "governance", "drafted a policy.", "policy rules=count"),
    _row("policy.rolled_back", "governance", "went back to an earlier policy.", "policy before=policy"),
    _row("policy.shadowed", "governance", "let a policy run in the shadow.", "policy"),
    _row("policy.unshadowed", "governance", "took a policy out of the shadow.", "policy"),
    _row("policy.validated", "governance", "validated a policy.", "policy score"),
    _row("preference.changed", "governance", "changed a preference of their own.", "single_keys"),
    _row(
        "proposal.approval_undone",
        "suggestions",
        "undid an approval: the proposal waits again.",
        "decision action_digest",
        "{actor} undid the approval: it waits again",
        tells=Tells.UNDONE,
    ),
    _row(
        "proposal.approved",
        "suggestions",
        "approved the proposal.",
        _ANSWER + " rank? edited? agreed? asked?",
        "Approved",
        tells=Tells.OVERRULED,
    ),
    _row("proposal.blocked", "suggestions", "blocked the proposal.", _ANSWER, "Blocked by the policy"),
    _row(
        "proposal.escalated",
        "approvals",
        "sent the proposal to another team.",
        "from to version deadline? reason?",
        "{actor} asks {to} in the place of {from}",
        tells=Tells.NEXT_TEAM,
    ),
    _row(
        "proposal.escalation_skipped",
        "approvals",
        "left the proposal with its team.",
        "from to why",
        "It stays where it is and does not go to {to}: {why}",
    ),
    _row(
        "proposal.expired",
        "suggestions",
        "let the proposal expire: nobody decided in time.",
        _ANSWER,
        "Expired: nobody decided in time",
        tells=Tells.OVERRULED,
    ),
    _row(
        "proposal.rejected",
        "suggestions",
        "rejected the proposal.",
        _ANSWER,
        "Rejected",
        tells=Tells.OVERRULED,
    ),
    _row(
        "proposal.reminded",
        "approvals",
        "reminded people of the proposal.",
        "deadline teams",
        "People were reminded that the time ends",
        tells=Tells.ON_IT,
    ),
    _row(
        "proposal.reopened",
        "approvals",
        "let the agent ask again.",
        "actions=count rejected? reason?",
        "{actor} lets the agent ask again",
    ),
    _row(
        "proposal.returned",
        "suggestions",
        "returned the proposal to the agent.",
        _ANSWER,
        "Returned to the agent",
        tells=Tells.OVERRULED,
    ),
    _row(
        "proposal.returned_edited",
        "execution",
        "gave the proposal back to its reviewers, with other arguments.",
        "execution action_digest decisions deadline?",
        "It waits for people again, and what they had decided does not count any more",
        tells=Tells.TEAMS,
    ),
    _row(
        "proposal.returned_stale",
        "execution",
        "gave the proposal back to its reviewers: what it rested on has moved.",
        "execution action_digest decisions deadline?",
        "It waits for people again, and what they had decided does not count any more",
        tells=Tells.TEAMS,
    ),
    _row(
        "proposal.submitted",
        "suggestions",
        "handed in a proposal.",
        _SUBMITTED,
        "Proposed by {actor}",
        tells=Tells.TEAMS,
    ),
    _row(
        "proposal.withdrawn",
        "suggestions",
        "withdrew the proposal.",
        _ANSWER,
        "Withdrawn by {actor}",
        tells=Tells.OVERRULED,
    ),
    _row(
        "request.refused",
        "audit",
        "was refused a request ({status}).",
        "status? method? route? request? refusal? problem? fields? boundary? actions=action_names? "
        "items? count?",
        "{actor} asked for it again and was refused",
    ),
    _row(
        "requests.refused",
        "audit",
        "was refused {count} requests in one minute.",
        "minute count of=list? address? other_sources? written_singly?",
    ),
    _row(
        "sample.answered",
        "approvals",
        "said whether what had passed was right: {answer}.",
        "sample answer action reason?",
        "{actor} says that it was {answer}",
    ),
    _row(
        "sample.chosen",
        "suggestions",
        "chose what had passed for a check afterwards.",
        "sample share",
        "Chosen by chance to be checked afterwards",
    ),
    _row("sample.dropped", "suggestions", "dropped a check afterwards: people decide now.", "sample"),
    _row(
        "sample.expired",
        "approvals",
        "stopped asking whether what had passed was right.",
        "sample",
        "Nobody said whether it was right",
    ),
    _row(
        "sample.opened",
        "approvals",
        "asked whether what had passed was right.",
        "sample team",
        "Asked whether it was right",
        tells=Tells.CHECKERS,
    ),
    _row("sample.refused", "approvals", "was refused an answer to a check afterwards.", "refusal"),
    _row("sample.sent", "approvals", "handed in a sample proposal.", "replayed"),
    _row("second_factor.added", "reviewapp", "added a second factor.", "user type"),
    _row("second_factor.removed", "reviewapp", "removed a second factor.", "user type"),
    _row(
        "second_review.answered",
        "approvals",
        "decided a second time.",
        "second_review verdict agrees reason? rank?",
        "Decided a second time, without being changed",
    ),
    _row(
        "second_review.chosen",
        "approvals",
        "chose the proposal for a second decision.",
        "second_review share of=count",
        "Chosen by chance to be decided a second time",
    ),
    _row("second_review.dropped", "approvals", "dropped a second decision.", "second_review"),
    _row(
        "second_review.expired",
        "approvals",
        "stopped waiting for a second decision.",
        "second_review",
        "Nobody decided a second time",
    ),
    _row("second_review.refused", "approvals", "was refused a second decision.", "verdict refusal"),
    _row("second_review.settled", "approvals", "settled how two decisions differ.", "second_review"),
    _row("secret.deleted", "governance", "deleted the secret {secret}.", "secret used_by=action_names"),
    _row(
        "secret.granted",
        "governance",
        "changed who may use the secret {secret}.",
        "secret before=action_names granted_to=action_names",
    ),
    _row(
        "secret.resealed",
        "governance",
        "encrypted {count} {what} under the newest key.",
        "count what=sealed_things",
    ),
    _row("secret.rotated", "governance", "encrypted the secret {secret} under the newest key.", "secret"),
    _row("secret.used", "governance", "used the secret {secret} at {place}.", "secret action place"),
    _row(
        "secret.written",
        "governance",
        "wrote the value of the secret {secret}.",
        "secret granted_to=action_names replaced",
    ),
    _row("session.closed", "reviewapp", "signed out."),
    _row("session.confirmed", "reviewapp", "confirmed who they are.", "method"),
    _row("session.opened", "reviewapp", "signed in.", "address device"),
    _row(
        "session.refused", "governance", "was refused when signing in.", "reason=plain user address? often?"
    ),
    _row(
        "signing_key.changed",
        "audit",
        "signed a checkpoint of the log with other keys than before.",
        "keys=verifier_keys before=verifier_keys",
    ),
    _row(
        "standing_approval.activated",
        "governance",
        "activated a standing approval.",
        _STANDING,
        "{actor} activated the standing approval",
    ),
    _row(
        "standing_approval.drafted",
        "governance",
        "drafted a standing approval.",
        _STANDING + " lasts_seconds",
        "{actor} drafted a standing approval for the like of this",
    ),
    _row(
        "standing_approval.ended",
        "governance",
        "ended a standing approval.",
        _STANDING + " of=uses reason?",
        "The standing approval ended",
    ),
    _row(
        "standing_approval.expired",
        "governance",
        "ended a standing approval: its time was over.",
        _STANDING + " of=uses reason?",
        "The standing approval’s time was over",
    ),
    _row(
        "standing_approval.revoked",
        "governance",
        "revoked a standing approval.",
        _STANDING + " of=uses reason?",
        "{actor} revoked the standing approval",
    ),
    _row(
        "standing_approval.used",
        "suggestions",
        "let the proposal pass by a standing approval.",
        "standing_approval action action_digest left",
        "Passed by a standing approval",
    ),
    _row(
        "step.settled",
        "execution",
        "found out of step {step}, of which nobody knew, that it was {found_to_be}.",
        "execution step found_to_be said steps?",
        "{actor} found out that step {step} was {found_to_be}",
    ),
    _row(
        "step.skipped",
        "execution",
        "left out a step of the action.",
        "execution step said?",
        "{actor} left out step {step}",
    ),
    _row(
        "step.completed",
        "execution",
        "completed a step of the action.",
        "execution step receipt",
        "Step {step} completed",
    ),
    _row("user.activated", "governance", "let {name} sign in again.", "user name"),
    _row("user.created", "governance", "created an account for {name}.", "user name roles teams invited?"),
    _row("user.deactivated", "governance", "shut the account of {name}.", "user name"),
    _row(
        "user.permission_taken",
        "governance",
        "took a single permission from {name}.",
        "user name permission",
    ),
    _row("user.role_given", "governance", "gave {name} the role {role}.", "user name role"),
    _row("user.role_taken", "governance", "took the role {role} from {name}.", "user name role"),
    _row("user.team_joined", "governance", "put {name} into the team {team}.", "user name team"),
    _row("user.team_left", "governance", "took {name} out of the team {team}.", "user name team"),
]
EVENT_TYPES = {row.name: row for row in _ROWS}
