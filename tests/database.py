"""The tests' database: made once from the migrations, copied for each test process, emptied between tests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction
from psycopg import sql

MADE_ONCE = "test_reviewapp_migrated"
KEPT = ("django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
ONE_AT_A_TIME = 7_215_004  # any number; of the processes that start at once, one migrates


def fresh_copy(superuser_url: str) -> None:
    """Make this process's database anew, as the migrations of this checkout make it.

    The migrations run once, into a database that stays as long as they are the same; each later
    start, and each other process, takes a copy of it. Needs the embedded services.
    """
    owner = settings.DATABASES["owner"]
    with _alone(superuser_url) as connection:
        if _digest_of_copy(connection) == migrations_digest():
            _copy(connection, MADE_ONCE, to=owner["NAME"], owner=owner["USER"])
            return
        _drop(connection, MADE_ONCE)
        _drop(connection, owner["NAME"])
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(owner["NAME"]), sql.Identifier(owner["USER"])
            )
        )
        call_command("migrate", verbosity=0)
        connections.close_all()
        _copy(connection, owner["NAME"], to=MADE_ONCE, owner=owner["USER"])
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(MADE_ONCE), sql.Literal(migrations_digest())
            )
        )


def migrations_digest() -> str:
    """Changes with everything that the tests' empty database is made from."""
    digest = hashlib.sha256()
    for file in sorted(_what_migrations_read()):
        digest.update(file.relative_to(settings.BASE_DIR).as_posix().encode())
        digest.update(file.read_bytes())
    digest.update((Path(settings.BASE_DIR) / "requirements.txt").read_bytes())
    return digest.hexdigest()


def _what_migrations_read() -> Iterator[Path]:
    """Migrations, how they are carried out, and what runs after them: rights, roles, a first team."""
    root = Path(settings.BASE_DIR)
    yield from root.glob("*/migrations/*.py")
    yield root / "reviewapp" / "new_database.py"
    yield root / "reviewapp" / "privileges.py"
    yield root / "reviewapp" / "settings.py"
    yield (
        root / "governance" / "door" / "roles.py"
    )  # hands out rights and makes the first team after migrating


@contextmanager
def _alone(superuser_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        yield connection


def _digest_of_copy(connection: psycopg.Connection) -> str | None:
    found = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [MADE_ONCE]
    ).fetchone()
    return found[0] if found else None


def _copy(connection: psycopg.Connection, name: str, *, to: str, owner: str) -> None:
    _drop(connection, to)
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(to), sql.Identifier(name), sql.Identifier(owner)
        )
    )


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


# --- Between tests ----------------------------------------------------------------------------


def owner_connection() -> psycopg.Connection:
    """As the owner of the tables; the application's role may not do what tests do to clean up."""
    return psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True)


# A superuser may do without foreign keys and without the log's own trigger. A table that was written into
# has pages; where rows are few they are deleted: truncating makes new files for a table and its indexes.
EMPTY = """
DO $$
DECLARE
    used regclass[] := ARRAY(
        SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
            AND pg_relation_size(oid) > 0 AND relname NOT IN ({kept})
        ORDER BY oid);
    name regclass;
BEGIN
    SET LOCAL session_replication_role = replica;
    SET LOCAL lock_timeout = '30s';
    FOREACH name IN ARRAY used LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', name);
    END LOOP;
    FOREACH name IN ARRAY used LOOP
        IF pg_relation_size(name) > 500000 THEN
            EXECUTE format('TRUNCATE %s CASCADE', name);
        ELSE
            EXECUTE format('DELETE FROM %s', name);
        END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename), start_value, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL AND sequencename NOT IN ({own});
END $$
"""


def empty(superuser_url: str) -> None:
    """What `flush` would do, where the log refuses to be emptied even by its owner."""
    from governance.door import roles

    kept = sql.SQL(", ").join(map(sql.Literal, KEPT))
    own = sql.SQL(", ").join(sql.Literal(f"{name}_id_seq") for name in KEPT)
    name = settings.DATABASES["owner"]["NAME"]
    with psycopg.connect(superuser_url, dbname=name, autocommit=True) as connection:
        _patiently(connection, sql.SQL(EMPTY).format(kept=kept, own=own))
    roles.make_default_team()


def _patiently(connection: psycopg.Connection, statement: sql.Composed) -> None:
    """A browser that was closed may still be telling so: whoever comes second waits, or begins anew."""
    for _ in range(5):
        try:
            connection.execute(statement)
            return
        except psycopg.errors.DeadlockDetected:
            continue
    raise AssertionError("Something keeps the tables busy.")


@contextmanager
def taken_back() -> Iterator[None]:
    """What happens inside is rolled back at its end, and is within a transaction as in any test.

    Lets a fixture that lives longer than a test make its rows once: wrap what it makes in one, and
    each test in another.
    """
    block = transaction.atomic()
    block._from_testcase = True  # as Django's own test case says that a durable block may lie in it
    with block:
        yield
        transaction.set_rollback(True)
