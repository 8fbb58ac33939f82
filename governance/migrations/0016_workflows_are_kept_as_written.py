import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("governance", "0015_callback_secrets_can_be_replaced")]

    operations = [
        migrations.CreateModel(
            name="WorkflowText",
            fields=[
                (
                    "action_type",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="written_workflow",
                        serialize=False,
                        to="governance.actiontype",
                    ),
                ),
                ("text", models.TextField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
