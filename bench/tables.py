"""The bench's own database and Valkey: emptied, copied, and asked what they use."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import psycopg
import redis
from psycopg import sql

from bench.processes import cpu_of, family
from reviewapp.privileges import LOGS

if TYPE_CHECKING:
    from reviewapp.embedded.services import Services

EMPTIED = ("suggestions_", "execution_", "approvals_", "audit_")
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
LONGEST = 60.0  # seconds that a worker may take for what it has begun


class Tables:
    services: Services

    def owner(self) -> psycopg.Connection:
        return psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True)

    def application(self) -> psycopg.Connection:
        return psycopg.connect(os.environ["DATABASE_URL"])

    def valkey(self) -> redis.Redis:
        """Use it as a context."""
        from django.conf import settings

        return redis.Redis.from_url(settings.VALKEY_URL)

    def empty(self) -> None:
        """No proposals, no events, no messages about them. Only the owner of a throw-away log can do this."""
        from reviewapp.celery import app

        app.control.purge()
        with self.owner() as connection:
            rows = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            tables = [name for (name,) in rows if name.startswith(EMPTIED)]
            for log in LOGS:
                connection.execute(f"ALTER TABLE {log} DISABLE TRIGGER USER")
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
            for log in LOGS:
                connection.execute(f"ALTER TABLE {log} ENABLE TRIGGER USER")

    @contextlib.contextmanager
    def copy(self, name: str) -> Iterator[None]:
        """A second database that is now as the first one is. Nobody may be connected to that."""
        from django.db import connections

        self.end_who_stays()
        connections.close_all()
        first = sql.Identifier(address_of("DATABASE_URL").path.removeprefix("/"))
        with self.database(name, like=first):
            yield

    @contextlib.contextmanager
    def database(self, name: str, *, like: sql.Identifier | None = None) -> Iterator[None]:
        """A database of the owner's, empty or like another one, for as long as it is needed."""
        new, owner = sql.Identifier(name), sql.Identifier(str(address_of("DATABASE_OWNER_URL").username))
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(new)
        template = like or sql.Identifier("template1")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(new, template, owner)
        with psycopg.connect(self.services.superuser_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(drop)
            connection.execute(create)
            try:
                yield
            finally:
                connection.execute(drop)

    def end_who_stays(self) -> None:
        """Whoever may be connected."""
        raise NotImplementedError

    def wait_until_carried_out(self, number: int) -> None:
        """Until so many executions have come to an end; raises where that takes too long, or ends badly."""
        deadline, ask = (
            time.monotonic() + LONGEST,
            "SELECT status, count(*) FROM execution_execution GROUP BY 1",
        )
        with self.owner() as connection:
            while True:
                rows = connection.execute(ask).fetchall()
                if rows == [("succeeded", number)]:
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Of {number} executions not all succeeded: {dict(rows)}")
                time.sleep(0.02)

    def durability(self) -> dict[str, str]:
        """What the figures rest on. Raises where somebody made the database forgetful."""
        with self.owner() as connection:
            found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in DURABLE}  # type: ignore[index]
            found["server_version"] = connection.execute("SHOW server_version").fetchone()[0]  # type: ignore[index]
        if any(found[name] != wanted for name, wanted in DURABLE.items()):
            raise RuntimeError(f"The database is not durable: {found}")
        return found

    def database_cpu(self) -> float:
        """Seconds of CPU that PostgreSQL has used since it started."""
        return cpu_of(family(self._postmaster()))

    def ours(self) -> list[int]:
        """The heads of the families of processes that the bench is; others may have started its services."""
        return [os.getpid(), self._postmaster(), self._valkey()]

    def _postmaster(self) -> int:
        file = self.services.postgres.home.postgres / "postmaster.pid"
        return int(file.read_text().split()[0])

    def _valkey(self) -> int:
        with self.valkey() as valkey:
            return int(valkey.info("server")["process_id"])


def address_of(name: str) -> SplitResult:
    """The address that stands in the environment under this name, in its parts."""
    return urlsplit(os.environ[name])
