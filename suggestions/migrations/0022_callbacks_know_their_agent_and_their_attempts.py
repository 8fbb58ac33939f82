import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

import audit.ground.ids

FILL = r"""
UPDATE suggestions_callback c
   SET agent_id = p.agent_id,
       origin = coalesce(left(regexp_replace(regexp_replace(lower(substring(
           p.callback_url from '^[a-zA-Z]+://[^/?#]+')), '^(https://.*):443$', '\1'), '^(http://.*):80$', '\1'), 300), '')
  FROM suggestions_proposal p
 WHERE p.id = c.proposal_id AND c.agent_id IS NULL
"""


class Migration(migrations.Migration):
    """Not in a transaction, so that agents can be told of things while the indexes are built."""

    atomic = False
    dependencies = [
        ("governance", "0015_callback_secrets_can_be_replaced"),
        ("suggestions", "0021_lists_of_a_team_are_read_from_an_index"),
    ]

    operations = [
        migrations.AddField(
            "callback",
            "agent",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="callbacks",
                to="governance.agent",
            ),
        ),
        migrations.AddField(
            "callback",
            "origin",
            models.CharField(default="", help_text="Scheme, host and port of the address.", max_length=300),
            preserve_default=False,
        ),
        migrations.AddField(
            "callback",
            "attempts_before",
            models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="Those that count no more: it was sent anew since."
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True),
        migrations.AlterField(
            "callback",
            "agent",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="callbacks",
                to="governance.agent",
            ),
        ),
        migrations.AlterField(
            "callback",
            "status",
            models.CharField(
                choices=[("waiting", "Waiting"), ("paused", "Paused"), ("sent", "Sent"), ("given_up", "given up")],
                default="waiting",
                max_length=8,
            ),
        ),
        AddIndexConcurrently("callback", models.Index(fields=["agent", "-id"], name="callback_by_agent")),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["agent", "-id"],
                condition=Q(status__in=["waiting", "paused"]),
                name="callback_unsent_by_agent",
            ),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["agent", "-id"], condition=Q(status="given_up"), name="callback_given_up_by_agent"
            ),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["agent", "origin", "due_at"],
                condition=Q(status="paused"),
                name="callback_paused_by_origin",
            ),
        ),
        migrations.CreateModel(
            name="CallbackAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                ("took_ms", models.PositiveIntegerField()),
                ("http_status", models.PositiveSmallIntegerField(null=True)),
                ("answer", models.CharField(blank=True, help_text="How the answer begins, without secrets.", max_length=1000)),
                ("error", models.CharField(blank=True, help_text="Empty: it arrived.", max_length=300)),
                ("callback", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="tries", to="suggestions.callback")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("callback", "number"), name="callback_attempt_once_per_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="CallbackEndpoint",
            fields=[
                ("id", models.UUIDField(default=audit.ground.ids.uuid7, primary_key=True, serialize=False)),
                ("origin", models.CharField(max_length=300)),
                ("failures", models.PositiveIntegerField(db_default=0, default=0, help_text="Attempts in a row.")),
                ("failing_since", models.DateTimeField(help_text="The first of them.", null=True)),
                ("last_error", models.CharField(blank=True, db_default="", default="", max_length=300)),
                ("paused_at", models.DateTimeField(help_text="Since then nothing is tried but a probe.", null=True)),
                ("paused_because", models.CharField(blank=True, choices=[("failing", "nothing arrives"), ("gone", "it says that it is gone")], db_default="", default="", max_length=8)),
                ("probe", models.UUIDField(help_text="The one message that may be tried meanwhile.", null=True)),
                ("probes", models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Since it was paused.")),
                ("probe_due_at", models.DateTimeField(help_text="When to try the next one; null: never.", null=True)),
                ("busy_until", models.DateTimeField(help_text="So long what was to be sent anew takes, one after the other.", null=True)),
                ("agent", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="callback_endpoints", to="governance.agent")),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(condition=Q(probe_due_at__isnull=False), fields=["probe_due_at"], name="callback_endpoint_by_probe"),
                    models.Index(condition=Q(paused_at__isnull=False), fields=["-paused_at"], name="callback_endpoint_paused"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("agent", "origin"), name="callback_endpoint_once"),
                    models.CheckConstraint(
                        condition=Q(paused_at__isnull=True, paused_because="", probe_due_at=None)
                        | Q(paused_at__isnull=False, paused_because__in=["failing", "gone"]),
                        name="callback_endpoint_says_why_it_is_paused",
                    ),
                ],
            },
        ),
    ]
