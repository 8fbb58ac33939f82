from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid, Refusal
from governance.models import Agent, Autonomy, StageChange, User
from insights.trust.promote import set_stage


class Command(BaseCommand):
    help = (
        "Set how far an agent is trusted with one action. Trusting it further than it has earned takes "
        "an operator's name and a reason, and is recorded as granted. The last line printed is the stage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent")
        parser.add_argument("action", help="the name of an action type")
        stages = ", ".join(f"{stage.value} {stage.label.lower()}" for stage in Autonomy.Stage)
        parser.add_argument("stage", type=int, choices=Autonomy.Stage.values, help=stages)
        parser.add_argument("--as", dest="operator", default="", help="who says so; not the agent's owner")
        parser.add_argument("--reason", default="")

    def handle(
        self, *args: Any, agent: str, action: str, stage: int, operator: str, reason: str, **options: Any
    ) -> None:
        found = Agent.objects.filter(name=agent).first()
        if found is None:
            raise CommandError(f"There is no agent {agent}.")
        try:
            change = _set(found, action, stage, operator=operator, reason=reason)
        except Invalid as error:
            raise CommandError(f"Give a --reason. {error.errors[0]['detail']}") from error
        except Refusal as error:
            raise CommandError(error.detail) from error
        label = Autonomy.Stage(stage).label.lower()
        self.stdout.write(f"{agent} {action}: {'now' if change else 'stays'} {label}")
        self.stdout.write(str(stage))


def _set(agent: Agent, action: str, stage: int, *, operator: str, reason: str) -> StageChange | None:
    by = User.objects.filter(username=operator).first() if operator else None
    if operator and by is None:
        raise CommandError(f"There is nobody called {operator}.")
    known = Autonomy.objects.filter(agent=agent, action=action).values_list("stage", flat=True).first()
    rises = stage > (known or Autonomy.Stage.GUIDED)
    if rises and by is None:
        raise CommandError("To trust an agent further than it has earned, say who says so: --as OPERATOR.")
    actor = by.as_actor(authenticated_by="console") if by else SYSTEM
    why = reason if rises else reason or "Set by hand."
    return set_stage(agent, action, stage, by=by, actor=actor, reason=why)
