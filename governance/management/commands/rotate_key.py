from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from audit.ground.durations import argument
from governance.door.keys import OVERLAP, PREFIX_LENGTH, SecretRefused, UnknownSecret, find, rotate


class Command(BaseCommand):
    help = (
        "Create a key or token in place of another, which ends after an overlap. "
        "The last line printed is the new one, shown this once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", help=f"the first {PREFIX_LENGTH} characters or more of the old one")
        parser.add_argument(
            "--overlap", type=argument, default=OVERLAP, help="how long the old one still works: 24h"
        )

    def handle(self, *args: Any, prefix: str, overlap: Any, **options: Any) -> None:
        try:
            old = find(prefix)
            new = rotate(old, actor=SYSTEM, overlap=overlap)
        except (UnknownSecret, SecretRefused) as error:
            raise CommandError(str(error)) from error
        old.refresh_from_db()
        self.stdout.write(f"{old.prefix}… ends at {old.expires_at:%Y-%m-%d %H:%M} UTC. In its place:")
        self.stdout.write(new)
