from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.telling import seal
from audit.ground.actors import SYSTEM
from governance.agents import sealing
from governance.secrets import box, keep
from reviewapp.accounts import second_factors

EVERYTHING = (keep.rotate_all, sealing.reseal, seal.reseal, second_factors.reseal)


class Command(BaseCommand):
    help = (
        "Encrypt everything that is kept sealed under the newest key, the first of SECRETS_KEYS: secrets, "
        "callback secrets of agents, people's addresses and second factors. Safe to run again; afterwards "
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
        done = [reseal(actor=SYSTEM) for reseal in EVERYTHING]
        self.stdout.write(f"{sum(one.count for one in done)} encrypted anew.")
        if unreadable := [name for one in done for name in one.unreadable]:
            raise CommandError(
                f"Not readable with SECRETS_KEYS: {', '.join(unreadable)}. Give the key that they were "
                "written under, or write their values again."
            )
