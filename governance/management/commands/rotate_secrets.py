from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.ground.actors import SYSTEM
from governance.secrets import box, keep


class Command(BaseCommand):
    help = (
        "Encrypt every secret under the newest key, the first of SECRETS_KEYS. Safe to run again; afterwards "
        "the older keys can be taken out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--new-key", action="store_true", help="change nothing: print a key to put first in SECRETS_KEYS"
        )

    def handle(self, *args: Any, new_key: bool, **options: Any) -> None:
        if new_key:
            self.stdout.write(box.new_key())
            return
        done = keep.rotate_all(actor=SYSTEM)
        self.stdout.write(f"{done.count} encrypted anew.")
        if done.unreadable:
            raise CommandError(
                f"Not readable with SECRETS_KEYS: {', '.join(done.unreadable)}. Give the key that they were "
                "written under, or write their values again."
            )
