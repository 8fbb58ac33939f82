"""The first proposal of an installation: a sample that anybody can send, to see how the desk works.

The sample agent has no key: nobody can speak for it but this. What it asks for has no workflow, so
approving it calls nothing.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection, transaction

from audit.asking.bodies import check
from audit.ground.actors import Actor
from audit.ground.canonical import digest
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.actions.action_types import register
from governance.agents.agents import create_agent
from governance.door.authentication import caller_of
from governance.door.deciders import DECIDES
from governance.door.keys import revoke
from governance.door.roles import OPERATOR
from governance.models import ActionType, Agent, User
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.prepare import prepare
from suggestions.intake.submit import submit
from suggestions.models import Proposal

AGENT, ACTION = "sample-agent", "sample_note"
_DEFINITION = {
    "name": ACTION,
    "description": "A sample that does nothing: to see how proposals are decided.",
    "schema": {
        "type": "object",
        "properties": {
            "board": {"type": "string", "title": "Board", "maxLength": 60},
            "text": {"type": "string", "title": "Note", "maxLength": 200},
            "days": {"type": "integer", "title": "Days it stays", "minimum": 1, "maximum": 30},
        },
        "required": ["board", "text", "days"],
        "additionalProperties": False,
    },
    "annotations": {"destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
    "reversibility": "reversible",
    "template": "Pin “{text}” to the board {board} for {days} days",
}


class NobodyToOwnIt(Refusal):
    detail = "An agent needs an operator as its owner. Make one: manage.py create_user NAME --role operator"


def may_send(person: User) -> bool:
    """Those who decide, and those who let agents in."""
    return person.has_perm(DECIDES) or person.has_perm("governance.change_agent")


def waiting() -> Proposal | None:
    """The sample that nobody has answered yet."""
    return Proposal.objects.pending().filter(agent__name=AGENT, is_check=False).order_by("pk").first()


def is_empty() -> bool:
    """Was nothing ever proposed here?"""
    return not Proposal.objects.exists()


def send_sample(*, person: User, actor: Actor) -> Proposal:
    """Hand in a sample as the sample agent, made where it is not there yet; one that waits is used again.

    It goes before boundaries and policy like any other. Raises `NobodyToOwnIt`, and what keeps an
    agent from proposing.
    """
    agent = _ready(person, actor)
    if there := waiting():
        return there
    number = Proposal.objects.filter(agent=agent).count() + 1
    content = body(number)
    prepared = prepare(
        caller_of(agent), check(ProposalBody, content), key=f"sample-{number}", body_digest=digest(content)
    )
    [submitted] = submit(agent, [prepared])
    proposal = Proposal.objects.get(pk=submitted.proposal.pk)
    with transaction.atomic():
        record("sample.sent", actor=actor, proposal=proposal.pk, data={"replayed": submitted.replayed})
    return proposal


@transaction.atomic
def _ready(person: User, actor: Actor) -> Agent:
    """The sample agent and what it may propose; of two who ask for it at once one makes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [AGENT])
    if not ActionType.objects.filter(name=ACTION).exists():
        register(_DEFINITION, actor=actor)
    if found := Agent.objects.filter(name=AGENT).first():
        return found
    agent, _ = create_agent(AGENT, owner=_owner(person), allowed_actions=[ACTION], actor=actor)
    for key in agent.keys.all():
        revoke(key, actor=actor)
    return agent


def _owner(person: User) -> User:
    """An operator; rather not the one who asks, for an owner can't decide."""
    operators = User.objects.filter(is_active=True, groups__name=OPERATOR).order_by("pk")
    found = operators.exclude(pk=person.pk).first() or operators.filter(pk=person.pk).first()
    if found is None:
        raise NobodyToOwnIt
    return found


def body(number: int) -> dict[str, Any]:
    """What an agent sends: two suggestions, and why it thinks so."""
    return {
        "title": f"A sample to try the desk with, number {number}",
        "summary": "Approve it, reject it or return it: nothing is carried out.",
        "subject": {"type": "board", "id": "welcome"},
        "context": {"messages": [{"role": "user", "content": "Please pin a welcome note to the board."}]},
        "suggestions": [
            {
                "rank": 1,
                "action": ACTION,
                "arguments": {"board": "welcome", "text": f"Welcome to the desk ({number})", "days": 7},
                "confidence": 0.9,
                "success_probability": 0.95,
                "risk": {"level": "low"},
                "explanation": "The user asked for a note. A week is usual.",
            },
            {
                "rank": 2,
                "action": ACTION,
                "arguments": {"board": "welcome", "text": f"Hello ({number})", "days": 1},
                "confidence": 0.4,
                "explanation": "Shorter, if the board is full.",
            },
        ],
    }


def address() -> str:
    """Where agents send what they propose."""
    return f"{settings.PUBLIC_URL}/api/v1/proposals/"
