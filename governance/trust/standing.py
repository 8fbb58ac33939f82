"""Standing approvals: drafted by one person, activated by another, used by the policy, ended.

One acts like a rule of the policy that says `auto_approve`, for the agent and the action it
names: what any other rule says of a proposal wins over it, and `governance.trust.passing` still has
the last word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from pydantic import BaseModel, ConfigDict, Field, model_validator

from audit.ground.actors import TIMER, Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.actions.risk import floor_of
from governance.expressions.cel import BadExpression, Expression, NoAnswer
from governance.models import (
    ActionType,
    Agent,
    Autonomy,
    Deployment,
    Halt,
    Risk,
    StandingApproval,
    Team,
    User,
)
from governance.models.standing import LONGEST, MOST_USES
from governance.trust import halts

VARIABLES = ("agent", "action", "args", "subject")
RULE = "standing approval"  # no rule of a policy has such a name
SIGNED_BY = 2  # people; where a policy asks for more, it does not count
DAYS, USES = 7, 20  # unless the one who drafts it says otherwise
DRAFT_WAITS = timedelta(days=7)
MOST_PER_AGENT = 100  # drafts and active ones together: each is asked with the agent's proposals
AT_ONCE = 500
Status = StandingApproval.Status


class NotYourTeam(Refusal):
    """Who could not have approved the one can't approve the like of it."""

    detail = "This standing approval is for a team that you are not in."


class YourOwnAgent(Refusal):
    """Four eyes: the owner of an agent answers for it."""

    detail = "You own this agent, so others have to draft and activate its standing approvals."


class YourOwnDraft(Refusal):
    """A standing approval takes two people."""

    detail = "You drafted this, so somebody else has to activate it."


class NotOpen(Refusal):
    """It is not in a state from which it can be moved like this."""

    def __init__(self, approval: StandingApproval) -> None:
        super().__init__(
            f"This standing approval is {approval.get_status_display()}.", status=approval.status
        )


class TooMany(Refusal):
    detail = f"This agent has {MOST_PER_AGENT} standing approvals that wait or count; revoke some first."


# --- What it says -----------------------------------------------------------------------------------


Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)]


