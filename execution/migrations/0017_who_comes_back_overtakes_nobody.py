from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Not in a transaction, so that executions go on while the index is built."""

    atomic = False
    dependencies = [("execution", "0016_people_settle_what_is_in_doubt")]

    operations = [
        AddIndexConcurrently(
            "execution",
            models.Index(
                models.F("priority"),
                models.Case(models.When(waits_for="", then=0), default=1),
                models.F("due_at"),
                condition=models.Q(status="scheduled"),
                name="execution_scheduled_by_turn",
            ),
        ),
        RemoveIndexConcurrently("execution", "execution_scheduled_by_prio"),
    ]
