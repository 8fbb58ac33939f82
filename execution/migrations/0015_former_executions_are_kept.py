import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0014_bulk_retries"),
        ("suggestions", "0021_lists_of_a_team_are_read_from_an_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FormerExecution",
            fields=[
                (
                    "id",
                    models.UUIDField(help_text="The execution's.", primary_key=True, serialize=False),
                ),
                ("approved", models.JSONField(help_text="The arguments that had been approved.")),
                (
                    "action_digest",
                    models.CharField(help_text="Of what had been approved.", max_length=71),
                ),
                (
                    "arguments",
                    models.JSONField(help_text="Those that are suggested in their place."),
                ),
                ("edited_digest", models.CharField(help_text="Of what is suggested.", max_length=71)),
                ("story", models.JSONField()),
                ("reason", models.CharField(max_length=2000)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposal",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="former_executions",
                        to="suggestions.proposal",
                    ),
                ),
                (
                    "suggestion",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="suggestions.suggestion",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["proposal", "-at"], name="former_execution_by_proposal"),
                ],
            },
        ),
        migrations.AlterField(
            "incidentexecution",
            "execution",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="incidents",
                to="execution.execution",
            ),
        ),
        migrations.AddField(
            "incidentexecution",
            "former",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="incidents",
                to="execution.formerexecution",
            ),
        ),
        migrations.AddIndex(
            "incidentexecution",
            models.Index(
                fields=["former"],
                condition=models.Q(("former", None), _negated=True),
                name="incident_execution_of_former",
            ),
        ),
        migrations.AddConstraint(
            "incidentexecution",
            models.CheckConstraint(
                condition=models.Q(("execution__isnull", False), ("former__isnull", True))
                | models.Q(("execution__isnull", True), ("former__isnull", False)),
                name="incident_execution_is_about_one",
            ),
        ),
    ]
