"""What the application's role may do: read and write rows, add to the log, and change no table.

The role owns nothing, so that nobody who takes over a web process or a worker
can alter a table or switch a trigger off. Granted again after every migration,
to tables old and new alike.
"""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# The log and what proves it: rows are added to these, and never changed.
LOGS = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_cosignature")
MIGRATIONS = "django_migrations"


def grant(connection: BaseDatabaseWrapper, *, role: str) -> None:
    """Give `role` its rights on the tables of `connection`'s user, all of them or none."""
    with connection.cursor() as cursor, transaction.atomic(using=connection.alias):
        cursor.execute("SELECT current_schema()")
        [schema] = cursor.fetchone() or [""]
        name = connection.ops.quote_name(role)
        schema = connection.ops.quote_name(schema)
        there = {*connection.introspection.table_names(cursor)}
        for statement in [
            f"GRANT USAGE ON SCHEMA {schema} TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
        ]:
            cursor.execute(statement)
        for table in there & {MIGRATIONS, *LOGS}:
            insert = "INSERT, " if table == MIGRATIONS else ""
            cursor.execute(f"REVOKE {insert}UPDATE, DELETE, TRUNCATE ON {table} FROM {name}")