class Bound(BaseModel):
    """What one argument may be: exactly one of these, or `at_least` and `at_most` together."""

    model_config = ConfigDict(extra="forbid")
    equal: Any = None
    one_of: list[Any] | None = Field(None, min_length=1, max_length=50)
    at_least: Number | None = None
    at_most: Number | None = None
    prefix: str | None = Field(None, min_length=1, max_length=500)
    any: Literal[True] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Bound:
        said = self.model_fields_set
        if any(getattr(self, name) is None for name in said - {"equal"}):
            raise ValueError("Leave out what is not said.")
        if len(said) != 1 and said != {"at_least", "at_most"}:
            raise ValueError(
                "Say one of equal, one_of, prefix, any, or at_least and at_most, for each argument."
            )
        return self

    def said(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    def condition(self, argument: str) -> list[str]:
        """The CEL conditions on `argument`; none where anything goes."""
        found = []
        for name, value in self.said().items():
            written = as_cel(value)
            found += {
                "equal": [f"{argument} == {written}"],
                "one_of": [f"{argument} in {written}"],
                "at_least": [f"{argument} >= {written}"],
                "at_most": [f"{argument} <= {written}"],
                "prefix": [f"{argument}.startsWith({written})"],
                "any": [],
            }[name]
        return found

    def covers(self, value: Any) -> bool:
        """Whether it allows this value of an argument."""
        conditions = self.condition("args.value")
        try:
            return all(compiled(one).holds({**_NOTHING, "args": {"value": value}}) for one in conditions)
        except NoAnswer:
            return False


@dataclass(frozen=True)
class Scope:
    """What a standing approval is about. `version` None: any; `subject` None: any."""

    agent: Agent
    action: str
    version: int | None
    subject: tuple[str, str] | None
    arguments: Mapping[str, Bound]

    def rule(self) -> str:
        """The whole of it as a CEL expression, a line for each condition.

        An argument that it does not name must not be there, and one that it bounds must be there.
        """
        conditions = [f"agent.name == {as_cel(self.agent.name)}", f"action.name == {as_cel(self.action)}"]
        if self.version is not None:
            conditions.append(f"action.version == {self.version}")
        if self.subject is not None:
            kind, name = map(as_cel, self.subject)
            conditions.append(f"subject.type == {kind} && subject.id == {name}")
        names = sorted(self.arguments)
        conditions.append(f"args.all(name, name in {as_cel(names)})")
        for name in names:
            conditions += self.arguments[name].condition(_argument(name))
        return "\n&& ".join(conditions)


_NOTHING: dict[str, Any] = dict.fromkeys(VARIABLES)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let"}
    | {"loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)


def _argument(name: str) -> str:
    plain = _IDENTIFIER.fullmatch(name) and name not in _RESERVED
    return f"args.{name}" if plain else f"args[{as_cel(name)}]"


def as_cel(value: Any) -> str:
    """A JSON value as CEL spells it, which is how JSON does."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def compiled(rule: str) -> Expression:
    """Raises `BadExpression`."""
    return Expression(rule, VARIABLES)


# --- Its life -----------------------------------------------------------------------------------------


@transaction.atomic
def draft(
    scope: Scope,
    *,
    team: Team,
    proposal: UUID,
    by: User,
    actor: Actor,
    lasts: timedelta = timedelta(days=DAYS),
    uses: int = USES,
    note: str = "",
) -> StandingApproval:
    """Write down what the like of `proposal` is; it counts for nothing before somebody else activates it.

    Raises `Invalid`, `NotYourTeam`, `YourOwnAgent`, `TooMany`.
    """
    _check_person(by, team_id=team.pk, agent=scope.agent)
    if not timedelta(0) < lasts <= LONGEST:
        raise Invalid.field("/lasts", f"A standing approval lasts up to {LONGEST.days} days.")
    if not 1 <= uses <= MOST_USES:
        raise Invalid.field("/uses", f"A standing approval is for 1 to {MOST_USES:,} uses.")
    rule = scope.rule()
    try:
        compiled(rule)
    except BadExpression as error:
        raise Invalid.field("/arguments", f"This makes no rule that could be asked: {error}") from error
    Agent.objects.select_for_update(no_key=True).get(pk=scope.agent.pk)
    if _open(scope.agent).count() >= MOST_PER_AGENT:
        raise TooMany
    subject_type, subject_id = scope.subject or ("", "")
    approval = StandingApproval.objects.create(
        agent=scope.agent,
        action=scope.action,
        version=scope.version,
        subject_type=subject_type,
        subject_id=subject_id,
        any_subject=scope.subject is None,
        arguments={name: bound.said() for name, bound in scope.arguments.items()},
        rule=rule,
        team=team,
        proposal=proposal,
        note=note,
        uses_allowed=uses,
        lasts=lasts,
        expires_at=Now() + DRAFT_WAITS,
        drafted_by=by,
    )
    _record("drafted", approval, actor, uses=uses, lasts_seconds=int(lasts.total_seconds()))
    return approval


@transaction.atomic
def activate(approval_id: UUID, *, by: User, actor: Actor) -> StandingApproval:
    """Let it count from now on, signed by a second person.

    Raises `NotYourTeam`, `YourOwnAgent`, `YourOwnDraft`, `NotOpen`.
    """
    approval = _locked(approval_id)
    _check_person(by, team_id=approval.team_id, agent=approval.agent)
    if approval.drafted_by_id == by.pk:
        raise YourOwnDraft
    waiting = StandingApproval.objects.filter(pk=approval.pk, status=Status.DRAFT, expires_at__gt=Now())
    moved = waiting.update(
        status=Status.ACTIVE, activated_by=by, activated_at=Now(), expires_at=Now() + approval.lasts
    )
    if not moved:
        raise NotOpen(approval)
    _record("activated", approval, actor, uses=approval.uses_allowed)
    approval.refresh_from_db()
    return approval


@transaction.atomic
def revoke(approval_id: UUID, *, by: User, actor: Actor, reason: str = "") -> StandingApproval:
    """End it at once, draft or active: whoever might have activated it may, and operators.

    Raises `NotYourTeam`, `NotOpen`.
    """
    approval = _locked(approval_id)
    if not by.has_perm("governance.change_standingapproval") and not _is_in(by, approval.team_id):
        raise NotYourTeam
    if approval.status not in (Status.DRAFT, Status.ACTIVE):
        raise NotOpen(approval)
    _end(approval, Status.REVOKED, actor, by=by, reason=reason)
    return approval


def end_all_of(agent: Agent, action: str = "", *, actor: Actor, reason: str) -> int:
    """End what counts for an agent (and one action): it lost the trust that they built on.

    Called in the transaction of a demotion or of the agent's being disabled. What may pass
    afterwards takes two people's signatures anew. Returns how many there were.
    """
    active = StandingApproval.objects.active().filter(agent=agent)
    if action:
        active = active.filter(action=action)
    found = list(active.select_for_update().order_by("id"))
    for approval in found:
        _end(approval, Status.ENDED, actor, reason=reason)
    return len(found)


@transaction.atomic
def expire() -> int:
    """Write down whose time is over. They had stopped counting by themselves; returns how many."""
    overdue = StandingApproval.objects.filter(status__in=[Status.DRAFT, Status.ACTIVE], expires_at__lte=Now())
    found = list(overdue.select_for_update(skip_locked=True).order_by("expires_at")[:AT_ONCE])
    for approval in found:
        unused = "Nobody activated it in time." if approval.status == Status.DRAFT else "Its time is over."
        _end(approval, Status.EXPIRED, TIMER, reason=unused)
    return len(found)


def _end(
    approval: StandingApproval, status: str, actor: Actor, *, by: User | None = None, reason: str
) -> None:
    """For an approval that is locked."""
    StandingApproval.objects.filter(pk=approval.pk).update(
        status=status, ended_at=Now(), ended_by=by, ending_reason=reason[:300]
    )
    _record(status, approval, actor, uses=approval.uses, of=approval.uses_allowed, **_why(approval, reason))
    approval.refresh_from_db()


def _why(approval: StandingApproval, reason: str) -> dict[str, str]:
    return {"reason": commitment(bytes(approval.salt), reason)} if reason else {}


def _locked(approval_id: UUID) -> StandingApproval:
    found = StandingApproval.objects.select_for_update(of=("self",)).select_related("agent")
    return found.get(pk=approval_id)


def _open(agent: Agent) -> QuerySet[StandingApproval]:
    return StandingApproval.objects.filter(
        agent=agent, status__in=[Status.DRAFT, Status.ACTIVE], expires_at__gt=Now()
    )


def _check_person(user: User, *, team_id: str, agent: Agent) -> None:
    if not _is_in(user, team_id):
        raise NotYourTeam
    if agent.owner_id == user.pk:
        raise YourOwnAgent


def _is_in(user: User, team_id: str) -> bool:
    return user.teams.filter(pk=team_id).exists()


def _record(happened: str, approval: StandingApproval, actor: Actor, **facts: Any) -> None:
    data = {
        "standing_approval": str(approval.pk),
        "agent": str(approval.agent_id),
        "agent_name": approval.agent.name,
        "action": approval.action,
        "rule": commitment(bytes(approval.salt), approval.rule),
        **facts,
    }
    record(f"standing_approval.{happened}", actor=actor, proposal=approval.proposal, data=data)


def not_yet(approvals: Sequence[StandingApproval]) -> dict[UUID, list[str]]:
    """Why each would let nothing pass now although it is active, in sentences; in four queries."""
    agents = {one.agent_id for one in approvals}
    names = {one.action for one in approvals}
    kinds = {kind.name: kind for kind in ActionType.objects.current().filter(name__in=names)}
    trusted = Autonomy.objects.filter(agent__in=agents, action__in=names)
    stages = {(one.agent_id, one.action): one.stage for one in trusted}
    deployed = set(Deployment.objects.active().filter(agent__in=agents).values_list("agent", flat=True))
    thrown = halts.on()
    return {
        one.pk: _not_yet(
            one,
            kinds.get(one.action),
            stage=stages.get((one.agent_id, one.action), int(Autonomy.Stage.GUIDED)),
            deployed=one.agent_id in deployed,
            halted=any(_concerns(halt, one) for halt in thrown),
        )
        for one in approvals
    }


def _concerns(halt: Halt, approval: StandingApproval) -> bool:
    if halt.scope == Halt.Scope.EVERYTHING:
        return True
    return halt.agent_id == approval.agent_id or halt.action == approval.action


def _not_yet(
    approval: StandingApproval, kind: ActionType | None, *, stage: int, deployed: bool, halted: bool
) -> list[str]:
    agent, action = approval.agent.name, approval.action
    told = [] if approval.agent.enabled else [f"{agent} is disabled."]
    if halted:
        told.append("A kill switch is on: nothing passes before it is lifted.")
    if kind is None:
        return [*told, f"There is no action type {action} any more."]
    if approval.version not in (None, kind.version):
        mine, now = approval.version, kind.version
        told.append(f"{action} is at version {now} by now; this is for version {mine} alone.")
    floor = floor_of(kind)
    begins = int(Autonomy.Stage.CONTROLLED if floor == Risk.LOW else Autonomy.Stage.STRATEGIC)
    if stage < begins:
        why = "" if floor == Risk.LOW else f", because it is of {floor.label} risk"
        at = f"{action} of {agent} is at stage {stage}"
        told.append(f"{at}: this begins to count at stage {begins}{why}.")
    if not deployed:
        told.append(f"{agent} has no active deployment; this begins to count once its proposals name one.")
    return told


# --- Its use ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """An active one, compiled; nothing in it ever changes. `said` names the two who signed it."""

    id: UUID
    action: str
    team: str
    expression: Expression
    said: str

    def covers(self, facts: Mapping[str, Any]) -> bool:
        """Whether it is about this suggestion; what can't be evaluated is not."""
        try:
            return self.expression.holds({name: facts[name] for name in VARIABLES})
        except NoAnswer:
            return False


@lru_cache(maxsize=1_024)
def ready(approval_id: UUID) -> Ready:
    """Of one that was activated; what may change of it is not in here."""
    approval = StandingApproval.objects.select_related("drafted_by", "activated_by").get(pk=approval_id)
    signed = [user.printed_name for user in (approval.drafted_by, approval.activated_by) if user]
    said = f"Passed by the standing approval of {' and '.join(signed)}"
    return Ready(approval.pk, approval.action, approval.team_id, compiled(approval.rule), said)


_TAKE = """
UPDATE governance_standingapproval
   SET uses = uses + 1, status = CASE WHEN uses + 1 = uses_allowed THEN 'used_up' ELSE status END
 WHERE id = %s AND status = 'active' AND expires_at > statement_timestamp() AND uses < uses_allowed
RETURNING uses_allowed - uses
"""
_GIVE_BACK = """
UPDATE governance_standingapproval SET uses = uses - 1, status = 'active' WHERE id = %s RETURNING uses
"""


def take(approval_id: UUID) -> int | None:
    """Use it once, in the transaction of what it lets pass; returns how many uses are left.

    None where there is none to use: used up, expired, revoked or ended, whoever was first. The row
    stays locked, so that of many at once no more get one than there are.
    """
    found = execute(_TAKE, [approval_id])
    return found[0][0] if found else None


def give_back(approval_id: UUID) -> None:
    """Undo a `take` of the same transaction, which had nothing to let pass."""
    execute(_GIVE_BACK, [approval_id])
