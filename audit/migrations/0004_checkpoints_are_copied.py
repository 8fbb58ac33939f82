from django.db import migrations, models

CREATE = """
CREATE TABLE audit_copy (
    place text PRIMARY KEY,
    size bigint NOT NULL DEFAULT 0,
    at timestamptz,
    error text NOT NULL DEFAULT '',
    due_at timestamptz NOT NULL DEFAULT statement_timestamp()
);
CREATE TABLE audit_cosignature (
    size bigint,
    witness text,
    line text NOT NULL,
    at timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (size, witness)
);
CREATE TRIGGER audit_cosignature_rows_stay BEFORE UPDATE OR DELETE ON audit_cosignature
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_cosignature_table_stays BEFORE TRUNCATE ON audit_cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_events_are_sealed")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE, "DROP TABLE audit_cosignature, audit_copy")],
            state_operations=[
                migrations.CreateModel(
                    name="CheckpointCopy",
                    fields=[
                        ("place", models.TextField(primary_key=True, serialize=False)),
                        ("size", models.BigIntegerField(help_text="Of what it acknowledged last; 0: nothing yet.")),
                        ("at", models.DateTimeField(null=True)),
                        ("error", models.TextField(help_text="What went wrong last, in our words.")),
                        ("due_at", models.DateTimeField()),
                    ],
                    options={"db_table": "audit_copy", "ordering": ["place"], "default_permissions": ()},
                ),
            ],
        ),
    ]
