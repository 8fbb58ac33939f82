from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Not in a transaction, so that proposals can be handed in while their indexes are built."""

    atomic = False
    dependencies = [("suggestions", "0020_sums_by_the_minute")]

    operations = [
        AddIndexConcurrently(
            "proposal", models.Index(fields=["team", "status", "-id"], name="proposal_by_team_and_status")
        ),
        AddIndexConcurrently(
            "proposal",
            models.Index(fields=["-id"], condition=~Q(also_teams=[]), name="proposal_of_several_teams"),
        ),
        RemoveIndexConcurrently("proposal", "proposal_by_status"),
    ]
