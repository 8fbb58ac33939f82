"""The kill switch: thrown at once by whoever may, lifted by an operator with a reason."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.announce import announce_notice
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements import writes
from audit.statements.prepared import execute
from governance.models import ActionType, Agent, Halt, User

LONGEST_REASON = 500

# Of an execution `e`: whether a kill switch stops it, one included that was lifted and has not
# yet given it back its time.
# Which ones are on is asked once for all executions: many may be held, and there are always few switches.
_AGENT = "coalesce(e.agent_id, (SELECT p.agent_id FROM suggestions_proposal p WHERE p.id = e.proposal_id))"
_ACTION = """coalesce(nullif(e.action, ''), (
    SELECT t.name FROM suggestions_suggestion s JOIN governance_actiontype t ON t.id = s.action_type_id
     WHERE s.id = e.suggestion_id))"""
_ON = "FROM governance_halt WHERE settled_at IS NULL AND lifted_at IS NULL"
_LIFTED = "FROM governance_halt h WHERE h.settled_at IS NULL AND h.lifted_at IS NOT NULL"
HELD = f"""(
    EXISTS (SELECT {_ON} AND scope = 'everything')
    OR {_AGENT} = ANY (ARRAY(SELECT agent_id {_ON} AND scope = 'agent'))
    OR {_ACTION} = ANY (ARRAY(SELECT action {_ON} AND scope = 'action'))
    OR (EXISTS (SELECT {_LIFTED})
        AND EXISTS (SELECT {_LIFTED} AND e.timed_from < h.lifted_at
                       AND (h.scope = 'everything' OR h.agent_id = {_AGENT} OR h.action = {_ACTION}))))"""
_KEY = "hashtextextended('governance.halts', 0)"
# `keep_out` as what goes first, in one trip with the statement that looks which ones are on.
KEEPING_OUT: writes.Part = (f"SELECT pg_advisory_xact_lock_shared({_KEY})", [])


class AlreadyHalted(Refusal):
    """There is such a kill switch, and it is on."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(f"There is a kill switch for {halt.what} already, thrown by {halt.by_name}.")
        self.halt = halt
        self.facts["halt"] = str(halt.pk)


class NotOn(Refusal):
    detail = "This kill switch was lifted before."


def keep_out() -> None:
    """Let nobody throw a kill switch before this transaction is over.

    Call it before what may begin is begun, then look which ones are on in a statement of its own:
    whoever throws one waits for it, and once it is thrown nothing begins that did not see it. Call
    it before locking an execution, or who waits for that one waits for ever.
    """
    execute(*KEEPING_OUT)


@transaction.atomic
def throw(
    scope: str,
    *,
    reason: str,
    actor: Actor,
    by: User | None = None,
    agent: Agent | None = None,
    action: str = "",
) -> Halt:
    """Stop an agent, an action type or everything; it is on when this is committed.

    From then on nothing in its scope begins to execute or passes by itself. What is in the
    middle of an attempt finishes that. Raises `Invalid`, `AlreadyHalted`.
    """
    reason = _tidy(reason)
    _check(scope, agent, action)
    with connection.cursor() as cursor:  # waits for what is about to begin, which takes milliseconds
        cursor.execute(f"SELECT pg_advisory_xact_lock({_KEY})")
    same = Halt.objects.on().filter(scope=scope, agent=agent, action=action)
    if (earlier := same.select_related("agent", "by").first()) is not None:
        raise AlreadyHalted(earlier)
    halt = Halt.objects.create(scope=scope, agent=agent, action=action, reason=reason, by=by)
    _record("halt.thrown", halt, actor, reason)
    transaction.on_commit(announce_notice, robust=True)
    return halt


def throw_named(*, scope: str, agent: str, action: str, reason: str, by: User | None, actor: Actor) -> Halt:
    """`throw`, with the agent by its name. Raises what that raises."""
    named = Agent.objects.filter(name=agent).first() if agent else None
    if agent and named is None:
        raise Invalid.field("/agent", f"There is no agent {agent[:100]}.")
    return throw(scope, agent=named, action=action, reason=reason, by=by, actor=actor)


@transaction.atomic
def lift(halt: Halt, *, reason: str, by: User, actor: Actor) -> Halt:
    """Let what was stopped go on. `execution.halting.release.lift` also sees to what was held.

    Raises `Invalid` without a reason, `NotOn` when somebody was faster.
    """
    reason = _tidy(reason)
    locked = Halt.objects.select_for_update(of=("self",)).select_related("agent", "by").get(pk=halt.pk)
    if locked.lifted_at is not None:
        raise NotOn
    Halt.objects.filter(pk=halt.pk).update(lifted_at=Now(), lifted_by=by, lifting_reason=reason)
    _record("halt.lifted", locked, actor, reason)
    transaction.on_commit(announce_notice, robust=True)
    locked.refresh_from_db()
    return locked


def on() -> list[Halt]:
    """The kill switches that are on, the widest first."""
    found = Halt.objects.on().select_related("agent", "by").order_by("at")
    return sorted(found, key=lambda halt: halt.scope != Halt.Scope.EVERYTHING)


def marks_for(agent: Agent) -> tuple[str, ...]:
    """Those that are on for an agent, as `governance.trust.passing.Circumstances` has them."""
    found = Halt.objects.on().filter(Q(agent=None) | Q(agent=agent))
    return tuple(f"action:{halt.action}" if halt.action else halt.scope for halt in found)


def _tidy(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid.field("/reason", "Say why: everybody will read it.")
    if len(reason) > LONGEST_REASON:
        raise Invalid.field("/reason", f"Say it in at most {LONGEST_REASON} characters.")
    return reason


def _check(scope: str, agent: Agent | None, action: str) -> None:
    if scope not in Halt.Scope.values:
        raise Invalid.field("/scope", f"One of {', '.join(Halt.Scope.values)}.")
    if (agent is not None) != (scope == Halt.Scope.AGENT):
        raise Invalid.field("/agent", "Name the agent, and only where the scope is an agent.")
    if bool(action) != (scope == Halt.Scope.ACTION):
        raise Invalid.field("/action", "Name the action type, and only where the scope is an action.")
    if action and not ActionType.objects.filter(name=action).exists():
        raise Invalid.field("/action", f"There is no action type {action[:100]}.")


def _record(event: str, halt: Halt, actor: Actor, reason: str) -> None:
    data = {
        "halt": str(halt.pk),
        "scope": halt.scope,
        "agent": str(halt.agent.pk) if halt.agent else None,
        "agent_name": halt.agent.name if halt.agent else None,
        "action": halt.action or None,
        "reason": commitment(bytes(halt.salt), reason),
    }
    record(event, actor=actor, data=data)
