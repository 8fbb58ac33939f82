from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.sealing.keys import new_key, public_keys
from audit.sealing.origin import origin_in_use


class Command(BaseCommand):
    help = (
        "Print the verifier keys of those who sign checkpoints of the log now, the newest first: whoever "
        "checks one compares its signature with these. Hand them out by another way than the log itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--new", action="store_true", help="change nothing: print a key to put first in AUDIT_SIGNING_KEY"
        )

    def handle(self, *args: Any, new: bool, **options: Any) -> None:
        if new:
            self.stdout.write(new_key())
            return
        for key in public_keys(origin_in_use()):
            self.stdout.write(key.vkey)
