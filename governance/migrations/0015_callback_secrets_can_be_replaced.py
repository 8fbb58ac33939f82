import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("governance", "0014_incidents_are_taken_on")]

    operations = [
        migrations.CreateModel(
            name="CallbackSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed", models.BinaryField(blank=True, help_text="Encrypted; empty: the first one, which is computed.")),
                ("fingerprint", models.CharField(help_text="To recognise it by, without telling it.", max_length=8)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ends_at", models.DateTimeField(help_text="From then on it signs nothing.", null=True)),
                ("agent", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="callback_secrets", to="governance.agent")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(condition=models.Q(("ends_at", None)), fields=("agent",), name="callback_secret_newest_once")
                ],
            },
        ),
    ]
