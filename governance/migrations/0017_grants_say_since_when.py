"""What somebody was given says since when and by whom; of what was given before, the log tells."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# Columns of their own on the tables that Django made for the two lists. A row that was there before has no
# moment that anybody could vouch for, but where the log has it.
FORWARDS = """
ALTER TABLE governance_user_groups ADD COLUMN since timestamptz, ADD COLUMN given_by varchar(301) NOT NULL DEFAULT '';
ALTER TABLE governance_user_teams ADD COLUMN since timestamptz, ADD COLUMN given_by varchar(301) NOT NULL DEFAULT '';
ALTER TABLE governance_user_groups ALTER COLUMN since SET DEFAULT statement_timestamp(), ALTER COLUMN given_by DROP DEFAULT;
ALTER TABLE governance_user_teams ALTER COLUMN since SET DEFAULT statement_timestamp(), ALTER COLUMN given_by DROP DEFAULT;
"""
BACKWARDS = """
ALTER TABLE governance_user_groups DROP COLUMN since, DROP COLUMN given_by;
ALTER TABLE governance_user_teams DROP COLUMN since, DROP COLUMN given_by;
"""
FROM_THE_LOG = """
CREATE TEMPORARY TABLE let_in ON COMMIT DROP AS
SELECT body::jsonb -> 'data' ->> 'user' AS person, body::jsonb -> 'data' AS said, at, actor_name AS by
  FROM audit_event WHERE type = 'user.created';
UPDATE governance_user u SET let_in_by = l.by FROM let_in l WHERE l.person = u.id::text;
UPDATE governance_user_groups h SET since = l.at, given_by = l.by
  FROM let_in l, auth_group g
 WHERE l.person = h.user_id::text AND g.id = h.group_id AND l.said -> 'roles' ? g.name;
UPDATE governance_user_teams h SET since = l.at, given_by = l.by
  FROM let_in l WHERE l.person = h.user_id::text AND l.said -> 'teams' ? h.team_id;
UPDATE governance_agentkey k SET given_by = e.actor_name FROM audit_event e
 WHERE e.type = 'agent_key.issued' AND (e.body::jsonb -> 'data' ->> 'key')::bigint = k.id;
UPDATE governance_apitoken k SET given_by = e.actor_name FROM audit_event e
 WHERE e.type = 'api_token.issued' AND (e.body::jsonb -> 'data' ->> 'key')::bigint = k.id;
DROP TABLE let_in;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_events_are_append_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("governance", "0016_workflows_are_kept_as_written"),
    ]

    operations = [
        migrations.AddField(
            model_name="agentkey",
            name="given_by",
            field=models.CharField(blank=True, help_text="As the log names them.", max_length=301),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="given_by",
            field=models.CharField(blank=True, help_text="As the log names them.", max_length=301),
        ),
        migrations.AddField(
            model_name="user",
            name="let_in_by",
            field=models.CharField(blank=True, help_text="As the log names them.", max_length=301),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARDS, BACKWARDS, elidable=True)],
            state_operations=[
                migrations.CreateModel(
                    name="RoleHeld",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "since",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), null=True
                            ),
                        ),
                        (
                            "given_by",
                            models.CharField(blank=True, help_text="As the log names them.", max_length=301),
                        ),
                        (
                            "group",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="auth.group"
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "governance_user_groups",
                        "abstract": False,
                        "default_permissions": (),
                    },
                ),
                migrations.AlterField(
                    model_name="user",
                    name="groups",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="user_set",
                        related_query_name="user",
                        through="governance.RoleHeld",
                        to="auth.group",
                    ),
                ),
                migrations.CreateModel(
                    name="TeamMembership",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "since",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), null=True
                            ),
                        ),
                        (
                            "given_by",
                            models.CharField(blank=True, help_text="As the log names them.", max_length=301),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="governance.team",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "governance_user_teams",
                        "abstract": False,
                        "default_permissions": (),
                    },
                ),
                migrations.AlterField(
                    model_name="user",
                    name="teams",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="members",
                        through="governance.TeamMembership",
                        to="governance.team",
                    ),
                ),
                migrations.AlterUniqueTogether(
                    name="roleheld",
                    unique_together={("user", "group")},
                ),
                migrations.AlterUniqueTogether(
                    name="teammembership",
                    unique_together={("user", "team")},
                ),
            ],
        ),
        migrations.RunSQL(FROM_THE_LOG, migrations.RunSQL.noop, elidable=True),
    ]
