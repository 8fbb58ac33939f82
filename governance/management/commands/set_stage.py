from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from governance.agents import AgentRefused, set_stage
from governance.models import Agent, Autonomy


class Command(BaseCommand):
    help = "Set how far an agent is trusted with one action. The last line printed is the stage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent")
        parser.add_argument("action", help="the name of an action type")
        stages = ", ".join(f"{stage.value} {stage.label.lower()}" for stage in Autonomy.Stage)
        parser.add_argument("stage", type=int, choices=Autonomy.Stage.values, help=stages)

    def handle(self, *args: Any, agent: str, action: str, stage: int, **options: Any) -> None:
        found = Agent.objects.filter(name=agent).first()
        if found is None:
            raise CommandError(f"There is no agent {agent}.")
        try:
            changed = set_stage(found, action, stage, actor=SYSTEM)
        except AgentRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{agent} {action}: {'now' if changed else 'stays'} {Autonomy.Stage(stage).label.lower()}"
        )
        self.stdout.write(str(stage))
