"""Is everything as the log says?"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from audit.sealing.verifier import Wrong
from insights.fsck.checking import Check, Finding, one_snapshot
from insights.fsck.checks import CHECKS, UnknownCheck, chosen
from insights.fsck.sealed import against


class Command(BaseCommand):
    help = (
        "Derive from the log what every row has to be, and tell where it is not, a line each. All of it is "
        "of one moment; the installation may go on meanwhile. Exits with 0 where nothing differs, 1 where "
        "something does, and 2 where it could not be found out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = ", ".join(check.name for check in CHECKS)
        parser.add_argument("--only", default="", help=f"these checks alone, with commas between: {names}")
        parser.add_argument(
            "--checkpoint",
            action="append",
            default=[],
            metavar="FILE",
            help="a checkpoint that was kept elsewhere: is anything before it missing or changed?",
        )
        parser.add_argument("--json", action="store_true", help="each difference as a JSON object on a line")

    def handle(self, *args: Any, only: str, json: bool, checkpoint: list[str], **options: Any) -> None:
        try:
            checks = chosen([name.strip() for name in only.split(",") if name.strip()])
            with one_snapshot():
                kept = [against(Path(file).read_text(encoding="utf-8")) for file in checkpoint]
                count = sum(self._look(check, as_json=json) for check in (*kept, *checks))
        except (UnknownCheck, Wrong, OSError, UnicodeDecodeError) as refusal:
            raise CommandError(str(refusal), returncode=2) from refusal
        except Error as error:
            raise CommandError(f"The database could not be read: {error}", returncode=2) from error
        self.stderr.write("Everything is as the log says." if not count else f"{count:,} differences.")
        if count:
            sys.exit(1)

    def _look(self, check: Check, *, as_json: bool) -> int:
        """Print what a check finds; returns how many that are."""
        began, count = time.monotonic(), 0
        for finding in check.find():
            count += 1
            self.stdout.write(_line(finding, as_json=as_json))
        took = time.monotonic() - began
        self.stderr.write(f"{took:7.1f} s  {check.name}: {f'{count:,} differences' if count else 'ok'}")
        return count


def _line(finding: Finding, *, as_json: bool) -> str:
    return json.dumps(finding.as_json(), ensure_ascii=True) if as_json else str(finding)
