"""`manage.py restart`: the processes of a running `up` anew, while everybody works on."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS

from reviewapp.processes import restarting
from reviewapp.web import static_files

SECONDS = 400.0  # more than web, worker and beat may take


class Command(BaseCommand):
    help = (
        "Start web, worker and beat of the running `up` anew, one after the other: each is ready before "
        "the one it replaces finishes what it has and ends. For new code and new variables of `up` itself, "
        "and for migrations, start `up` again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", type=float, default=SECONDS, help="seconds to wait for the end of it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            call_command("migrate", check_unapplied=True, database=DEFAULT_DB_ALIAS, verbosity=0)
        except SystemExit:
            raise CommandError(
                "There are migrations to apply: start `manage.py up` again, which does that first."
            ) from None
        static_files.collect()
        try:
            said = restarting.ask(settings.VAR_DIR.resolve(), seconds=options["wait"])
        except restarting.NotRunning:
            raise CommandError(f"No `manage.py up` is running on {settings.VAR_DIR.resolve()}.") from None
        if said is None:
            raise CommandError(f"It is not done after {options['wait']:g} s; see what `up` says.")
        if said:
            raise CommandError(said)
        self.stdout.write("Restarted.")
