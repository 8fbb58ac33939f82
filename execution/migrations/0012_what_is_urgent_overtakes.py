from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Not in a transaction, so that executions go on while the index is built."""

    atomic = False
    dependencies = [("execution", "0011_looks")]

    operations = [
        migrations.AddField(
            "execution",
            "priority",
            models.PositiveSmallIntegerField(
                choices=[(0, "Urgent"), (1, "Soon"), (2, "Ordinary")], db_default=2, default=2
            ),
        ),
        AddIndexConcurrently(
            "execution",
            models.Index(
                fields=["priority", "due_at"],
                condition=models.Q(status="scheduled"),
                name="execution_scheduled_by_prio",
            ),
        ),
    ]
