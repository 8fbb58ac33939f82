from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from governance.models import User
from governance.people import PersonRefused, create_user
from governance.roles import DEFAULT_TEAM


class Command(BaseCommand):
    help = "Create a person who can sign in. The last line printed is their password, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the person signs in with")
        parser.add_argument(
            "--role",
            dest="roles",
            action="append",
            required=True,
            choices=User.Roles.values,
            help="repeatable",
        )
        parser.add_argument(
            "--team",
            dest="teams",
            action="append",
            help=f"repeatable, made where it is new; {DEFAULT_TEAM} when left out",
        )

    def handle(
        self, *args: Any, name: str, roles: list[str], teams: list[str] | None, **options: Any
    ) -> None:
        teams = teams or [DEFAULT_TEAM]
        try:
            user, password = create_user(name, roles=roles, teams=teams, actor=SYSTEM)
        except PersonRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Created {user.username}: {', '.join(roles)} in {', '.join(teams)}. Password:")
        self.stdout.write(password)
