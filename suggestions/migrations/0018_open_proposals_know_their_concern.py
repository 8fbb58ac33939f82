from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Those that are open already stay without: they are decided within hours."""

    dependencies = [("suggestions", "0017_action_names_have_128_letters")]

    operations = [
        migrations.AddField(
            "proposal",
            "concern",
            models.UUIDField(
                null=True, help_text="What would be done to what; other arguments for the same contradict it."
            ),
        ),
        migrations.AddIndex(
            "proposal",
            models.Index(
                fields=["concern"],
                condition=Q(status="pending", concern__isnull=False),
                name="proposal_open_by_concern",
            ),
        ),
    ]
