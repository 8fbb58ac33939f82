from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.durations import argument
from governance.door.keys import SecretRefused, issue_token
from governance.models import User


class Command(BaseCommand):
    help = "Create an API token for a person. The last line printed is the token, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="whose token it is; it may do what they may")
        parser.add_argument("--name", default="", help="what it is for")
        parser.add_argument("--lasts", type=argument, help="until it ends by itself, such as 90d")

    def handle(self, *args: Any, user: str, name: str, lasts: Any, **options: Any) -> None:
        person = User.objects.filter(username=user, is_active=True).first()
        if person is None:
            raise CommandError(f"There is no active user {user}.")
        try:
            token = issue_token(person, actor=SYSTEM, name=name, lasts=lasts)
        except SecretRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"A token for {person.username}:")
        self.stdout.write(token)
