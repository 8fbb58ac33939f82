from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Not in a transaction, so that executions go on while the index is built."""

    atomic = False
    dependencies = [("execution", "0012_what_is_urgent_overtakes")]

    operations = [
        migrations.AddField(
            "execution",
            "waits_for",
            models.CharField(
                blank=True,
                db_default="",
                help_text="The route that is let alone, while it waits.",
                max_length=300,
            ),
        ),
        AddIndexConcurrently(
            "execution",
            models.Index(
                fields=["waits_for", "due_at"],
                condition=~models.Q(waits_for=""),
                name="execution_waiting_for_route",
            ),
        ),
    ]
