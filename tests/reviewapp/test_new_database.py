"""An empty database is made at once, and becomes what one migration after the other makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from reviewapp import new_database
from tests import database

NAME = "test_reviewapp_from_nothing"

# All but the order of columns and rows.
CATALOGUE = {
    "tables": "SELECT relname, relkind, relpersistence, reloptions, relacl FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'f', 'p')",
    "columns": "SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,"
    " attidentity, attgenerated, attcollation::regcollation, pg_get_expr(adbin, adrelid)"
    " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
    " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
    " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped",
    "constraints": "SELECT conrelid::regclass, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace",
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT tgrelid::regclass, pg_get_triggerdef(oid), tgenabled FROM pg_trigger"
    " WHERE NOT tgisinternal",
    "functions": "SELECT pg_get_functiondef(oid), proacl FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace",
    "migrations": "SELECT app, name FROM django_migrations",
    "kinds of content": "SELECT app_label, model FROM django_content_type",
    "rights": "SELECT app_label, model, codename, name FROM auth_permission p"
    " JOIN django_content_type t ON t.id = content_type_id",
    "roles": "SELECT g.name, app_label, codename FROM auth_group g"
    " JOIN auth_group_permissions ON group_id = g.id JOIN auth_permission p ON p.id = permission_id"
    " JOIN django_content_type t ON t.id = content_type_id",
}


# Where an indexed column was widened, PostgreSQL wrote the same condition down with its casts elsewhere.
_CASTS = re.compile(r"::character varying|::text(\[\])?|[()]")


@pytest.fixture
def migrated(services: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, list[str]]]]:
    """Migrates a database with nothing in it, and tells what is there then."""
    owner = connections["owner"]

    def run(statement: str) -> None:
        with psycopg.connect(services.superuser_url, autocommit=True) as superuser:
            name, role = sql.Identifier(NAME), sql.Identifier(owner.settings_dict["USER"])
            superuser.execute(sql.SQL(statement).format(name=name, role=role))

    def migrate() -> dict[str, list[str]]:
        owner.close()
        run("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        run("CREATE DATABASE {name} OWNER {role}")
        call_command("migrate", verbosity=0)
        with owner.cursor() as cursor:
            return {what: _rows(cursor, question) for what, question in CATALOGUE.items()}

    monkeypatch.setitem(owner.settings_dict, "NAME", NAME)
    yield migrate
    owner.close()
    run("DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _rows(cursor: Any, question: str) -> list[str]:
    cursor.execute(question)
    return sorted(_CASTS.sub("", str(row)) for row in cursor.fetchall())


@pytest.fixture
def one_by_one(request: pytest.FixtureRequest, migrated: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What one migration after the other leads to; kept as long as they are the same, for it takes long."""
    cache, digest = request.config.cache, database.migrations_digest()
    kept = cache and cache.get("migrated/one_by_one", None)
    if not kept or kept["digest"] != digest:
        with monkeypatch.context() as patch:
            patch.setattr(new_database, "is_empty", lambda _: False)
            kept = {"digest": digest, "found": migrated()}
        if cache:
            cache.set("migrated/one_by_one", kept)
    return kept["found"]


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_both_ways_lead_to_the_same(migrated: Any, one_by_one: Any) -> None:
    at_once = migrated()
    for what in CATALOGUE:
        assert at_once[what] == one_by_one[what], what


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_one_with_something_in_it_is_left_as_it_is(migrated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> None:
        raise AssertionError("It would be made anew.")

    migrated()
    monkeypatch.setattr(new_database, "make", never)
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_what_is_cut_short_leaves_nothing(migrated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MigrationRecorder, "record_applied", killed)
        with pytest.raises(KeyboardInterrupt):
            migrated()
    assert new_database.is_empty(connections["owner"])

    call_command("migrate", verbosity=0)
    assert not new_database.is_empty(connections["owner"])
