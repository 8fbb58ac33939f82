from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("execution", "0015_former_executions_are_kept"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="found",
            field=models.JSONField(
                help_text="Of an unknown outcome: what a person found out, who that was, how they know.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="compensation",
            name="status",
            field=models.CharField(
                choices=[
                    ("offered", "Offered"),
                    ("approved", "Approved"),
                    ("declined", "Declined"),
                    ("lapsed", "Lapsed"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                ],
                default="offered",
                max_length=8,
            ),
        ),
    ]
