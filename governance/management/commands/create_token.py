from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from governance.keys import issue_token
from governance.models import User


class Command(BaseCommand):
    help = "Create an API token for a person. The last line printed is the token, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="whose token it is; it may do what they may")

    def handle(self, *args: Any, user: str, **options: Any) -> None:
        person = User.objects.filter(username=user, is_active=True).first()
        if person is None:
            raise CommandError(f"There is no active user {user}.")
        token = issue_token(person, actor=SYSTEM)
        self.stdout.write(f"A token for {person.username}:")
        self.stdout.write(token)
