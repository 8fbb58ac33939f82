from django.db import migrations


class Migration(migrations.Migration):
    """Not in a transaction, so that a long log can be written to while its index is built."""

    atomic = False
    dependencies = [("audit", "0001_events_are_append_only")]

    operations = [
        migrations.RunSQL(
            """
            CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_by_action ON audit_event (
                (coalesce(split_part(body::jsonb -> 'data' ->> 'action', '@', 1),
                    body::jsonb -> 'data' -> 'suggestions' -> 0 ->> 'action')), id)
                WHERE coalesce(split_part(body::jsonb -> 'data' ->> 'action', '@', 1),
                    body::jsonb -> 'data' -> 'suggestions' -> 0 ->> 'action') IS NOT NULL
            """,
            "DROP INDEX audit_event_by_action",
        )
    ]
