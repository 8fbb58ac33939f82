"""A database with nothing in it: made at once as all migrations together would leave it.

One after the other they take ten times as long, because Django draws up the models anew for each of their
operations. Here the tables are made of the models that they lead to, and all are noted as applied. What no
model knows, functions and triggers, is the migrations' own SQL; where that is `elidable` it is about rows
or tables that were there before, and so is all Python in migrations. A test holds both ways to the same
catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import CreateModel, Migration, RunSQL, SeparateDatabaseAndState
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Model

# Is for tables with rows in them, and can't be in a transaction.
BESIDE_WRITERS = "CREATE INDEX CONCURRENTLY"


def is_empty(connection: BaseDatabaseWrapper) -> bool:
    return not connection.introspection.table_names()


def make(connection: BaseDatabaseWrapper) -> None:
    """Make every table, all of it or nothing; rows that belong there come with `post_migrate`."""
    executor = MigrationExecutor(connection)
    migrations = [one for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    with transaction.atomic(using=connection.alias):
        with connection.schema_editor() as editor:
            for model in _models(migrations):
                if router.allow_migrate_model(connection.alias, model):
                    editor.create_model(model)
            for statement in _statements(migrations):
                editor.execute(statement, params=None)
        executor.recorder.ensure_schema()
        for migration in migrations:
            executor.recorder.record_applied(migration.app_label, migration.name)


def _models(migrations: Iterable[Migration]) -> Iterator[type[Model]]:
    """The models that the migrations lead to, without those whose tables they make by statements."""
    state, stated = ProjectState(), set()
    for migration in migrations:
        state = migration.mutate_state(state, preserve=False)
        for one in migration.operations:
            if isinstance(one, SeparateDatabaseAndState) and list(_statements_of(one)):
                made = {made.name_lower for made in one.state_operations if isinstance(made, CreateModel)}
                stated |= {(migration.app_label, name) for name in made}
    for model in state.apps.get_models():
        if (model._meta.app_label, model._meta.model_name) not in stated:
            yield model


def _statements(migrations: Iterable[Migration]) -> Iterator[str]:
    for migration in migrations:
        for one in migration.operations:
            yield from _statements_of(one)


def _statements_of(one: Operation) -> Iterator[str]:
    inner = one.database_operations if isinstance(one, SeparateDatabaseAndState) else [one]
    for each in inner:
        if isinstance(each, RunSQL) and not each.elidable:
            yield str(each.sql).replace(BESIDE_WRITERS, "CREATE INDEX")
