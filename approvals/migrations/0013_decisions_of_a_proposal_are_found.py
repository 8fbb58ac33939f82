from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Not in a transaction, so that people can decide while the index is built."""

    atomic = False
    dependencies = [("approvals", "0012_looks_know_their_page")]

    operations = [
        AddIndexConcurrently("decision", models.Index(fields=["proposal"], name="decision_by_proposal"))
    ]
