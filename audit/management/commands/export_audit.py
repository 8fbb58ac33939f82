import os
import sys
from argparse import ArgumentParser
from contextlib import closing
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from audit.evidence.export import FORMATS, export
from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.log.read import Filters


class Command(BaseCommand):
    help = (
        "Write the audit log to standard output or a file, oldest event first. JSONL holds the exact "
        "bytes of the log, a line for each event; CSV is for spreadsheets. The export is itself an event."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", required=True, choices=list(FORMATS))
        parser.add_argument("--since", default="", help="written at that time or later: 2026-11-22T16:00:00Z")
        parser.add_argument("--until", default="", help="written before that time")
        parser.add_argument(
            "--type", default="", help="proposal.submitted, or proposal. for all that begin so"
        )
        parser.add_argument("--actor", default="", help="name of who did it, as it is printed")
        parser.add_argument("--action", default="", help="name of the kind of action")
        parser.add_argument("--proposal", default="", help="all that happened to one")
        parser.add_argument(
            "--output", metavar="FILE", help="instead of standard output; readable by you alone"
        )

    def handle(self, *args: Any, format: str, output: str | None, **options: Any) -> None:
        try:
            filters = Filters.read(options)
        except Invalid as refusal:
            raise CommandError(" ".join(error["detail"] for error in refusal.errors)) from refusal
        try:
            with _opened(output) as target, closing(export(format, filters, actor=SYSTEM)) as pieces:  # type: ignore[type-var]
                for piece in pieces:
                    target.write(piece)
                target.flush()
        except BrokenPipeError:
            # `| head` has enough; what Python would still flush at its end goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise CommandError(
                f"{output or 'standard output'} cannot be written: {error.strerror}"
            ) from error


def _opened(output: str | None) -> BinaryIO:
    if output is None:
        return open(sys.stdout.fileno(), "wb", closefd=False)
    return open(output, "wb", opener=lambda path, flags: os.open(path, flags, 0o600))
