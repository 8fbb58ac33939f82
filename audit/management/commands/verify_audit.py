from __future__ import annotations

import sys
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.sealing import verifier


class Command(BaseCommand):
    help = (
        "Check an export, a bundle or a proof against signed checkpoints, as audit/sealing/verifier.py does "
        "by itself: verify_audit log EVENTS CHECKPOINT --key KEY, or verify_audit bundle FILE."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", nargs=REMAINDER, help="what verifier.py takes")

    def handle(self, *args: Any, what: list[str], **options: Any) -> None:
        sys.exit(verifier.main(what))
