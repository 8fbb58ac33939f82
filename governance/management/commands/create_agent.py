from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from governance.agents.agents import AgentRefused, create_agent
from governance.agents.callback_secret import callback_secret
from governance.models import User


class Command(BaseCommand):
    help = "Create an agent. The last line printed is its key, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="lower-case letters, digits and hyphens")
        parser.add_argument(
            "--owner", required=True, help="the user who answers for it and never approves for it"
        )
        parser.add_argument(
            "--action",
            dest="actions",
            action="append",
            help="the name of an action type it may propose; repeatable; every one when left out",
        )

    def handle(self, *args: Any, name: str, owner: str, actions: list[str] | None, **options: Any) -> None:
        user = User.objects.filter(username=owner).first()
        if user is None:
            raise CommandError(f"There is no user {owner}.")
        try:
            agent, key = create_agent(name, owner=user, allowed_actions=actions, actor=SYSTEM)
        except AgentRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Created {agent.name}. Its callbacks are signed with: {callback_secret(agent)}")
        self.stdout.write("Its key:")
        self.stdout.write(key)
