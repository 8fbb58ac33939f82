from django.db import migrations, models

CREATE = """
CREATE FUNCTION audit_event_at(body text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    -- The text always names its zone, so the answer depends on nothing but the text.
    RETURN (body::jsonb ->> 'at')::timestamptz;

CREATE TABLE audit_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body text NOT NULL,
    type text NOT NULL GENERATED ALWAYS AS (body::jsonb ->> 'type') STORED,
    at timestamptz NOT NULL GENERATED ALWAYS AS (audit_event_at(body)) STORED,
    actor text NOT NULL GENERATED ALWAYS AS (
        (body::jsonb -> 'actor' ->> 'type') || ':' || (body::jsonb -> 'actor' ->> 'id')) STORED,
    actor_name text NOT NULL GENERATED ALWAYS AS (body::jsonb -> 'actor' ->> 'name') STORED,
    proposal_id uuid GENERATED ALWAYS AS ((body::jsonb ->> 'proposal')::uuid) STORED
);
CREATE INDEX audit_event_by_type ON audit_event (type, id);
CREATE INDEX audit_event_by_actor ON audit_event (actor_name, id);
CREATE INDEX audit_event_by_proposal ON audit_event (proposal_id, id) WHERE proposal_id IS NOT NULL;
CREATE INDEX audit_event_by_time ON audit_event USING brin (at) WITH (autosummarize = on);

CREATE FUNCTION audit_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_event is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_event_rows_stay BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_refuse_change();
CREATE TRIGGER audit_event_table_stays BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse_change();
"""

DROP = """
DROP TABLE audit_event;
DROP FUNCTION audit_event_refuse_change();
DROP FUNCTION audit_event_at(text);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE, DROP)],
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("body", models.TextField()),
                        ("type", models.TextField()),
                        ("at", models.DateTimeField()),
                        ("actor", models.TextField()),
                        ("actor_name", models.TextField()),
                        ("proposal_id", models.UUIDField(null=True)),
                    ],
                    options={
                        "db_table": "audit_event",
                        "ordering": ["id"],
                        "default_permissions": ("view",),
                        "permissions": [("export_event", "Can export the audit log")],
                    },
                ),
            ],
        ),
    ]
