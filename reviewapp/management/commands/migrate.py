"""Django's `migrate`, as the owner of the tables and on one machine at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, Error, connections

from reviewapp import embedded, new_database, privileges

OWNER = "owner"
LOCK = 0x7265_7669_6577  # any number that nothing else in this database locks
WAIT_SECONDS = 1.0


class Command(migrate.Command):
    help = "Bring the database's tables up to date, and say what the application's role may do with them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER if OWNER in settings.DATABASES else DEFAULT_DB_ALIAS)

    def execute(self, *args: Any, **options: Any) -> str | None:
        if _owner_is_locked_out(options["database"]):
            if not (options["plan"] or options["check_unapplied"]):
                raise CommandError(
                    "Nobody knows the password of the embedded tables' owner: "
                    "`manage.py up` migrates whenever it starts, so start it again."
                )
            options["database"] = DEFAULT_DB_ALIAS
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        with self._alone(alias):
            if _wants_all(options) and new_database.is_empty(connections[alias]):
                new_database.make(connections[alias])
            super().handle(*args, **options)
            self._grant(alias)

    def _grant(self, alias: str) -> None:
        role = connections[DEFAULT_DB_ALIAS].settings_dict["USER"]
        if role and role != connections[alias].settings_dict["USER"]:
            privileges.grant(connections[alias], role=role)

    @contextmanager
    def _alone(self, alias: str) -> Iterator[None]:
        """Hold the lock of all migrations of this database; it goes with the connection if we die."""
        with connections[alias].cursor() as cursor:
            told = False
            # Asked for again and again: waiting in the database would run into its lock_timeout.
            while not self._locked(cursor):
                if not told:
                    self.stdout.write("Another machine is migrating this database; waiting for it.")
                    told = True
                time.sleep(WAIT_SECONDS)
            try:
                yield
            finally:
                with suppress(Error):  # a broken connection has let go of it by itself
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    @staticmethod
    def _locked(cursor: Any) -> bool:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _wants_all(options: dict[str, Any]) -> bool:
    return not (options["app_label"] or options["fake"])


def _owner_is_locked_out(alias: str) -> bool:
    return embedded.in_use() and alias == OWNER and not connections[alias].settings_dict["PASSWORD"]
