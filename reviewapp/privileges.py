"""What the application's role may do: read and write rows, add to the log, and change no table.

The role owns nothing, so that nobody who takes over a web process or a worker
can alter a table or switch a trigger off. Granted again after every migration,
to tables old and new alike.
"""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

LOG = "audit_event"
MIGRATIONS = "django_migrations"


def grant(connection: BaseDatabaseWrapper, *, role: str) -> None:
    """Give `role` its rights on the tables of `connection`'s user, all of them or none."""
    with connection.cursor() as cursor, transaction.atomic(using=connection.alias):
        cursor.execute("SELECT current_schema(), to_regclass(%s), to_regclass(%s)", [LOG, MIGRATIONS])
        found = cursor.fetchone()
        schema, log, migrations = (str(name) if name else "" for name in found or ("", "", ""))
        name = connection.ops.quote_name(role)
        schema = connection.ops.quote_name(schema)
        for statement in [
            f"GRANT USAGE ON SCHEMA {schema} TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
            log and f"REVOKE UPDATE, DELETE, TRUNCATE ON {log} FROM {name}",
            migrations and f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {migrations} FROM {name}",
        ]:
            if statement:
                cursor.execute(statement)
