from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.durations import argument
from governance.door.keys import SecretRefused, issue_key
from governance.models import Agent


class Command(BaseCommand):
    help = "Create one more key for an agent. The last line printed is the key, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent")
        parser.add_argument("--name", default="", help="what it is for, such as the machine that has it")
        parser.add_argument("--lasts", type=argument, help="until it ends by itself, such as 90d")

    def handle(self, *args: Any, agent: str, name: str, lasts: Any, **options: Any) -> None:
        found = Agent.objects.filter(name=agent).first()
        if found is None:
            raise CommandError(f"There is no agent {agent}.")
        try:
            key = issue_key(found, actor=SYSTEM, name=name, lasts=lasts)
        except SecretRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"A key for {found.name}:")
        self.stdout.write(key)
