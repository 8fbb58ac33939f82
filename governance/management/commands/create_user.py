from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audit.ground.actors import SYSTEM
from governance.door import links
from governance.door.roles import DEFAULT_TEAM
from governance.models import User
from governance.people.people import PersonRefused, create_user, create_without_password


class Command(BaseCommand):
    help = (
        "Create a person who can sign in. The last line printed is their password, or with --invite a link "
        "with which they choose it; shown this once."
    )

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

        parser.add_argument("--invite", action="store_true", help="print a link instead of a password")
        parser.add_argument("--full-name", default="", help="with --invite: as the log and people read it")
        parser.add_argument("--email", default="", help="with --invite: where links for a new password go")

    def handle(
        self, *args: Any, name: str, roles: list[str], teams: list[str] | None, **options: Any
    ) -> None:
        teams = teams or [DEFAULT_TEAM]
        if options["invite"]:
            self._invite(name, roles=roles, teams=teams, **options)
            return
        if options["full_name"] or options["email"]:
            raise CommandError("--full-name and --email go with --invite.")
        try:
            user, password = create_user(name, roles=roles, teams=teams, actor=SYSTEM)
        except PersonRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Created {user.username}: {', '.join(roles)} in {', '.join(teams)}. Password:")
        self.stdout.write(password)

    @transaction.atomic
    def _invite(
        self, name: str, *, roles: list[str], teams: list[str], full_name: str, email: str, **_: Any
    ) -> None:
        try:
            user = create_without_password(
                name, full_name=full_name, email=email, roles=roles, teams=teams, actor=SYSTEM
            )
        except PersonRefused as error:
            raise CommandError(str(error)) from error
        token = links.make(user, by=None, actor=SYSTEM)
        self.stdout.write(f"Invited {name}: {', '.join(roles)} in {', '.join(teams)}. Good once, for 7 days:")
        self.stdout.write(links.address_of(token))
