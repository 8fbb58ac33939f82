from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from governance.door.keys import PREFIX_LENGTH, UnknownSecret, find, revoke


class Command(BaseCommand):
    help = "Revoke an agent's key or a person's API token. The last line printed is what it began with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", help=f"its first {PREFIX_LENGTH} characters or more, such as rk_a1b2c3")

    def handle(self, *args: Any, prefix: str, **options: Any) -> None:
        try:
            secret = find(prefix)
        except UnknownSecret as error:
            raise CommandError(str(error)) from error
        if not revoke(secret, actor=SYSTEM):
            raise CommandError(f"{secret.prefix} was revoked before.")
        self.stdout.write("Revoked:")
        self.stdout.write(secret.prefix)
