from django.db import migrations, models

CREATE = """
CREATE TABLE audit_leaf (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    event_id bigint NOT NULL UNIQUE,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE TABLE audit_node (
    level smallint CHECK (level > 0),
    index bigint CHECK (index >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, index)
);
CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    at timestamptz NOT NULL DEFAULT statement_timestamp(),
    note text NOT NULL
);
CREATE INDEX audit_checkpoint_by_time ON audit_checkpoint (at);

CREATE TABLE audit_sealer (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    origin text NOT NULL,
    floor bigint NOT NULL DEFAULT 0,
    head bigint NOT NULL DEFAULT 0,
    waits_for text[] NOT NULL DEFAULT '{}',
    keys text[] NOT NULL DEFAULT '{}',
    signed_size bigint NOT NULL DEFAULT 0,
    signed_at timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

REFUSE = """
CREATE TRIGGER {0}_rows_stay BEFORE UPDATE OR DELETE ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER {0}_table_stays BEFORE TRUNCATE ON {0}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""
CREATE += "".join(REFUSE.format(table) for table in ("audit_leaf", "audit_node", "audit_checkpoint"))

DROP = """
DROP TABLE audit_sealer, audit_checkpoint, audit_node, audit_leaf;
DROP FUNCTION audit_refuse_change();
"""

# An entry bundle (C2SP tlog-tiles) tells the length of an entry in 16 bits.
BOUND = """
ALTER TABLE audit_event ADD CONSTRAINT audit_event_fits_an_entry CHECK (octet_length(body) < 65536) NOT VALID
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_events_are_found_by_action")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(CREATE, DROP),
                migrations.RunSQL(BOUND, "ALTER TABLE audit_event DROP CONSTRAINT audit_event_fits_an_entry"),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Checkpoint",
                    fields=[
                        ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("root", models.BinaryField(help_text="SHA-256, of the tree of RFC 6962.")),
                        ("at", models.DateTimeField()),
                        ("note", models.TextField(help_text="The checkpoint as a C2SP signed note.")),
                    ],
                    options={
                        "db_table": "audit_checkpoint",
                        "ordering": ["size"],
                        "default_permissions": (),
                    },
                ),
            ],
        ),
    ]
